#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two programs that speak OSCORE are killed at random moments, in the middle of writing what has to survive, too. No
nonce may serve twice, and after each restart requests must be answered again (RFC 8613 §7.5, Appendix B.1).
Usage: test_oscore_kill.py FOLDER-OF-PROGRAMS [KILLS [SEED]]"""

import os
import random
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from oscore_wire import Path  # noqa: E402
from peers.process import Failed, Program  # noqa: E402

PROGRAM = os.path.join(os.path.abspath(sys.argv[1]), "oscore-peer")
KILLS = int(sys.argv[2]) if len(sys.argv) > 2 else 200
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 32)
LONGEST_LIFE_S = 0.05  # before a kill that is not waited for
ANSWERS = 3  # the first ones may have been on their way when the server was killed
ANSWER_TIMEOUT_S = 60


class Ends:
    """Client and server, each with a folder for its state that outlives it."""

    def __init__(self, folder, path):
        self.folder = folder
        self.path = path
        self.programs = {}
        self.start("server")
        self.start("client")

    def start(self, side):
        state = os.path.join(self.folder, side)
        if side == "server":
            program = Program(side, [PROGRAM, "serve", state, "127.0.0.1:0", "b"])
        else:
            program = Program(side, [PROGRAM, "traffic", state, self.path.address])
        self.programs[side] = program

    def find_server(self):
        """Not at once after its start: it may be killed before it listens."""
        match = self.programs["server"].wait(r"^listening (\d+) (\w+)$")
        self.path.serve_by(int(match[1]))

    def kill(self, side):
        program = self.programs[side]
        if not program.alive():
            raise Failed(f"the {side} has ended by itself, status {program.process.returncode}")
        program.process.kill()
        program.stop()
        self.start(side)

    def wait_for_answers(self):
        client = self.programs["client"]
        while not client.lines.empty():
            client.wait("")
        for _ in range(ANSWERS):
            client.wait(r"^answered 2\.", ANSWER_TIMEOUT_S)

    def stop(self):
        for program in self.programs.values():
            program.process.kill()
            program.stop()


def one_round(chance, ends):
    """Some kills one after the other, then both must find each other again. Gives how many kills that were."""
    victims = [side for _ in range(chance.choice((1, 1, 2, 3)))
               for side in chance.choice((("client",), ("server",), ("client", "server")))]
    ends_found = True
    for side in victims:
        time.sleep(chance.uniform(0, LONGEST_LIFE_S))
        ends.kill(side)
        ends_found = ends_found and side != "server"
    if not ends_found:
        ends.find_server()
    ends.wait_for_answers()
    return len(victims)


def story(folder, path):
    chance = random.Random(SEED)
    ends = Ends(folder, path)
    kills = 0
    try:
        ends.find_server()
        ends.wait_for_answers()
        while kills < KILLS and not path.nonces.reused and path.failed is None:
            kills += one_round(chance, ends)
    finally:
        ends.stop()
    seen = path.nonces
    print(f"{kills} kills; {seen.requests} requests ({seen.again} of them copies), {seen.plain} responses under their "
          f"number, {seen.numbered} under one of their own")
    if path.failed is not None:
        raise Failed(f"on the path: {path.failed!r}")
    if seen.reused:
        raise Failed("nonces that served twice: " + "; ".join(seen.reused[:5]))
    if min(seen.requests, seen.plain, seen.numbered) < kills:
        raise Failed("too little traffic to say anything")


def main():
    print(f"seed {SEED}", flush=True)
    with tempfile.TemporaryDirectory(prefix="proa-kill-") as folder:
        path = Path(SEED)
        try:
            story(folder, path)
        except Failed as why:
            print(f"FAILED: {why}")
            return 1
        finally:
            path.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
