#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the lamp takes on a lm3s6965evb: flash and RAM by part, the most that it used of stack and arenas in the whole
exchange of boards.py, the same image without client-to-client, and instructions.

    ./dev bench firmware [--json]

Exit status 0: everything was measured; 1: something was not, and the reason is told; 3: nothing was run."""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

from boards import Boards
from lab import ROOT, Lab, choose_network, emulator
from peers.cases import Report
from peers.process import Failed, Program, Skipped, run_json

BOARD = "lm3s6965evb"
COUNTING = "mps2-an385"  # has a timer that shows single instructions, and room for both ends
BOARDS = {"lamp": BOARD, "switch": COUNTING}
PROTECTIONS = ("dtls", "oscore")
GOALS = {"extension_flash_pct": 5.0, "notify_oscore": 60000}  # beside those of scripts/firmware.sh for the image


class Figures:
    """What was measured, and why the rest was not."""

    def __init__(self):
        self.reasons = []
        self.values = {"image": dict.fromkeys(("flash", "ram", "at_most", "stack_peak", "arena_peak")), "parts": None,
                       "peaks": {}, "extension_flash_pct": None, "extension_ram_pct": None, "extension": None,
                       "notification_bytes": dict.fromkeys(PROTECTIONS),
                       "instructions": dict.fromkeys(("notify_dtls", "notify_oscore", "handshake"))}

    def take(self, measure, *arguments):
        try:
            measure(self.values, *arguments)
        except (Failed, Skipped) as why:
            self.reasons.append(str(why))


def size(image):
    return run_json([os.path.join(ROOT, "scripts", "firmware.sh"), "size", "--json", image], 600)[-1]


def sizes(values):
    whole = size(f"{BOARD}-lamp")
    values["image"].update(whole["image"], at_most=whole["at_most"])
    values["parts"] = whole["parts"]


# ---- stack and arenas ---------------------------------------------------------------------


def peaks(values, protection, network):
    """The whole test with the lamp on this board; its cases are told on the error output."""
    measured = {}
    report = Report("")
    out, sys.stdout = sys.stdout, sys.stderr
    try:
        Boards(protection, BOARDS, network, measured).run(report)
    finally:
        sys.stdout = out
    lamp = measured.get(BOARD, {}).get(f"lamp_{protection}")
    bad = [case for case in report.cases if case["result"] != "passed"]
    if lamp is None or bad:
        raise Failed(f"the exchange over {protection}: " + (f"{bad[0]['name']}: {bad[0]['why']}" if bad else "no report"))
    values["peaks"][protection] = lamp
    values["image"]["stack_peak"] = max(values["image"]["stack_peak"] or 0, lamp["stack_peak"])
    values["image"]["arena_peak"] = max(values["image"]["arena_peak"] or 0, lamp["engines_peak"] + lamp["dtls_peak"])


# ---- the extension ------------------------------------------------------------------------


def used_with_one_server(lab, program):
    """Bytes of the arenas after registering and one read, over DTLS."""
    lamp = lab.start("lamp", program)
    try:
        lamp.wait("^registered 1", 150)
        if not lab.control("read", "lamp", "/3/0/1")["ok"]:
            raise Failed(f"the server cannot read from {program}")
        lamp.say("state")
        used = dict(re.findall(r"(\w+) (\d+) of", lamp.wait("^memory (.*)").group(1)))
        return int(used["engines"]) + int(used["dtls"])
    finally:
        lamp.kill()
        lamp.stop()


def extension(values, network):
    extended = {}
    with tempfile.TemporaryDirectory(prefix="bench-", dir=os.path.join(ROOT, "build", "firmware")) as folder:
        lab = Lab(folder, "dtls", BOARDS, network())
        try:
            lab.open([])
            for program in ("client", "lamp"):
                linked = size(f"{BOARD}-{program}")
                arenas = linked["parts"]["ram"]["engines_arena"] + linked["parts"]["ram"]["dtls_arena"]
                extended[program] = {"flash": linked["image"]["flash"],
                                     "ram": linked["image"]["ram"] - arenas + used_with_one_server(lab, program)}
        finally:
            lab.close()
    values["extension"] = {**extended, "files": "core/c2c"}
    for what in ("flash", "ram"):
        less, more = extended["client"][what], extended["lamp"][what]
        values[f"extension_{what}_pct"] = round(100 * (more - less) / less, 2)


# ---- instructions -------------------------------------------------------------------------


def count(protection):
    image = os.path.join(ROOT, "build", "firmware", f"{COUNTING}-measure-{protection}.elf")
    program = Program(f"measure-{protection}", emulator(COUNTING, image, None, "-icount", "shift=0,sleep=off"))
    try:
        program.wait("^measured end", 120)
    finally:
        program.stop()
    return {name: int(value) for name, value in
            (line.split()[1:] for line in program.seen if re.match(r"measured \w+ \d+$", line))}


def instructions(values):
    repeatable = True
    for protection in PROTECTIONS:
        counted = count(protection)
        repeatable = repeatable and counted == count(protection)
        if counted.pop("two_million") != 2000000:
            raise Failed("the emulator does not count instructions")
        values["notification_bytes"][protection] = counted.pop("datagram")
        for name, value in counted.items():
            key = name if name.startswith(("handshake", "first")) else f"{name}_{protection}"
            values["instructions"][key] = value
    values["instructions"]["repeatable"] = repeatable
    if not repeatable:
        raise Failed("two runs did not count the same instructions")


# ---- telling ------------------------------------------------------------------------------


def build_info():
    with open(os.path.join(ROOT, "CMakeLists.txt"), encoding="utf-8") as file:
        version = re.search(r"project\(proa VERSION ([\d.]+)", file.read()).group(1)
    commit = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"], cwd=ROOT,
                            check=False, capture_output=True, text=True).stdout.strip()
    return {"version": version, "commit": commit or "unknown"}


def goals(values):
    """Each goal, what there is, and whether it is met; null if it was not measured."""
    got = {"flash": values["image"]["flash"], "ram": values["image"]["ram"],
           "extension_flash_pct": values["extension_flash_pct"],
           "notify_oscore": values["instructions"]["notify_oscore"]}
    return {name: {"max": most, "met": None if got[name] is None else got[name] <= most}
            for name, most in {**(values["image"]["at_most"] or {}), **GOALS}.items()}


def shown(value):
    if value is None:
        return "not measured"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value).lower()


def rows(values):
    """Text: a name and a figure a line."""
    for memory in ("flash", "ram"):
        for name, value in ((values["parts"] or {}).get(memory) or {}).items():
            yield f"{memory} {name}", value
        yield f"{memory} of the whole image", values["image"][memory]
    yield "stack, most in use", values["image"]["stack_peak"]
    yield "arenas, most in use", values["image"]["arena_peak"]
    for program, what in (("client", "without"), ("lamp", "with")):
        for memory in ("flash", "ram"):
            figure = (values["extension"] or {}).get(program, {}).get(memory)
            yield f"{memory} {what} client-to-client, one server", figure
    for memory in ("flash", "ram"):
        yield f"client-to-client, % of {memory}", values[f"extension_{memory}_pct"]
    for name, value in values["instructions"].items():
        yield f"instructions {name}", value
    for name, value in values["notification_bytes"].items():
        yield f"bytes of a notification, {name}", value


# Of others, as they publish it: name, flash, RAM, what is counted. docs/FIRMWARE.md has the sources.
OTHERS = (
    ("paper, client", "26,135", "10,047", "the client's modules; no kernel, network stack, DTLS, C library"),
    ("paper, with C2C, authorisation", "31,221", "10,255", "the same"),
    ("Anjay Lite 2.0.0, minimal", "33.2 kB", "", "library; no TLS, no network stack"),
    ("Anjay Lite 2.0.0, everything", "65.5 kB", "9,068", "the same; RAM: its core and four objects"),
    ("Wakaama embedded", "30 kB", "~5 kB", "its README's claim; what is counted is not said"),
)


def tell(values):
    print(f"The lamp on {BOARD}: bytes; instructions on {COUNTING}")
    for name, value in rows(values):
        print(f"  {name:44} {shown(value):>12}")
    print("Goals")
    for name, goal in goals(values).items():
        met = {None: "not measured", True: "met", False: "missed"}[goal["met"]]
        print(f"  {name:44} {shown(goal['max']):>12}  {met}")
    print("Others, each counted otherwise (docs/FIRMWARE.md)")
    for name, flash, ram, what in OTHERS:
        print(f"  {name:30} {flash:>9} {ram:>9}  {what}")


def main():
    parser = argparse.ArgumentParser(prog="./dev bench firmware", description=__doc__.split("\n")[0])
    parser.add_argument("--json", action="store_true", help="one line, an object")
    options = parser.parse_args()
    network = choose_network()
    figures = Figures()
    figures.take(sizes)
    figures.take(instructions)
    for protection in PROTECTIONS:
        figures.take(peaks, protection, network)
    figures.take(extension, network)
    ok = not figures.reasons
    if options.json:
        print(json.dumps({"schema": "proa-bench-firmware-1", **build_info(), "ok": ok, "board": BOARD, **figures.values,
                          "goals": goals(figures.values), "reason": "; ".join(figures.reasons) or None}))
    else:
        tell(figures.values)
        for reason in figures.reasons:
            print(f"not measured: {reason}")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
