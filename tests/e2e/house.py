# SPDX-License-Identifier: Apache-2.0
"""A server, and devices that it knows, as real programs in a folder of their own."""

import json
import os
import secrets
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from peers.process import Failed, Program, run, run_json  # noqa: E402, F401

PROGRAMS = os.path.abspath(sys.argv[1])
KEYS = {"lamp": secrets.token_hex(16), "switch": secrets.token_hex(16)}


def write(folder, name, value):
    path = os.path.join(folder, name)
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(value, file)
    return path


def check(condition, what):
    if not condition:
        raise Failed(what)
    print(f"ok: {what}", flush=True)


class House:
    """proad, a lamp and a switch in a folder of their own."""

    def __init__(self, folder):
        self.folder = folder
        write(folder, "policy.json", {"rules": [
            {"name": "all", "allow": ["read", "observe"], "requester": "switch", "host": "lamp", "path": "/3311"}]})
        self.port = 0
        self.server = None
        self.devices = {}

    def start_server(self):
        config = write(self.folder, "proad.json", {
            "listen": f"[::1]:{self.port}", "policy": "policy.json",
            "devices": [{"endpoint": name, "key": key} for name, key in KEYS.items()]})
        self.server = Program("proad", [os.path.join(PROGRAMS, "proad"), "--config", config, "--json"])
        line = self.server.wait_json(event="listening")
        self.port = line["port"]
        return line

    def start_device(self, name):
        config = write(self.folder, f"{name}.json", {
            "endpoint": name, "listen": "[::1]:0", "state": f"{name}.state",
            "servers": [{"id": 1, "uri": f"coaps://[::1]:{self.port}", "identity": name, "key": KEYS[name],
                         "lifetime": 300, "authority": True}],
            "objects": {"3311": {"0": {"5850": True, "5706": "white"}}}})
        device = Program(name, [os.path.join(PROGRAMS, "proa"), "client", config, "--json"])
        self.devices[name] = device
        device.wait_json(event="registered")

    def ask(self, operation="read"):
        switch = self.devices["switch"]
        switch.say(f"ask lamp {operation} /3311/0/5850")
        return switch.wait_json(timeout_s=60, event="outcome")

    def control(self, *words):
        socket = os.path.join(self.folder, "proad.sock")
        return run_json([os.path.join(PROGRAMS, "proa"), "ctl", "--socket", socket, "--json", *words])[-1]

    def kill(self, program):
        program.process.send_signal(signal.SIGKILL)
        program.process.wait()

    def close(self):
        for program in [*self.devices.values(), self.server]:
            if program is not None:
                program.stop()
