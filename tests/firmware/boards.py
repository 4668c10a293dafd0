#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A server and two emulated boards: what devices do together, over DTLS and over OSCORE. Each board is the lamp once.

    ./dev firmware test [--json] [--only REGEX] [--network namespace|socket]

One line a case; with --json the last line is one object. Exit status 0: nothing failed; 1: something did; 3: nothing
was run."""

import argparse
import os
import random
import re
import sys
import tempfile
import time

from debugger import PC, SP, Debugger
from lab import PROGRAMS, ROOT, Lab, build, choose_network, emulator
from bridge import Bridge, Bridge4
from packets import packet_of_datagram
from records import Records
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
from nonces import Nonces  # noqa: E402
from peers.cases import Report, expect, expect_equal  # noqa: E402
from peers.process import Failed, Program, Skipped, find, run_json  # noqa: E402

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
    cases = ("register", "served", "refused_and_granted", "denied", "observe", "direct", "second_peer", "malformed",
             "without_server", "revoke", "memory")
    gates = ("start", "register")

    def __init__(self, protection, boards, network, measured):
        self.name = f"{protection}-lamp-on-{boards['lamp']}"
        self.protection = protection
        self.boards = boards
        self.network = network
        self.measured = measured
        self.lab = None

    def stop(self):
        if self.lab is not None:
            self.lab.close()

    def start(self):
        find("qemu-system-arm")
        rule = {"name": "look", "allow": ["read", "observe"], "requester": "*", "host": "lamp", "path": "/3311"}
        if self.protection == "oscore":
            rule["security"] = "oscore"
        self.lab = Lab(self.folder, self.protection, self.boards, self.network())
        self.lab.open([rule])
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
        self.switch.say(f"probe lamp coap://{self.lab.network.at('lamp')} /3311/0/5706")
        scheme = "coaps" if self.protection == "dtls" else "coap"
        expect_equal(self.switch.wait(r"^hint \d+ (\S+)").group(1), f"{scheme}://{self.lab.network.at('server')}",
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
        boards = {self.lab.network.ports[name] for name in self.boards}
        between = [payload for source, target, payload in wire if {source, target} == boards]
        expect(len(between) >= NOTIFICATIONS, f"{len(between)} datagrams between lamp and switch")
        if self.protection == "dtls":
            data = {payload[0] for source, target, payload in wire if payload and payload[0] in (23, 25)}
            expect_equal(data, {25}, "content types of protected records (25: with connection id)")
            expect(not any(payload[:1] == b"\x16" for payload in between), "the first session took a handshake")
        else:
            clear = [p for p in between if p[0] >> 6 == 1 and b"warm white" in p]
            expect(not clear, "a value was sent in the clear")

    def second_peer(self):
        """A device that is no board asks the lamp, twice: the second time it has forgotten its session."""
        for _ in range(2):
            remote = self.lab.start_remote()
            try:
                remote.say("ask lamp read /3311/0/5706")
                expect_equal(remote.wait_json(timeout_s=60, event="outcome")["outcome"], "OK", "what comes of it")
            finally:
                remote.kill()
                remote.stop()
        self.lab.ask("ask lamp read /3311/0/5706", "OK 2.05 warm white")

    def malformed(self):
        """Frames, packets, records and messages that nobody would send; then all works as before."""
        seed = random.randrange(1 << 32)
        rng = random.Random(seed)
        seen = [payload for _, _, payload in self.lab.wire.read()]
        for _ in range(GARBAGE):
            name = rng.choice(list(self.boards))
            self.lab.network.inject(name, self.lab.mac(name) + garbage(rng, self.lab.network, name, seen))
        for device in (self.lamp, self.switch):
            device.say("read /3/0/1")
            device.wait("^value /3/0/1", 60)
        said = [line for device in (self.lamp, self.switch) for line in device.seen
                if re.match("fault|panic|reboot", line)]
        expect(not said, f"seed {seed}: {said[:2]}")
        self.lab.ask("ask lamp read /3311/0/5706", "OK 2.05 warm white")

    def without_server(self):
        self.lab.server.kill()
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


class OverIpv4(Boards):
    """The same network glue with its other half."""

    cases = ("register", "served", "refused_and_granted", "denied", "observe", "without_server", "revoke")

    def __init__(self, protection, boards, network):
        super().__init__(protection, boards, network, {})
        self.name = f"ipv4-{protection}-lamp-on-{boards['lamp']}"

    def start(self):
        if self.network is not Bridge:
            raise Skipped("over loopback there is no IPv4")
        self.network = Bridge4
        super().start()


class PowerCuts(Boards):
    """The emulator is killed again and again, the file that is the flash stays. Every second cut falls into the
    provisioning of a grant, the others into traffic."""

    cases = ("register", "grant", "cuts", "one_grant", "nonces")
    gates = ("start", "register", "grant", "cuts")

    def __init__(self, protection, boards, network, cuts, seed):
        super().__init__(protection, boards, network, {})
        self.name = f"power-{protection}-lamp-on-{boards['lamp']}"
        self.count = cuts
        self.rng = random.Random(seed)
        self.seed = seed

    def grant(self):
        self.lab.ask("ask lamp read /3311/0/5850")

    def cuts(self):
        for n in range(self.count):
            # A lamp that comes back without its DTLS session is missed only after some seconds.
            victim = "lamp" if n % 4 == 3 or (self.protection == "oscore" and n % 2 == 1) else "switch"
            try:
                if self.rng.random() < 0.5:
                    self.cut_provisioning(victim)
                else:
                    self.cut_traffic(victim)
            except Failed as why:
                raise Failed(f"seed {self.seed}, cut {n}: {why}; {self.lab.describe()}") from why

    def cut(self, victim):
        time.sleep(self.rng.uniform(0, 0.06))
        device = self.lab.devices[victim]
        device.kill()
        device.stop()
        self.lab.start(victim).wait("^registered 1")

    def cut_traffic(self, victim):
        lamp, switch = self.lab.devices["lamp"], self.lab.devices["switch"]
        switch.say("observe lamp /3311/0/5851")
        for value in range(5):
            lamp.say(f"set /3311/0/5851 {value}")
            lamp.say("update")
            switch.say("ask lamp read /3311/0/5850")
            lamp.wait("^set")
        self.cut(victim)
        switch = self.lab.devices["switch"]
        switch.drain()
        number = self.lab.question("ask lamp read /3311/0/5850")
        said = switch.wait(rf"^(authorizing {number}|outcome {number} .*)", 60).group(1)
        expect(said.startswith(f"outcome {number} OK 2.05"), f"traffic, {victim} killed: {said}, so the grant was lost")

    def cut_provisioning(self, victim):
        expect(self.lab.control("revoke", "switch", "lamp")["ok"], "it is revoked")
        for name in self.boards:
            self.lab.devices[name].wait("^peer_removed")
        self.lab.wire.new_keys()
        expect(self.lab.control("allow", "switch", "lamp")["ok"], "it is allowed")
        self.lab.devices["switch"].say("ask lamp read /3311/0/5850")
        self.cut(victim)
        deadline = time.monotonic() + 120
        self.lab.devices["switch"].drain()
        while not self.lab.ask("ask lamp read /3311/0/5850", ".*")[1].startswith("OK 2.05"):
            expect(time.monotonic() < deadline, f"provisioning, {victim} killed: no grant after two minutes")

    def one_grant(self):
        deadline = time.monotonic() + 20  # the switch has its data before the server knows that
        while True:
            states = [grant["state"] for grant in self.lab.control("grants")["grants"]]
            if states.count("active") == 1 or time.monotonic() > deadline:
                break
        expect_equal(states.count("active"), 1, "active grants")
        for device in self.lab.devices.values():
            device.drain()
            device.say("peers")
            device.wait("^peers end")
            expect_equal(sum(line.startswith("peer ") for line in device.seen[-3:]), 1, f"accounts on {device.name}")

    def nonces(self):
        if self.protection == "dtls":
            self.record_numbers()
        else:
            self.partial_ivs()

    def record_numbers(self):
        records = Records()
        for source, target, payload in self.lab.wire.read():
            records.see(source, target, payload)
        expect_equal(records.strange, 0, "datagrams that are not DTLS")
        for name in self.boards:
            port = self.lab.network.ports[name]
            handshakes = sum(port == source for source, _, _ in records.handshakes)
            used = sum(port == source for source, *_ in records.used)
            expect(handshakes > self.count // 4 and used > self.count, f"{name}: {handshakes} handshakes, {used} records")
        expect(not records.repeated, f"seed {self.seed}: {len(records.repeated)} numbers used twice")

    def partial_ivs(self):
        server, peers = self.lab.wire.files()
        for name in self.boards:
            used = []
            with_server = Nonces()
            with_server.read(server, self.lab.network.ports[name])
            used.append(with_server)
            for file in peers:
                used.append(Nonces())
                used[-1].read(file, self.lab.network.ports[name])
            expect(sum(len(nonces.used) for nonces in used) > self.count, f"{name} used few nonces")
            expect(not any(nonces.repeated for nonces in used), f"seed {self.seed}: {name} used a nonce twice")


def garbage(rng, network, name, seen):
    """What follows the target in a frame for a board, wrong somewhere: anywhere, in the IP header, or only in the
    payload."""
    payload = bytearray(rng.choice(seen) if seen and rng.random() < 0.7 else rng.randbytes(rng.randrange(1200)))
    for _ in range(rng.randrange(1, 4)):
        if payload:
            payload[rng.randrange(len(payload))] = rng.randrange(256)
    if rng.random() < 0.3:
        payload = payload[:rng.randrange(len(payload) + 1)]
    source = rng.choice(list(network.addresses.values())), rng.choice(list(network.ports.values()))
    target = network.addresses[name], network.ports[name]
    packet = bytearray(packet_of_datagram(source, target, bytes(payload)))
    if rng.random() < 0.3:
        packet[rng.randrange(len(packet))] = rng.randrange(256)
    kind = rng.choice([b"\x86\xdd", b"\x86\xdd", b"\x86\xdd", b"\x08\x00", b"\x08\x06", rng.randbytes(2)])
    return b"\x02\0\0\0\0\x01" + kind + bytes(packet)[:1500]


def main():
    parser = argparse.ArgumentParser(prog="./dev firmware test", description=__doc__.split("\n")[0])
    parser.add_argument("--json", action="store_true", help="the last line is a JSON object")
    parser.add_argument("--only", metavar="REGEX", default="", help="groups to run")
    parser.add_argument("--network", choices=("namespace", "socket"),
                        help="of the kernel, or of this program and loopback (namespace where it is permitted)")
    parser.add_argument("--cuts", metavar="N", type=int, default=25, help="of power, for each way of protection (25)")
    parser.add_argument("--seed", metavar="N", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    report = Report("proa-firmware-1")
    try:
        network = choose_network(options.network)
    except Skipped as reason:
        why = str(reason)
        report.run("network", lambda: None, why)
        return report.finish({}, options.json)
    version = run_json([os.path.join(PROGRAMS, "proa"), "version", "--json"])[-1]
    measured = {}
    one, other = {"lamp": "lm3s6965evb", "switch": "mps2-an385"}, {"lamp": "mps2-an385", "switch": "lm3s6965evb"}
    for group in (Faults("lm3s6965evb"), Faults("mps2-an385"),
                  Boards("dtls", one, network, measured), Boards("oscore", other, network, measured),
                  OverIpv4("dtls", other, network),
                  PowerCuts("dtls", other, network, options.cuts, options.seed),
                  PowerCuts("oscore", one, network, options.cuts, options.seed)):
        if re.search(options.only, group.name):
            group.run(report)
    build = {name: version[name] for name in ("version", "commit")}
    return report.finish({**build, "network": network.name, "measured": measured}, options.json)


if __name__ == "__main__":
    sys.exit(main())
