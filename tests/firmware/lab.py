# SPDX-License-Identifier: Apache-2.0
"""A server and emulated boards on a network of their own. Keys are new for each run."""

import os
import re
import secrets
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tests", "interop"))
from bridge import Bridge  # noqa: E402
from capture import Capture  # noqa: E402
from hub import Hub  # noqa: E402
from peers.household import Household, write  # noqa: E402
from peers.namespace import enter_namespace  # noqa: E402
from peers.process import Failed, Program, Skipped, run  # noqa: E402

PROGRAMS = os.path.join(ROOT, "build", "release", "bin")
REMOTE = "remote"
SENDERS = {"lamp": "01", "switch": "02", REMOTE: "03"}  # Sender IDs; the server's is ff


def choose_network(wanted=None):
    """"namespace" or "socket"; None: the first that is permitted. Gives the class, and may begin this program again."""
    if wanted != "socket":
        try:
            enter_namespace()
            return Bridge
        except Skipped as why:
            if wanted is not None:
                raise
            print(f"firmware: {why}: server and boards meet on loopback", file=sys.stderr)
    return Hub


def c_bytes(text):
    return "{" + ", ".join(f"0x{byte:02x}" for byte in bytes.fromhex(text)) + "}"


def config(name, protection, network, keys):
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
                 f'.address = "{network.addresses[name]}", .prefix4_len = {min(network.prefix_len, 31)}, '
                 f'.port = {network.ports[name]}, .server = "{scheme}://{network.at("server")}", '
                 f'.identity = "{name}", .key = key, .key_len = sizeof key, '
                 + (".oscore = &oscore, " if protection == "oscore" else "") + ".lifetime_s = 300};")
    return "\n".join(lines) + "\n"


def build(folder, *options):
    """Images of all devices for all boards, with the configurations in this folder."""
    status, text = run([os.path.join(ROOT, "scripts", "firmware.sh"), "build", *options, folder], timeout_s=600)
    if status == 3:
        raise Skipped(text.strip())
    if status != 0:
        raise Failed(text)


def emulator(board, image, network, *more):
    """The command that runs an image, with the board's console as its input and output."""
    model = {"lm3s6965evb": "stellaris", "mps2-an385": "lan9118"}[board]
    nic = "none" if network is None else f"{network},model={model}"
    return ["qemu-system-arm", "-M", board, "-display", "none", "-monitor", "none", "-serial", "stdio",
            "-semihosting-config", "enable=on,target=native", "-kernel", image, "-nic", nic, *more]


class Lab(Household):
    """`boards` says which board each device is: {"lamp": "lm3s6965evb", ...}."""

    def __init__(self, folder, protection, boards, network):
        super().__init__(PROGRAMS, folder)
        self.protection = protection
        self.boards = boards
        self.network = network
        self.keys = {name: {"psk": secrets.token_hex(16), "secret": secrets.token_hex(16),
                            "salt": secrets.token_hex(8)} for name in (*boards, REMOTE)}
        self.wire = Capture(folder)

    def open(self, rules):
        """Network and server, and images for the boards, which have all addresses in them; `rules`: the policy."""
        write(self.folder, "policy.json", {"rules": rules})
        self.network.open({name: self.mac(name) for name in self.boards}, self.wire)
        self.start_server()
        for name in self.boards:
            write(self.folder, f"{name}.c", config(name, self.protection, self.network, self.keys[name]))
        build(self.folder, *([] if ":" in self.network.addresses["server"] else ["--ipv4"]))

    def account(self, name, sender, recipient):
        """The keys of a device as files say them, docs/FILES.md."""
        keys = self.keys[name]
        if self.protection == "oscore":
            return {"oscore": {"secret": keys["secret"], "salt": keys["salt"], "sender": sender,
                               "recipient": recipient}}
        return {"key": keys["psk"]}

    def describe(self):
        """What the boards say of themselves, for who has to find out what went wrong."""
        said = []
        for name, device in self.devices.items():
            try:
                device.say("state")
                said.append(f"{name}: {device.wait('^server .*').group(0)}, {device.wait('^sessions .*').group(0)}")
            except Failed as why:
                said.append(str(why))
        return "; ".join(said)

    def start_remote(self):
        """A device that is no board."""
        scheme = "coap" if self.protection == "oscore" else "coaps"
        path = write(self.folder, "remote.json", {
            "endpoint": REMOTE, "listen": self.network.at(REMOTE), "state": "remote.state",
            "servers": [{"uri": f"{scheme}://{self.network.at('server')}", "authority": True,
                         **self.account(REMOTE, SENDERS[REMOTE], "ff")}]})
        remote = Program(REMOTE, [self.program("proa"), "client", path, "--json"])
        remote.wait_json(event="registered")
        return remote

    def start_server(self):
        devices = []
        for name in self.keys:
            devices.append({"endpoint": name, **self.account(name, "ff", SENDERS[name])})
        line = self.launch_server({"listen": self.network.at("server"), "policy": "policy.json", "devices": devices})
        self.network.ports["server"] = line["port"]

    def place(self, name):
        """Where a board's flash is: a file of this name."""
        place = os.path.join(self.folder, name)
        os.makedirs(place, exist_ok=True)
        return place

    def mac(self, name):
        return bytes([0x52, 0x54, 0, 0, 0xc2, 0x10 + list(self.boards).index(name)])

    def start(self, name, program=None):
        """Turn a board on; `program`: another than the one of its name."""
        board = self.boards[name]
        image = os.path.join(self.folder, f"{board}-{program or name}.elf")
        device = Program(name, emulator(board, image, self.network.nic(name)), cwd=self.place(name))
        self.devices[name] = device
        device.wait(rf"^started {name} on {self.boards[name]}")
        return device

    def question(self, question):
        """Ask what the switch is to ask, again while it is busy with others; its number."""
        switch = self.devices["switch"]
        while True:
            switch.say(question)
            said = switch.wait(r"^asked (\d+)|^error full")
            if said.group(1) is not None:
                return said.group(1)
            switch.wait(r"^outcome", 60)

    def ask(self, question, outcome=r"OK 2\.05 .*"):
        """What the switch asks, and the outcome that must come of it."""
        number = self.question(question)
        switch = self.devices["switch"]
        said = switch.wait(rf"^outcome {number} (.*)", 60).group(1).strip()
        if re.fullmatch(outcome, said) is None:
            raise Failed(f"{question}: {said}, not {outcome}")
        return number, said

    def close(self):
        super().close()
        self.network.close()
        self.wire.close()
