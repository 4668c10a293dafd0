# SPDX-License-Identifier: Apache-2.0
"""A server and emulated boards in a network of their own: a bridge in a network namespace that ends with this process,
a TAP device for each board. Keys are new for each run."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tests", "interop"))
from peers.process import Failed, Program, Skipped, run, run_json  # noqa: E402, F401

PROGRAMS = os.path.join(ROOT, "build", "release", "bin")
SERVER = "fd00:c2c::1"
ADDRESSES = {"lamp": "fd00:c2c::10", "switch": "fd00:c2c::11"}
SENDERS = {"lamp": "01", "switch": "02"}  # Sender IDs of the boards; the server's is ff
INSIDE = "PROA_FIRMWARE_NAMESPACE"


def enter_namespace():
    """Begin again inside a network namespace of our own: as root, or as root of a user namespace."""
    if os.environ.get(INSIDE) is not None:
        return
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        raise Skipped("no unshare or no ip here (util-linux, iproute2)")
    for way in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        if subprocess.run([*way, "true"], check=False, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0:
            os.environ[INSIDE] = "1"
            os.execvp(way[0], [*way, sys.executable, *sys.argv])
    raise Skipped("network namespaces are not permitted here")


def ip(*words):
    status, text = run(["ip", *words])
    if status != 0:
        raise Skipped(f"ip {' '.join(words)}: {text.strip()}")


def c_bytes(text):
    return "{" + ", ".join(f"0x{byte:02x}" for byte in bytes.fromhex(text)) + "}"


def config(name, protection, port, keys):
    """The one file that makes a firmware this device."""
    lines = ['#include "firmware/config.h"', f"static const uint8_t key[] = {c_bytes(keys['psk'])};"]
    scheme = "coaps"
    if protection == "oscore":
        scheme = "coap"
        lines += [f"static const uint8_t {what}[] = {c_bytes(value)};" for what, value in (
            ("secret", keys["secret"]), ("salt", keys["salt"]), ("sender", SENDERS[name]), ("recipient", "ff"))]
        lines.append("static const proa_oscore_params oscore = {"
                     ".master_secret = {secret, sizeof secret}, .master_salt = {salt, sizeof salt}, "
                     ".sender_id = {sender, sizeof sender}, .recipient_id = {recipient, sizeof recipient}, "
                     ".aead = 10, .hmac = -10};")
    lines.append(f'const firmware_config firmware_configuration = {{.endpoint = "{name}", '
                 f'.address = "{ADDRESSES[name]}", .port = 5683, .server = "{scheme}://[{SERVER}]:{port}", '
                 f'.identity = "{name}", .key = key, .key_len = sizeof key, '
                 + (".oscore = &oscore, " if protection == "oscore" else "") + ".lifetime_s = 300};")
    return "\n".join(lines) + "\n"


def write(path, text):
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


class Lab:
    """`boards` says which board each device is: {"lamp": "lm3s6965evb", ...}."""

    def __init__(self, folder, protection, boards, policy):
        self.folder = folder
        self.protection = protection
        self.boards = boards
        self.keys = {name: {"psk": secrets.token_hex(16), "secret": secrets.token_hex(16),
                            "salt": secrets.token_hex(8)} for name in boards}
        self.server = None
        self.devices = {}
        self.set_policy(policy)
        self.open_network()
        self.start_server()
        self.build()

    def set_policy(self, rules):
        write(os.path.join(self.folder, "policy.json"), json.dumps({"rules": rules}))

    def open_network(self):
        ip("link", "add", "lab", "type", "bridge", "mcast_snooping", "0")
        ip("link", "set", "lab", "up")
        ip("-6", "addr", "add", f"{SERVER}/64", "dev", "lab", "nodad")
        for name in self.boards:
            ip("tuntap", "add", "dev", name, "mode", "tap")
            ip("link", "set", name, "master", "lab")
            ip("link", "set", name, "up")

    def close_network(self):
        for name in [*self.boards, "lab"]:
            ip("link", "del", name)

    def start_server(self):
        devices = []
        for name, keys in self.keys.items():
            device = {"endpoint": name}
            if self.protection == "oscore":
                device["oscore"] = {"secret": keys["secret"], "salt": keys["salt"], "sender": "ff",
                                    "recipient": SENDERS[name]}
            else:
                device["key"] = keys["psk"]
            devices.append(device)
        path = os.path.join(self.folder, "proad.json")
        write(path, json.dumps({"listen": f"[{SERVER}]:5684", "policy": "policy.json", "devices": devices}))
        self.server = Program("proad", [os.path.join(PROGRAMS, "proad"), "--config", path, "--json"])
        self.server.wait_json(event="listening")

    def build(self):
        for name in self.boards:
            write(os.path.join(self.folder, f"{name}.c"), config(name, self.protection, 5684, self.keys[name]))
        status, text = run([os.path.join(ROOT, "scripts", "firmware.sh"), "build", self.folder], timeout_s=600)
        if status == 3:
            raise Skipped(text.strip())
        if status != 0:
            raise Failed(text)

    def emulator(self, name):
        board = self.boards[name]
        model = {"lm3s6965evb": "stellaris", "mps2-an385": "lan9118"}[board]
        mac = f"52:54:00:00:c2:{0x10 + list(self.boards).index(name):02x}"
        return ["qemu-system-arm", "-M", board, "-display", "none", "-monitor", "none", "-serial", "stdio",
                "-semihosting-config", "enable=on,target=native", "-kernel",
                os.path.join(self.folder, f"{board}-{name}.elf"),
                "-nic", f"tap,ifname={name},script=no,downscript=no,model={model},mac={mac}"]

    def start(self, name):
        device = Program(name, self.emulator(name), cwd=self.folder)
        self.devices[name] = device
        device.wait(rf"^started {name} on {self.boards[name]}")
        return device

    def control(self, *words, timeout_s=30):
        socket = os.path.join(self.folder, "proad.sock")
        return run_json([os.path.join(PROGRAMS, "proa"), "ctl", "--socket", socket, "--json", *words], timeout_s)[-1]

    def kill(self, name):
        device = self.devices.pop(name)
        device.process.send_signal(signal.SIGKILL)
        device.process.wait()

    def close(self):
        for program in [*self.devices.values(), self.server]:
            if program is not None:
                program.stop()
        self.close_network()
