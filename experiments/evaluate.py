#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The paper's evaluation, run again: proa-experiment on every topology, CSV files, a report.

    ./dev experiments [--quick] [--out DIR] [--topology FILE]... [--json]

What was run is kept, so an interrupted evaluation goes on when the same command is given again.
Exit status 0: done, and the direction of every claim holds; 1: not so; 2: a bad argument or topology file; 3: there is
no proa-experiment; 130: interrupted."""

import argparse
import concurrent.futures
import json
import os
import re
import signal
import subprocess
import sys

import claims
import measure
import plan
import report
import tables
from progress import Progress
from runs import Failed, Runs, Stopped
from topologies import Topology, found

ROOT = measure.ROOT
KINDS = ("notify", "throughput", "authorize", "memory", "live")


def arguments(argv):
    parser = argparse.ArgumentParser(
        prog="./dev experiments", description=__doc__.split("\n")[0],
        epilog="Reads and keeps everything in DIR: the CSV files, report.html and what each run said. docs/EXPERIMENTS.md "
               "tells what is modelled and what the columns mean.")
    parser.add_argument("--quick", action="store_true", help="fewer topologies, seeds and intervals: half a minute")
    parser.add_argument("--out", metavar="DIR", default=os.path.join(ROOT, "build", "experiments"),
                        help="where everything goes (build/experiments)")
    parser.add_argument("--seeds", metavar="N", type=int, help=f"instead of {plan.FULL.seeds}, or {plan.QUICK.seeds} with "
                                                               "--quick")
    parser.add_argument("--count", metavar="N", type=int, help=f"notifications in each run, instead of {plan.FULL.count}")
    parser.add_argument("--topology", metavar="FILE", action="append", default=[],
                        help=f"instead of those in experiments/topologies, beside {plan.HEADLINE}; may be repeated")
    parser.add_argument("--wired-delay-ms", metavar="MS", type=float, default=20.0,
                        help="between border router and server, one way (20)")
    parser.add_argument("--only", metavar="KIND", action="append", choices=KINDS, default=[],
                        help="one of " + ", ".join(KINDS) + "; may be repeated")
    parser.add_argument("--jobs", metavar="N", type=int, default=os.cpu_count() or 1,
                        help="runs at a time (as many as there are processors)")
    parser.add_argument("--only-report", action="store_true", help="render the report from the CSV files that are there")
    parser.add_argument("--export", action="store_true",
                        help="with the report, write docs/images/experiments.svg and the table in README.md")
    parser.add_argument("--json", action="store_true", help="the last line is a JSON object")
    parser.add_argument("--program", default=os.path.join(ROOT, "build", "release", "bin", "proa-experiment"),
                        help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    for name in ("seeds", "count", "jobs"):
        if getattr(options, name) is not None and getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1")
    if options.wired_delay_ms < 0:
        parser.error("--wired-delay-ms must not be negative")
    options.wired_delay_us = round(1000 * options.wired_delay_ms)
    return options


# ---- what is measured ---------------------------------------------------------------------


def extent_of(options):
    extent = plan.QUICK if options.quick else plan.FULL
    if options.topology:
        extent = extent._replace(topologies=())
    return extent._replace(seeds=options.seeds or extent.seeds, count=options.count or extent.count)


def accepted(runs, path):
    """The topology in a file, when the program takes it; Failed has its words."""
    runs.run("path", path, app=plan.SERVER)
    return Topology(path)


def topologies_of(options, runs, extent):
    every = found(os.path.join(ROOT, "experiments", "topologies"))
    if options.topology:  # one that is called like the headline takes its place
        given = [accepted(runs, path) for path in options.topology]
        names = [topology.name for topology in given]
        for name in names:
            if names.count(name) > 1:
                raise Failed(f"two of the topologies given call themselves {name}")
        every = {name: every[name] for name in every if name == plan.HEADLINE}
        every.update((topology.name, topology) for topology in given)
    return {name: every[name] for name in plan.chosen(extent, every)}


def setup_of(options, runs, extent):
    """What the report has to say about how it came about."""
    with open(os.path.join(ROOT, "CMakeLists.txt"), encoding="utf-8") as file:
        version = re.search(r"project\(proa VERSION ([\d.]+)", file.read()).group(1)
    commit = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"], cwd=ROOT, check=False,
                            capture_output=True, text=True).stdout.strip()
    return {"version": version, "commit": commit or "unknown", "quick": options.quick, "seeds": extent.seeds,
            "count": extent.count, "intervals_us": list(extent.intervals_us), "ratio": extent.ratio,
            "wired_delay_us": options.wired_delay_us, "program": runs.hash, "failures": []}


def simulate(options, runs, extent, topologies):
    """All tasks, as many at a time as wished. Returns the rows by table, and what went wrong."""
    simulated = [kind for kind in options.only if kind not in ("memory", "live")]
    tasks = plan.tasks(extent, list(topologies), simulated or (options.only and ["path"]))
    measuring = measure.Measure(runs, extent, topologies, options.wired_delay_us)
    progress = Progress(sum(task.weight for task in tasks), len(tasks))
    rows, failures = {}, {}
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        under_way = {pool.submit(measuring.do, task): task for task in tasks}
        try:
            for future in concurrent.futures.as_completed(under_way):
                kept = False
                try:
                    made, kept = future.result()
                    for table, new in made.items():
                        rows.setdefault(table, []).extend(new)
                except Failed as why:
                    failures.setdefault(why.why, set()).add(why.run)
                progress.add(under_way[future].weight, kept)
        except (KeyboardInterrupt, Stopped):
            runs.stop()
            pool.shutdown(cancel_futures=True)
            raise KeyboardInterrupt from None
        finally:
            progress.close()
    return rows, [f"{len(failed)} run{'s' * (len(failed) > 1)}, like `{min(failed)}`: {why}"
                  for why, failed in sorted(failures.items())]


def evaluate(options):
    """Runs what is to be run, and writes the CSV files."""
    extent = extent_of(options)
    runs = Runs(options.program, os.path.join(options.out, "runs"))
    topologies = topologies_of(options, runs, extent)
    setup = setup_of(options, runs, extent)
    rows, setup["failures"] = simulate(options, runs, extent, topologies)
    rows["topologies"] = [topology.row() for topology in topologies.values()]
    rows["memory"] = (measure.memory(options.out, options.quick) if not options.only or "memory" in options.only
                      else measure.memory_rows({}, "left out by --only"))
    rows["live"] = (measure.live(options.out, os.path.dirname(options.program)) if "live" in options.only or not (options.only or options.quick)
                    else [{"reason": "left out by " + ("--only" if options.only else "--quick")}])
    for name in tables.COLUMNS:
        tables.write(options.out, name, rows.get(name, []))
    tables.replace(os.path.join(options.out, "setup.json"), json.dumps(setup, indent=1, sort_keys=True) + "\n")


# ---- what is told -------------------------------------------------------------------------


def interrupt(_signal, _frame):
    raise KeyboardInterrupt


def tell(result):
    for row in report.summary(result):
        print(row)
    for why in result["failures"][:10]:
        print(f"failed: {why}")


def main(argv=None):
    options = arguments(argv)
    if not options.only_report and not os.access(options.program, os.X_OK):
        print(f"experiments: {options.program} is not part of this tree", file=sys.stderr)
        return 3
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    os.makedirs(options.out, exist_ok=True)
    try:
        if not options.only_report:
            evaluate(options)
    except Failed as why:
        print(f"experiments: {why}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("experiments: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    try:
        setup = json.loads(measure.content(os.path.join(options.out, "setup.json")))
    except FileNotFoundError:
        print(f"experiments: nothing was measured in {options.out}", file=sys.stderr)
        return 2
    measured = claims.Measured(options.out)
    result = claims.result(measured, setup, setup["failures"])
    report.write(options.out, measured, setup, result)
    if options.export:
        for line in report.export(ROOT, measured):
            print(line, file=sys.stderr)
    tell(result)
    print(f"report: {os.path.join(options.out, 'report.html')}", file=sys.stderr)
    if options.json:
        print(json.dumps(result, sort_keys=True))
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
