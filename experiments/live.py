#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The live twin: the notification experiment with real programs, each in a network namespace of its own, joined by
the simulator's radio in real time (proa-mesh). Shows how far the simulation agrees with them.

    live.py [--json] [--topology NAME]... [--app APP]... [--seconds N] [--interval-ms N] [--seed N]

One line a case: the median delay from a change on the host to its arrival at the requester, live and simulated; with
--json the last line is one object. Exit status 0: they agree within the limit; 1: they do not, or something failed;
3: nothing was run.

Both are given the same radio. The model's costs of a board's processor are left out of both, because a process has a
processor of its own: what a real program takes is part of the difference."""

import argparse
import csv
import io
import json
import math
import os
import secrets
import signal
import statistics
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(ROOT, "tests", "interop"))
from medians import smoothed  # noqa: E402
from peers.household import Household, write  # noqa: E402
from peers.namespace import Space, enter_namespace  # noqa: E402
from peers.process import Failed, Program, Skipped, json_of, run  # noqa: E402

SCHEMA = "proa-live-1"
LIMIT_PCT = 15
WIRED_DELAY_US = 20000
QUANTILES = (5, 40, 45, 50, 55, 60, 95)
SEEDS = 5  # of the simulation, each with as many notifications as the live run
ENDS = ("host", "requester", "server")
DEVICES = ENDS[:2]
PATH = "/3311/0/5706"
PORT, DEVICE_PORT = 5684, 61616  # as in experiments/mesh.c
MTU = 1280
APPS = ("baseline_dtls", "c2c_dtls", "c2c_oscore")
TOPOLOGIES = ("multihop_0_direct", "m3-317x16261b22")  # one hop and three, none over the border router
SENDERS = {"host": "01", "requester": "02"}  # Sender IDs; the server's is ff
CPU = ("--cpu-send-us", "0", "--cpu-receive-us", "0")


class Twin(Household):
    """Server, host and requester behind an emulated mesh."""

    def __init__(self, programs, folder, topology, app, seed):
        super().__init__(programs, folder)
        self.app = app
        self.security = app.rsplit("_", 1)[1]
        self.keys = {name: {"psk": secrets.token_hex(16), "secret": secrets.token_hex(16),
                            "salt": secrets.token_hex(8)} for name in DEVICES}
        self.mesh = None
        self.spaces = {name: Space() for name in ENDS}
        try:
            self.start(topology, seed)
        except BaseException:
            self.close()
            raise

    def start(self, topology, seed):
        self.addresses = self.start_mesh(topology, seed)
        for name, space in self.spaces.items():
            space.set_up(name, self.addresses[name], MTU)
            space.set("net.ipv6.auto_flowlabels", 0)  # boards send none, and 6LoWPAN would have to carry it
        with self.spaces["server"].entered():
            self.launch_server(self.server_config())
        go_first(self.server, 1)
        for name in ("requester", "host"):  # so that the relay finds the requester registered
            path = write(self.folder, f"{name}.json", self.device_file(name))
            with self.spaces[name].entered():
                self.devices[name] = Program(name, [self.program("proa"), "client", path, "--json"])
            go_first(self.devices[name], 1)
            self.devices[name].wait_json(event="registered", timeout_s=60)

    def start_mesh(self, topology, seed):
        """Gives the address of each end."""
        devices = {name: self.spaces[name].open_tun(name) for name in ENDS}
        descriptors = [word for name, device in devices.items() for word in (f"--{name}", str(device))]
        self.mesh = Program("proa-mesh", [self.program("proa-mesh"), topology, *descriptors, *CPU,
                                          "--wired-delay-us", str(WIRED_DELAY_US), "--seed", str(seed)],
                            pass_fds=list(devices.values()))
        go_first(self.mesh, 2)
        for device in devices.values():
            os.close(device)
        return self.mesh.wait_json(event="open")["addresses"]

    def account(self, name, sender, recipient):
        keys = self.keys[name]
        if self.security == "oscore":
            return {"oscore": {"secret": keys["secret"], "salt": keys["salt"], "sender": sender,
                               "recipient": recipient}}
        return {"key": keys["psk"]}

    def server_config(self):
        if self.is_baseline():
            way = {"relay": [f"host{PATH} -> requester{PATH}"]}
        else:
            way = {"policy": write(self.folder, "policy.json", {"rules": [
                {"name": "the experiment", "allow": ["read"], "requester": "requester", "host": "host",
                 "path": "/3311/0", "security": self.security}]})}
        return {"listen": f"[{self.addresses['server']}]:{PORT}", **way,
                "devices": [{"endpoint": name, **self.account(name, "ff", SENDERS[name])} for name in DEVICES]}

    def device_file(self, name):
        scheme = "coap" if self.security == "oscore" else "coaps"
        return {"endpoint": name, "listen": f"[{self.addresses[name]}]:{DEVICE_PORT}", "state": f"{name}.state",
                "servers": [{"uri": f"{scheme}://[{self.addresses['server']}]:{PORT}", "lifetime": 600,
                             "authority": not self.is_baseline(), **self.account(name, SENDERS[name], "ff")}],
                "objects": {"3311": {"0": {"5850": True, "5706": "00000"}}}}

    def is_baseline(self):
        return self.app.startswith("baseline")

    def follow(self):
        """Until the requester has seen the first value, from when on it sees each, and the network is quiet."""
        requester = self.devices["requester"]
        if self.is_baseline():
            requester.wait_json(event="written", value="00000", timeout_s=60)
            return
        requester.say(f"observe host {PATH}")
        outcome = requester.wait_json(event="outcome", timeout_s=60)
        if outcome["outcome"] != "OK" or not outcome["observing"]:
            raise Failed(f"observe: {outcome}")
        for device in self.devices.values():  # of the accounts that they have now; nothing else is under way after that
            device.wait_json(event="updated", timeout_s=60)

    def changes(self, count, interval_us):
        """Change the host's value at this interval, never sooner; gives the delay in us of each that arrived."""
        host, requester = self.devices["host"], self.devices["requester"]
        for number in range(1, count + 1):
            host.say(f"set {PATH} {number:05d}")
            time.sleep(interval_us / 1e6)
        changed = self.times(host, "set", count, lambda event: event["value"])
        arrived = self.times(requester, "written" if self.is_baseline() else "notification", count, value_of)
        return [(arrived[value] - changed[value]) / 1000 for value in changed if value in arrived]

    def times(self, program, event, count, value):
        """When each value was seen, in ns; waits for the last one, which may be lost."""
        seen = {}
        try:
            while f"{count:05d}" not in seen:
                line = program.wait_json(event=event, timeout_s=5)
                seen.setdefault(value(line), line["t_ns"])
        except Failed:
            if not program.alive():
                raise
        return seen

    def finish(self):
        """End everything, the mesh last, for the others sign off over it; gives its counters."""
        super().close()
        self.mesh.process.terminate()
        return self.mesh.wait_json(schema="proa-mesh-1")

    def close(self):
        super().close()
        if self.mesh is not None:
            self.mesh.stop()
        for space in self.spaces.values():
            space.close()


