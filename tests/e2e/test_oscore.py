#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Devices and server over OSCORE, alone and inside DTLS; the server is killed again and again, and is understood at once
after each time; then all of them are, at random. Usage: test_oscore.py FOLDER-OF-PROGRAMS"""

import json
import os
import random
import secrets
import subprocess
import sys
import tempfile
import time

from house import KEYS, PROGRAMS, Failed, House, Program, check, write
from nonces import Nonces

KILLS = 40      # of the server, for each protection
ANY_KILLS = 120  # of whoever it hits, over OSCORE alone
SECRETS = {name: secrets.token_hex(16) for name in KEYS}
KIDS = {"lamp": "01", "switch": "0a02"}


class SealedHouse(House):
    """The same house; `in_dtls` gives everybody a PSK, too."""

    def __init__(self, folder, in_dtls):
        super().__init__(folder)
        if not in_dtls:
            write(folder, "policy.json", {"rules": [
                {"name": "all", "allow": ["read", "observe"], "requester": "switch", "host": "lamp", "path": "/3311",
                 "security": "oscore"}]})
        self.in_dtls = in_dtls
        self.captures = []  # (who, file)
        self.ports = {}  # where each device began, and stays
        self.traffic = []

    def keys(self, name, sender, recipient):
        account = {"oscore": {"secret": SECRETS[name], "salt": "9e7ca92223786340", "sender": sender,
                              "recipient": recipient}}
        return {**account, "key": KEYS[name]} if self.in_dtls else account

    def capture(self, who):
        self.captures.append((who, os.path.join(self.folder, f"{len(self.captures)}.pcap")))
        return ["--pcap", self.captures[-1][1]]

    def start_server(self):
        line = self.launch_server({
            "listen": f"[::1]:{self.port}", "policy": "policy.json",
            "devices": [{"endpoint": name, **self.keys(name, "ff", KIDS[name])} for name in KEYS]},
            *self.capture("server"))
        self.port = line["port"]
        return line

    def start_device(self, name):
        scheme = "coaps" if self.in_dtls else "coap"
        config = write(self.folder, f"{name}.json", {
            "endpoint": name, "listen": f"[::1]:{self.ports.get(name, 0)}", "state": f"{name}.state",
            "servers": [{"id": 1, "uri": f"{scheme}://[::1]:{self.port}", "lifetime": 300, "authority": True,
                         **self.keys(name, KIDS[name], "ff")}],
            "objects": {"3311": {"0": {"5850": True, "5706": "white"}}}})
        device = Program(name, [os.path.join(PROGRAMS, "proa"), "client", config, "--json", *self.capture(name)])
        self.devices[name] = device
        self.ports[name] = device.wait_json(event="started")["port"]
        device.wait_json(timeout_s=60, event="registered")

    def start_traffic(self):
        """Reads and updates that nobody waits for, until somebody dies."""
        socket = os.path.join(self.folder, "proad.sock")
        for _ in range(3):
            self.traffic.append(subprocess.Popen(
                [os.path.join(PROGRAMS, "proa"), "ctl", "--socket", socket, "read", "lamp", "/3311/0"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        for device in self.devices.values():
            device.say("update")

    def close(self):
        super().close()
        for process in self.traffic:
            process.wait(60)


def lamp_is_read(house):
    """At once; but an Update that was under way through three lives of the server ends in a new registration, and what
    is asked in that moment in vain."""
    got = house.control("read", "lamp", "/3311/0/5850")
    if not got["ok"] and "registration ended" in got.get("error", ""):
        got = house.control("read", "lamp", "/3311/0/5850")
    return got["ok"]


def kill_anybody(house):
    for _ in range(ANY_KILLS):
        house.start_traffic()
        house.devices["switch"].say("ask lamp read /3311/0/5850")
        time.sleep(random.uniform(0, 0.1))
        who = random.choice(["server", *house.devices])
        (house.server if who == "server" else house.devices[who]).kill()
        if who == "server":
            house.start_server()
        else:
            house.start_device(who)
        if not lamp_is_read(house):
            raise Failed(f"the lamp is not read after {who} was killed")
    check(True, f"server, lamp or switch killed {ANY_KILLS} times under traffic")
    house.devices["switch"].kill()
    house.start_device("switch")
    check(house.ask()["outcome"] == "OK", "the switch still reads the lamp")


def nonces_are_used_once(house):
    for who in ("server", *house.devices):
        nonces = Nonces()
        for sender, capture in house.captures:
            if sender == who:
                nonces.read(capture, house.port if who == "server" else house.ports[who])
        check(len(nonces.used) > KILLS, f"{len(nonces.used)} nonces of {who} are on the wire")
        check(not nonces.repeated, "none of them twice for different messages")


def contexts_are_shown(house):
    for name, device in house.devices.items():
        device.say("state")
        server = device.wait_json(event="state")["servers"][0]
        check(server["oscore"]["usable"] and server["oscore"]["next"] > 0, f"{name} shows its context with the server")
        device.say("peers")
        peers = device.wait_json(event="peers")
        check(peers["peers"][0]["security"] == "oscore" and peers["peers"][0]["oscore"]["usable"],
              f"{name} shows its context with its peer")
        shown = json.dumps([server, peers])
        check(not any(key in shown for key in SECRETS.values()) and "secret" not in shown, "and no keys")


def story(house, protection):
    house.start_server()
    house.start_device("lamp")
    house.start_device("switch")
    shown = {device["endpoint"]: device["protection"] for device in house.control("devices")["devices"]}
    check(shown == {"lamp": protection, "switch": protection}, f"both are registered, protected by {protection}")
    check(house.ask()["outcome"] == "OK", "a grant and a first read")
    house.wait_granted()
    if not house.in_dtls:
        contexts_are_shown(house)
    for _ in range(KILLS):
        house.start_traffic()
        time.sleep(random.uniform(0, 0.1))
        house.server.kill()
        house.start_server()
        if not lamp_is_read(house):
            raise Failed("the lamp is not read after the server was killed")
    check(True, f"killed {KILLS} times under traffic, and each time the lamp is read at once")
    check(house.ask()["outcome"] == "OK", "the switch reads the lamp as before")
    stats = house.control("stats")["stats"]
    check(stats["sessions"]["handshakes"] == 0, "without a handshake")
    stored = b"".join(open(os.path.join(house.folder, name), "rb").read()
                      for name in os.listdir(house.folder) if name in ("proad.db", "proad.db-wal"))
    found = [key for key in SECRETS.values() if bytes.fromhex(key) in stored or key.encode() in stored]
    check(not found, "no secret is in the database")
    if not house.in_dtls:
        kill_anybody(house)
        nonces_are_used_once(house)


def other_protection_is_refused(house):
    """The lamp comes with its PSK alone, though its account has OSCORE keys, too."""
    house.devices["lamp"].stop()
    house.in_dtls = True
    config = write(house.folder, "bare.json", {
        "endpoint": "lamp", "listen": "[::1]:0",
        "servers": [{"id": 1, "uri": f"coaps://[::1]:{house.port}", "key": KEYS["lamp"]}], "objects": {}})
    house.devices["lamp"] = Program("bare", [os.path.join(PROGRAMS, "proa"), "client", config, "--json"])
    refused = house.server.wait_json(timeout_s=60, event="refused")
    check(refused["code"].startswith("4.01"), "its PSK alone does not register the lamp")


def main():
    for in_dtls in (False, True):
        with tempfile.TemporaryDirectory(prefix="proa-e2e-") as folder:
            house = SealedHouse(folder, in_dtls)
            try:
                story(house, "oscore in dtls" if in_dtls else "oscore")
                if in_dtls:
                    other_protection_is_refused(house)
            except Failed as why:
                print(f"FAILED: {why}")
                return 1
            finally:
                house.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
