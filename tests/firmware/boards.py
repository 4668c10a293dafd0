#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A server and two emulated boards: what devices do together, over DTLS and over OSCORE. Each board is the lamp once.

    ./dev firmware test [--json] [--only REGEX]

One line a case; with --json the last line is one object. Exit status 0: nothing failed; 1: something did; 3: nothing
was run."""

import argparse
import os
import random
import re
import socket
import struct
import sys
import tempfile

from debugger import PC, SP, Debugger
from lab import ADDRESSES, PORTS, PROGRAMS, ROOT, SERVER, Lab, build, emulator, enter_namespace
from peers.cases import Report, expect, expect_equal
from peers.process import Program, Skipped, find, run_json

NOTIFICATIONS = 1000
GARBAGE = 2000
STACK_SPARE = 512  # bytes of stack that nothing has touched


class Group:
    """Cases that share a folder, in order; see tests/interop/peers/cases.py."""

    name = ""
    cases = ()
    gates = ("start",)
    folder = ""

    def start(self):
        """Set up."""

    def stop(self):
        """End what was started."""

    def run(self, report):
        folder = os.path.join(ROOT, "build", "firmware")
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="test-", dir=folder) as self.folder:
            blocked = ""
            try:
                for case in ("start", *self.cases):
                    result, why = report.run(f"{self.name}/{case}", getattr(self, case), blocked)
                    if result != "passed" and case in self.gates and not blocked:
                        blocked = why if result == "skipped" else f"{case} failed"
            finally:
                self.stop()


class Faults(Group):
    """One board alone that goes wrong: it says where, and starts again."""

    cases = ("no_key", "lost", "overflow")
    NOWHERE = 0x10000000  # neither memory nor register on both boards

    def __init__(self, board):
        self.name = f"faults-{board}"
        self.board = board
        self.device = None

    def start(self):
        find("qemu-system-arm")
        with open(os.path.join(ROOT, "firmware", "lamp", "config.c"), encoding="utf-8") as example:
            text = example.read()
        for name, key_len in (("lamp", "sizeof key"), ("switch", "0")):
            with open(os.path.join(self.folder, f"{name}.c"), "w", encoding="utf-8") as file:
                file.write(re.sub(r"\.key_len = \d+", f".key_len = {key_len}", text))
        build(self.folder)
        self.device = self.launch("lamp", "-chardev", f"socket,path={self.folder}/gdb,server=on,wait=off,id=gdb",
                                  "-gdb", "chardev:gdb")
        self.device.wait("^started lamp on " + self.board)

    def stop(self):
        if self.device is not None:
            self.device.stop()

    def launch(self, name, *options):
        image = os.path.join(self.folder, f"{self.board}-{name}.elf")
        return Program(name, emulator(self.board, image, None, *options), cwd=self.folder)

    def no_key(self):
        device = self.launch("switch")
        try:
            device.wait("^misconfigured key")
        finally:
            device.stop()

    def break_it(self, register, value):
        debugger = Debugger(f"{self.folder}/gdb")
        while debugger.in_interrupt():  # on the other stack
            debugger.let_go()
            debugger = Debugger(f"{self.folder}/gdb")
        expect(debugger.set(register, value), "the debugger changes a register")
        debugger.let_go()

    def comes_back(self):
        self.device.wait("^reboot")
        self.device.wait("^started lamp")
        self.device.say("state")
        self.device.wait("^memory stack")

    def lost(self):
        self.break_it(PC, self.NOWHERE)
        self.device.wait(rf"^fault \d+ at {self.NOWHERE:08x} called from [0-9a-f]+ cfsr [0-9a-f]+")
        self.comes_back()

    def overflow(self):
        self.break_it(SP, 0x20000000 - 64)  # beyond where the stack ends
        self.device.wait(r"^fault \d+ stack overflow")
        self.comes_back()


class Boards(Group):
    cases = ("register", "served", "refused_and_granted", "denied", "observe", "direct", "malformed", "without_server",
             "revoke", "memory")
    gates = ("start", "register")

    def __init__(self, protection, boards, measured):
        self.name = f"{protection}-lamp-on-{boards['lamp']}"
        self.protection = protection
        self.boards = boards
        self.measured = measured
        self.lab = None

    def stop(self):
        if self.lab is not None:
            self.lab.close()

    def start(self):
        find("qemu-system-arm")
        rule = {"name": "look", "allow": ["read", "observe"], "requester": "switch", "host": "lamp", "path": "/3311"}
        if self.protection == "oscore":
            rule["security"] = "oscore"
        self.lab = Lab(self.folder, self.protection, self.boards, [rule])
        for name in self.boards:
            self.lab.start(name)
        self.lamp, self.switch = self.lab.devices["lamp"], self.lab.devices["switch"]

    def register(self):
        for name, device in self.lab.devices.items():
            device.wait("^registered 1")
            line = self.lab.server.wait_json(event="registered")
            expect_equal(line["protection"], self.protection, f"how {name} registered")

    def served(self):
        control = self.lab.control
        expect(control("write", "lamp", "/3311/0/5706", "warm white")["ok"], "the server writes to the lamp")
        self.lamp.wait("^written /3311/0/5706 by server 1")
        expect_equal(control("read", "lamp", "/3311/0/5706")["values"][0]["value"], "warm white", "what it reads")

    def refused_and_granted(self):
        self.switch.say(f"probe lamp coap://[{ADDRESSES['lamp']}]:{PORTS['lamp']} /3311/0/5706")
        scheme = "coaps" if self.protection == "dtls" else "coap"
        expect_equal(self.switch.wait(r"^hint \d+ (\S+)").group(1), f"{scheme}://[{SERVER}]:{PORTS['server']}",
                     "whom the lamp names")
        for word in ("authorizing", "authorized", "connected"):
            self.switch.wait(rf"^{word} \d+")
        expect_equal(self.switch.wait(r"^outcome \d+ (.*\S)").group(1), "OK 2.05 warm white", "the outcome")
        self.lamp.wait("^peer_added switch")

    def denied(self):
        self.lab.ask("ask lamp write /3311/0/5850 1", r"DENIED 4\.03")
        self.lab.ask("ask lamp read /3/0/0", r"DENIED 4\.03")
        self.lab.ask("ask lamp read /3311/0/5850", "OK 2.05 0")

    def observe(self):
        self.lab.ask("observe lamp /3311/0/5851")
        for n in range(NOTIFICATIONS):
            self.lamp.say(f"set /3311/0/5851 {n % 100}")
            expect_equal(self.switch.wait(r"^notification \d+ (\d+)").group(1), str(n % 100), f"notification {n}")

    def direct(self):
        wire = self.lab.wire.read()
        between = [payload for source, target, payload in wire if {source, target} == {PORTS["lamp"], PORTS["switch"]}]
        expect(len(between) >= NOTIFICATIONS, f"{len(between)} datagrams between lamp and switch")
        if self.protection == "dtls":
            data = {payload[0] for source, target, payload in wire if payload and payload[0] in (23, 25)}
            expect_equal(data, {25}, "content types of protected records (25: with connection id)")
        else:
            clear = [p for p in between if p[0] >> 6 == 1 and b"warm white" in p]
            expect(not clear, "a value was sent in the clear")

    def malformed(self):
        """Frames, packets, records and messages that nobody would send; then all works as before."""
        seed = random.randrange(1 << 32)
        rng = random.Random(seed)
        seen = [payload for _, _, payload in self.lab.wire.read()]
        for _ in range(GARBAGE):
            name = rng.choice(list(self.boards))
            self.lab.wire.inject(garbage(rng, self.lab.mac(name), ADDRESSES[name], PORTS[name], seen))
        for device in (self.lamp, self.switch):
            device.say("read /3/0/1")
            device.wait("^value /3/0/1", 60)
        said = [line for device in (self.lamp, self.switch) for line in device.seen
                if re.match("fault|panic|reboot", line)]
        expect(not said, f"seed {seed}: {said[:2]}")
        self.lab.ask("ask lamp read /3311/0/5706", "OK 2.05 warm white")

    def without_server(self):
        self.lab.kill(self.lab.server)
        self.lab.ask("ask lamp read /3311/0/5706", "OK 2.05 warm white")
        self.lab.start_server()
        expect(self.lab.control("read", "lamp", "/3311/0/5706")["ok"], "the server reads again after it was killed")

    def revoke(self):
        expect(self.lab.control("revoke", "switch", "lamp")["ok"], "it is revoked")
        self.switch.wait(r"^observe_end \d+ REVOKED")
        self.lamp.wait("^peer_removed switch REVOKED")
        self.lab.ask("ask lamp read /3311/0/5706", r"DENIED 4\.03")

    def memory(self):
        for name, device in self.lab.devices.items():
            device.say("state")
            line = device.wait("^memory (.*)").group(1)
            used = {what: (int(peak), int(len_)) for what, peak, len_ in re.findall(r"(\w+) (\d+) of (\d+)", line)}
            expect(used["stack"][0] + STACK_SPARE <= used["stack"][1], f"{name}'s stack: {line}")
            self.measured.setdefault(self.boards[name], {})[f"{name}_{self.protection}"] = {
                f"{what}_peak": peak for what, (peak, _) in used.items()}


def checksum(data):
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff or 0xffff


def garbage(rng, mac, address, port, seen):
    """A frame for a board that is wrong somewhere: anywhere, in the IP header, or only in the payload."""
    payload = bytearray(rng.choice(seen) if seen and rng.random() < 0.7 else rng.randbytes(rng.randrange(1200)))
    for _ in range(rng.randrange(1, 4)):
        if payload:
            payload[rng.randrange(len(payload))] = rng.randrange(256)
    if rng.random() < 0.3:
        payload = payload[:rng.randrange(len(payload) + 1)]
    source = ip6(SERVER if rng.random() < 0.5 else rng.choice(list(ADDRESSES.values())))
    target = ip6(address)
    ports = struct.pack("!HH", rng.choice(list(PORTS.values())), port)
    udp = ports + struct.pack("!HH", 8 + len(payload), 0) + payload
    pseudo = source + target + struct.pack("!IxxxB", len(udp), 17)
    udp = udp[:6] + struct.pack("!H", checksum(pseudo + udp)) + udp[8:]
    packet = bytearray(struct.pack("!IHBB", 0x60000000, len(udp), 17, 64) + source + target + udp)
    if rng.random() < 0.3:
        packet[rng.randrange(len(packet))] = rng.randrange(256)
    kind = rng.choice([0x86dd, 0x86dd, 0x86dd, 0x0800, 0x0806, rng.randrange(65536)])
    return mac + b"\x02\0\0\0\0\x01" + struct.pack("!H", kind) + bytes(packet)[:1500]


def ip6(text):
    return socket.inet_pton(socket.AF_INET6, text)


def main():
    parser = argparse.ArgumentParser(prog="./dev firmware test", description=__doc__.split("\n")[0])
    parser.add_argument("--json", action="store_true", help="the last line is a JSON object")
    parser.add_argument("--only", metavar="REGEX", default="", help="groups to run")
    options = parser.parse_args()
    report = Report("proa-firmware-1")
    try:
        enter_namespace()
    except Skipped as reason:
        why = str(reason)
        report.run("namespace", lambda: None, why)
        return report.finish({}, options.json)
    version = run_json([os.path.join(PROGRAMS, "proa"), "version", "--json"])[-1]
    measured = {}
    for group in (Faults("lm3s6965evb"), Faults("mps2-an385"),
                  Boards("dtls", {"lamp": "lm3s6965evb", "switch": "mps2-an385"}, measured),
                  Boards("oscore", {"lamp": "mps2-an385", "switch": "lm3s6965evb"}, measured)):
        if re.search(options.only, group.name):
            group.run(report)
    build = {name: version[name] for name in ("version", "commit")}
    return report.finish({**build, "measured": measured}, options.json)


if __name__ == "__main__":
    sys.exit(main())