def go_first(program, priority):
    """Radios and devices do not wait for the machine's other work. Who may not have that goes without."""
    try:
        os.sched_setscheduler(program.process.pid, os.SCHED_FIFO, os.sched_param(priority))
    except (OSError, AttributeError):
        pass


def value_of(event):
    return event["value"] if "value" in event else event["values"][0]["value"]


def quantile(values, percent):
    """The least that this share of all does not exceed, as proa-experiment has it."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def live(options, topology, app, interval_us, count):
    """The delays of real programs, and what the mesh between them counted."""
    with tempfile.TemporaryDirectory(prefix="proa-live-") as folder:
        twin = Twin(options.programs, folder, topology, app, options.seed)
        try:
            twin.follow()
            delays = twin.changes(count, interval_us)
            counters = twin.finish()
        finally:
            twin.close()
    if not delays:
        raise Failed(f"{app}: nothing arrived")
    return {"sent": count, "delivered": len(delays),
            **{f"q{percent:02}_us": round(quantile(delays, percent)) for percent in QUANTILES}}, counters


def simulated(options, topology, app, interval_us, count):
    """The same by proa-experiment: the medians over its seeds."""
    rows = []
    for seed in range(options.seed, options.seed + SEEDS):
        status, text = run([os.path.join(options.programs, "proa-experiment"), "notify", "--app", app,
                            "--topology", topology, "--seed", str(seed), "--interval-us", str(interval_us),
                            "--count", str(count), "--wired-delay-us", str(WIRED_DELAY_US), *CPU], timeout_s=120)
        if status != 0:
            raise Failed(f"proa-experiment: {text.strip()}")
        rows.append(next(csv.DictReader(io.StringIO(text))))
        if rows[-1]["delivered"] == "0":
            raise Failed(f"{app}: nothing arrives in the simulation")
    return {"sent": sum(int(row["sent"]) for row in rows), "delivered": sum(int(row["delivered"]) for row in rows),
            **{f"q{percent:02}_us": round(statistics.median(float(row[f"q{percent:02}"]) for row in rows))
               for percent in QUANTILES}}


def middle_us(quantiles):
    return round(smoothed({name.removesuffix("_us"): us for name, us in quantiles.items()}))


def compare(options, topology, app):
    interval_ms = options.interval_ms or (200 if app.startswith("baseline") else 50)
    count = max(1, options.seconds * 1000 // interval_ms)
    real, counters = live(options, topology, app, 1000 * interval_ms, count)
    model = simulated(options, topology, app, 1000 * interval_ms, count)
    live_us, sim_us = middle_us(real), middle_us(model)
    mesh = {name: counters[name] for name in ("packets_out", "not_taken", "late", "late_mean_us", "late_max_us")}
    for name in ("frames_sent", "repeated", "collisions", "channel_failures", "queue_drops", "given_up", "hop_limit_drops",
                 "no_route_drops"):
        mesh[name] = sum(node[name] for node in counters["nodes"])
    return {"topology": counters["topology"], "app": app, "interval_us": 1000 * interval_ms,
            "live_us": live_us, "sim_us": sim_us, "difference_pct": round(100 * (live_us - sim_us) / sim_us, 2),
            "live": real, "simulated": model, "mesh": mesh}


def topology_file(name):
    return name if name.endswith(".json") else os.path.join(HERE, "topologies", f"{name}.json")


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--json", action="store_true", help="the last line is a JSON object")
    parser.add_argument("--topology", action="append", metavar="NAME",
                        help=f"of experiments/topologies/, or a file ({' and '.join(TOPOLOGIES)})")
    parser.add_argument("--app", action="append", choices=APPS, help="only these")
    parser.add_argument("--seconds", type=int, default=20, help="of each case (20)")
    parser.add_argument("--interval-ms", type=int, default=0, help="between changes (200 by the server, 50 directly)")
    parser.add_argument("--seed", type=int, default=1, help="of back-offs (1)")
    parser.add_argument("--programs", default=os.path.join(ROOT, "build", "release", "bin"), help="where they are")
    return parser.parse_args()


def finish(options, ok, figures):
    if options.json:
        print(json.dumps({"schema": SCHEMA, "ok": ok, **figures}))
    return 0 if ok else 1


def measure(options):
    """The last line's figures, and whether all agree."""
    for name in ("proad", "proa", "proa-mesh", "proa-experiment"):
        if not os.access(os.path.join(options.programs, name), os.X_OK):
            raise Failed(f"no {name} in {options.programs}: ./dev build release")
    enter_namespace()
    status, text = run([os.path.join(options.programs, "proa"), "version", "--json"])
    if status != 0:
        raise Failed(text)
    results = []
    for name in options.topology or TOPOLOGIES:
        for app in options.app or APPS:
            case = compare(options, topology_file(name), app)
            results.append(case)
            print(f"{case['topology']:20} {app:14} live {case['live_us'] / 1000:8.2f} ms, simulated "
                  f"{case['sim_us'] / 1000:8.2f} ms: {case['difference_pct']:+.1f} %", flush=True)
    worst = max(abs(case["difference_pct"]) for case in results)
    build = {name: json_of(text)[name] for name in ("version", "commit")}
    return worst <= LIMIT_PCT, {**build, "wired_delay_us": WIRED_DELAY_US, "limit_pct": LIMIT_PCT,
                                "results": results, "live_vs_sim_pct": worst}


def main():
    options = read_options()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    try:
        return finish(options, *measure(options))
    except Skipped as why:
        print(f"live twin: skipped: {why}", file=sys.stderr)
        finish(options, True, {"skipped": str(why), "live_vs_sim_pct": None})
        return 3
    except Failed as why:
        print(f"live twin: {why}", file=sys.stderr)
        return finish(options, False, {"error": str(why), "live_vs_sim_pct": None})
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
