# SPDX-License-Identifier: Apache-2.0
"""A server, and devices that it knows, as real programs in a folder of their own."""

import os
import secrets
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from peers.household import Household, write  # noqa: E402
from peers.process import Failed, Program, run  # noqa: E402, F401

PROGRAMS = os.path.abspath(sys.argv[1])
KEYS = {"lamp": secrets.token_hex(16), "switch": secrets.token_hex(16)}


def check(condition, what):
    if not condition:
        raise Failed(what)
    print(f"ok: {what}", flush=True)


class House(Household):
    """proad, a lamp and a switch."""

    def __init__(self, folder):
        super().__init__(PROGRAMS, folder)
        write(folder, "policy.json", {"rules": [
            {"name": "all", "allow": ["read", "observe"], "requester": "switch", "host": "lamp", "path": "/3311"}]})
        self.port = 0

    def start_server(self):
        line = self.launch_server({
            "listen": f"[::1]:{self.port}", "policy": "policy.json",
            "devices": [{"endpoint": name, "key": key} for name, key in KEYS.items()]})
        self.port = line["port"]
        return line

    def start_device(self, name):
        config = write(self.folder, f"{name}.json", {
            "endpoint": name, "listen": "[::1]:0", "state": f"{name}.state",
            "servers": [{"id": 1, "uri": f"coaps://[::1]:{self.port}", "identity": name, "key": KEYS[name],
                         "lifetime": 300, "authority": True}],
            "objects": {"3311": {"0": {"5850": True, "5706": "white"}}}})
        device = Program(name, [self.program("proa"), "client", config, "--json"])
        self.devices[name] = device
        device.wait_json(event="registered")

    def ask(self, operation="read"):
        switch = self.devices["switch"]
        switch.say(f"ask lamp {operation} /3311/0/5850")
        return switch.wait_json(timeout_s=60, event="outcome")

    def wait_granted(self):
        """Until the server has it on disk. The switch has its data before (docs/C2C.md §5)."""
        self.server.wait_json(event="granted")
        self.control("grants")  # a line is told in the turn that stores it; this is answered in a later one
