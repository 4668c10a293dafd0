# SPDX-License-Identifier: Apache-2.0
"""From a task to rows: each kind of run, the search for the largest rate, memory and the live twin."""

import json
import os
import subprocess
import sys

import plan
import tables
import throughput
from runs import content, digest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FIRMWARE_TIMEOUT_S = 3000
LIVE_TIMEOUT_S = 900


class Measure:
    """What all tasks share. Each method gives {table: rows}."""

    def __init__(self, runs, extent, topologies, wired_delay_us):
        self.runs, self.extent, self.topologies = runs, extent, topologies
        self.wired_delay_us = wired_delay_us

    def run(self, command, task, nodes=False, **options):
        return self.runs.run(command, self.topologies[task.topology].path, nodes, app=task.app, **options,
                             wired_delay_us=self.wired_delay_us)

    def notifications(self, task, interval_us):
        return self.run("notify", task, nodes=interval_us == plan.UNDISTURBED_US, seed=task.seed,
                        interval_us=interval_us, count=self.extent.count)

    def notify(self, task):
        rows, nodes = self.notifications(task, task.interval_us)
        return {"notifications": rows, "nodes": nodes}

    def throughput(self, task):
        rows = {}
        undisturbed = self.notifications(task, max(self.extent.intervals_us))[0][0]

        def sustains(interval_us):
            rows[interval_us] = self.notifications(task, interval_us)[0][0]
            return throughput.sustained(rows[interval_us], undisturbed)

        good, bad = throughput.search(sustains, throughput.Ladder(self.extent.ratio, task.seed))
        found = rows.get(good, {})
        return {"throughput": [{
            "app": task.app, "topology": task.topology, "wired_delay_us": self.wired_delay_us, "seed": task.seed,
            "interval_us": good, "failing_interval_us": bad, "rate_per_s": 1e6 / good if good else None,
            "sent": found.get("sent"), "delivered": found.get("delivered")}]}

    def authorize(self, task):
        return {"authorize": self.run("authorize", task, seed=task.seed, flow=task.flow)[0]}

    def path(self, task):
        return {"paths": self.run("path", task)[0]}

    def do(self, task):
        """The rows, and whether all was there already."""
        self.runs.here.started = False
        rows = getattr(self, task.kind)(task)
        return rows, not self.runs.here.started


# ---- what is not simulated ----------------------------------------------------------------


def last_json(argv, timeout_s):
    """The object on the last line of what a program prints, and its status; (None, reason) if there is none."""
    try:
        done = subprocess.run(argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, errors="replace", timeout=timeout_s, check=False)
    except (OSError, subprocess.TimeoutExpired) as why:
        return None, str(why)
    try:
        value = json.loads((done.stdout.splitlines() or [""])[-1])
        if isinstance(value, dict):
            return value, value.get("reason") or ""
    except ValueError:
        pass
    said = (done.stderr.strip().splitlines() or [f"{os.path.basename(argv[0])} ended with {done.returncode}"])[-1]
    return None, said


def firmware_sources():
    """A name for everything that the firmware is made of."""
    listed = subprocess.run(["git", "ls-files", "core", "firmware", "include", "ports", "scripts/firmware.sh"], cwd=ROOT,
                            capture_output=True, text=True, check=False).stdout.split()
    files = [name for name in listed if os.path.isfile(os.path.join(ROOT, name))]
    return digest(*(part for name in files for part in (name, content(os.path.join(ROOT, name)))))[:16]


def memory_rows(images, reason):
    return [{"image": image, "flash": images.get(image, {}).get("flash"), "ram": images.get(image, {}).get("ram"),
             "reason": " ".join(reason.split()) or None} for image in ("client", "client_with_c2c")]


def linked_memory():
    """Flash alone, and only of a firmware that has been built: linking is quick, an emulator is not."""
    if not os.path.exists(os.path.join(ROOT, "build", "firmware", "lm3s6965evb-client.elf")):
        return memory_rows({}, "not measured by --quick where ./dev firmware build has not been run")
    images = {}
    for image, name in (("client", "client"), ("client_with_c2c", "lamp")):
        said, reason = last_json(["scripts/firmware.sh", "size", "--json", f"lm3s6965evb-{name}"], 600)
        if said is None:
            return memory_rows({}, reason)
        images[image] = {"flash": said["image"]["flash"]}
    return memory_rows(images, "RAM needs an emulated board: not measured by --quick")


def memory(folder, quick):
    """Kept by the firmware's sources, because it takes minutes."""
    path = os.path.join(folder, "runs", f"memory-{firmware_sources()}.json")
    if os.path.exists(path):
        return json.loads(content(path))
    if quick:
        return linked_memory()
    print("experiments: memory of the firmware (minutes, once)", file=sys.stderr, flush=True)
    said, reason = last_json(["./dev", "bench", "firmware", "--json"], FIRMWARE_TIMEOUT_S)
    extension = (said or {}).get("extension")
    if extension is None:
        return memory_rows({}, reason or "./dev bench firmware did not measure it")
    rows = memory_rows({"client": extension["client"], "client_with_c2c": extension["lamp"]}, "")
    tables.replace(path, json.dumps(rows))
    return rows


LIVE_COLUMNS = ("topology", "app", "sim_us", "live_us", "difference_pct")


def live(folder, programs):
    """Kept by the programs, because real time is not repeatable."""
    program = os.path.join(ROOT, "experiments", "live.py")
    if not os.path.exists(program):
        return [{"reason": "experiments/live.py is not part of this tree"}]
    files = [os.path.join(programs, name) for name in ("proad", "proa", "proa-mesh", "proa-experiment")]
    if not all(os.path.exists(name) for name in files):
        return [{"reason": "the programs of the live twin are not built"}]
    path = os.path.join(folder, "runs", f"live-{digest(*map(content, [*files, program]))[:16]}.json")
    if os.path.exists(path):
        return json.loads(content(path))
    print("experiments: the live twin (minutes, once)", file=sys.stderr, flush=True)
    said, reason = last_json([sys.executable, program, "--json", "--programs", programs], LIVE_TIMEOUT_S)
    rows = [{name: row[name] for name in LIVE_COLUMNS} for row in (said or {}).get("results") or []]
    if not said or said.get("skipped") or said.get("error") or not rows:
        why = (said or {}).get("skipped") or (said or {}).get("error") or reason or "live.py measured nothing"
        return [{"reason": " ".join(why.split())}]
    tables.replace(path, json.dumps(rows))
    return rows
