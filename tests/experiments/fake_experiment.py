#!/usr/bin/env -S python3 -SE
# SPDX-License-Identifier: Apache-2.0
"""Stands for proa-experiment: the same arguments, the same columns, numbers from a formula. Direct delivery is ten
times faster and sustains ten times more. Writes a line for each call to $FAKE_LOG, and says "hang" there before it
hangs in the call that $FAKE_HANG names by its interval."""

import json
import os
import re
import sys
import time
import zlib
from types import SimpleNamespace

QUANTILES = [f"q{p:02}" for p in range(0, 100, 5)] + ["q99", "q100"]
NODES = ("frames_sent", "frame_bytes_sent", "acks_sent", "tx_us", "rx_us", "repeated", "collisions", "channel_failures",
         "queue_drops", "given_up")


def say(line):
    if "FAKE_LOG" in os.environ:
        with open(os.environ["FAKE_LOG"], "a", encoding="utf-8") as file:
            file.write(line + "\n")


def show(out, heads, rows):
    for row in [heads, *rows]:
        out.write(",".join(map(str, row)) + "\n")


def notify(options, topology, name):
    draw = zlib.crc32(f"{options.app} {name} {options.seed} {options.interval_us}".encode()) / 2**32
    server = options.app == "baseline_dtls"
    middle = (50000 if server else 5000) * (0.97 + 0.06 * draw)
    least = 60000 if server else 6000
    delivered = int(options.count * min(1, options.interval_us / least))
    quantiles = [round(middle * (0.8 + 0.4 * i / len(QUANTILES))) for i in range(len(QUANTILES))]
    show(sys.stdout, ["app", "topology", "wired_delay_us", "interval_us", "seed", "sent", "delivered", "mean_us", *QUANTILES],
         [[options.app, name, options.wired_delay_us, options.interval_us, options.seed, options.count, delivered,
           round(middle), *quantiles]])
    if options.csv_nodes:
        with open(options.csv_nodes, "w", encoding="utf-8") as file:
            show(file, ["app", "topology", "wired_delay_us", "interval_us", "seed", "node", "role", *NODES],
                 [[options.app, name, options.wired_delay_us, options.interval_us, options.seed, node["id"], node["role"],
                   options.count, 90 * options.count, 0, 3000 * options.count, 3000 * options.count, 0, 0, 0, 0, 0]
                  for node in topology["nodes"]])


def authorize(options, _topology, name):
    part = 1 if options.flow == "seed" else 0.4
    phases = {"ac": 300000, "handshake": 150000, "read": 20000} if "dtls" in options.app else {"ac": 400000, "read": 20000}
    rows = {phase: [round(us * part), 10, 500, 12, round(900 * part)] for phase, us in phases.items()}
    rows["total"] = [sum(column) for column in zip(*rows.values())]
    show(sys.stdout, ["app", "topology", "wired_delay_us", "flow", "seed", "phase", "duration_us", "messages", "udp_bytes",
                      "frames", "frame_bytes"],
         [[options.app, name, options.wired_delay_us, options.flow, options.seed, phase, *row]
          for phase, row in rows.items()])


def path(options, _topology, name):
    direct = [(1, 1, "air", 90)]
    server = [(1, 1, "air", 100), (1, 2, "serial", 120), (1, 3, "wire", 120), (2, 1, "wire", 120), (2, 2, "serial", 120),
              (2, 3, "air", 100)]
    show(sys.stdout, ["app", "topology", "wired_delay_us", "leg", "step", "medium", "bytes"],
         [[options.app, name, options.wired_delay_us, *step]
          for step in (server if options.app == "baseline_dtls" else direct)])


def main():
    words = {word[2:].replace("-", "_"): value for word, value in zip(sys.argv[2::2], sys.argv[3::2])}
    options = SimpleNamespace(csv_nodes=None, wired_delay_us=20000, seed=0)
    vars(options).update(words)
    for number in ("seed", "interval_us", "count"):
        setattr(options, number, int(words.get(number, 0)))
    say(" ".join(sys.argv[1:]))
    if os.environ.get("FAKE_HANG") == str(options.interval_us):
        say("hang")
        time.sleep(600)
    with open(options.topology, encoding="utf-8") as file:
        text = re.sub(r"(?m)^\s*//.*$", "", file.read())
    try:
        topology = json.loads(text)
    except ValueError:
        print(f"{options.topology}:1:1: not JSON", file=sys.stderr)
        return 1
    {"notify": notify, "authorize": authorize, "path": path}[sys.argv[1]](options, topology, topology["name"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
