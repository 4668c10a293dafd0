#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A server, a lamp and a switch on emulated boards, to talk to: a line "lamp COMMAND" or "switch COMMAND" goes to that
board's console ("lamp help" lists them), "ctl WORDS" to the server. The switch may do everything with /3311 of the lamp.

    ./dev firmware run [dtls|oscore]"""

import os
import subprocess
import sys
import tempfile
import threading

from lab import PROGRAMS, ROOT, Lab, choose_network
from peers.process import Failed, Skipped

BOARDS = {"lamp": "lm3s6965evb", "switch": "mps2-an385"}


def show(name, program):
    while (line := program.lines.get()) is not None:
        print(f"{name}: {line}", flush=True)


def main():
    protection = sys.argv[1] if len(sys.argv) > 1 else "dtls"
    if protection not in ("dtls", "oscore"):
        print(__doc__, file=sys.stderr)
        return 2
    network = choose_network()
    rule = {"name": "all", "allow": ["read", "observe", "write"], "requester": "switch", "host": "lamp", "path": "/3311"}
    if protection == "oscore":
        rule["security"] = "oscore"
    os.makedirs(os.path.join(ROOT, "build", "firmware"), exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=os.path.join(ROOT, "build", "firmware")) as folder:
        lab = Lab(folder, protection, BOARDS, network())
        try:
            lab.open([rule])
            programs = {"server": lab.server, **{name: lab.start(name) for name in BOARDS}}
            for name, program in programs.items():
                threading.Thread(target=show, args=(name, program), daemon=True).start()
            for line in sys.stdin:
                name, _, words = line.strip().partition(" ")
                if name in BOARDS:
                    programs[name].say(words)
                elif name == "ctl":
                    subprocess.run([os.path.join(PROGRAMS, "proa"), "ctl", "--socket", f"{folder}/proad.sock",
                                    *words.split()], check=False)
                elif name:
                    print(f"no such device: {name}; {', '.join(BOARDS)} or ctl", file=sys.stderr)
        except (Failed, Skipped, KeyboardInterrupt) as end:
            print(end, file=sys.stderr)
        finally:
            lab.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
