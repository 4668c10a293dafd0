# SPDX-License-Identifier: Apache-2.0
"""A server and emulated boards in a network of their own: a bridge in a network namespace that ends with this process,
a TAP device for each board. Keys are new for each run."""

import json
import os
import re
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tests", "interop"))
from peers.pcap import datagrams  # noqa: E402
from peers.process import Failed, Program, Skipped, run, run_json  # noqa: E402, F401

PROGRAMS = os.path.join(ROOT, "build", "release", "bin")
REMOTE = "remote"
PORTS = {"server": 5684, "lamp": 5683, "switch": 5685, REMOTE: 5686}
SENDERS = {"lamp": "01", "switch": "02", REMOTE: "03"}  # Sender IDs; the server's is ff
INSIDE = "PROA_FIRMWARE_NAMESPACE"


def enter_namespace():
    """Begin again inside namespaces of our own, as root or as root of a user namespace: one for the network, one for
    processes, so that whatever becomes of this one, nothing that it started outlives it."""
    if os.environ.get(INSIDE) is not None:
        return
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        raise Skipped("no unshare or no ip here (util-linux, iproute2)")
    spaces = ["--net", "--pid", "--fork", "--kill-child"]
    for way in (["unshare", *spaces], ["unshare", "--map-root-user", *spaces]):
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
                 f'.port = {PORTS[name]}, .server = "{scheme}://{network.at("server")}", '
                 f'.identity = "{name}", .key = key, .key_len = sizeof key, '
                 + (".oscore = &oscore, " if protection == "oscore" else "") + ".lifetime_s = 300};")
    return "\n".join(lines) + "\n"


def write(path, text):
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def build(folder):
    """Images of all devices for all boards, with the configurations in this folder."""
    status, text = run([os.path.join(ROOT, "scripts", "firmware.sh"), "build", folder], timeout_s=600)
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


class Network:
    """Which addresses there are."""

    def __init__(self, prefix_len, server, lamp, switch):
        self.prefix_len = prefix_len
        self.addresses = {"server": server, "lamp": lamp, "switch": switch}

    def at(self, name):
        """Address and port as URIs have them."""
        address = self.addresses[name if name in self.addresses else "server"]
        return f"[{address}]:{PORTS[name]}" if ":" in address else f"{address}:{PORTS[name]}"


IP6 = Network(64, "fd00:c2c::1", "fd00:c2c::10", "fd00:c2c::11")
IP4 = Network(24, "192.0.2.1", "192.0.2.10", "192.0.2.11")


class Wire(threading.Thread):
    """Everything on the bridge, as captures of IP packets: what the server sends and gets, and what boards say to each
    other, which goes to a new file whenever they get new keys."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.folder = folder
        self.lock = threading.Lock()
        self.server = self._open("server.pcap")
        self.peers = []
        self.new_keys()
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 23)
        self.socket.bind(("lab", 0))
        self.start()

    def _open(self, name):
        file = open(os.path.join(self.folder, name), "wb")
        file.write(struct.pack("=IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
        return file

    def new_keys(self):
        with self.lock:
            self.peers.append(self._open(f"peers-{len(self.peers)}.pcap"))

    def run(self):
        while True:
            try:
                frame = self.socket.recv(2000)
            except OSError:
                return
            packet = frame[14:]
            if frame[12:14] == b"\x86\xdd" and len(packet) > 48 and packet[6] == 17:
                with self.lock:
                    ports = struct.unpack_from("!HH", packet, 40)
                    file = self.server if PORTS["server"] in ports else self.peers[-1]
                    file.write(struct.pack("=IIII", 0, 0, len(packet), len(packet)) + packet)

    def files(self):
        """The names of the captures: the server's, a list of the others."""
        with self.lock:
            for file in (self.server, *self.peers):
                file.flush()
        return self.server.name, [file.name for file in self.peers]

    def read(self):
        """(source port, target port, payload) of each UDP datagram so far."""
        server, peers = self.files()
        return [seen for name in (server, *peers) for seen in datagrams(name)]

    def inject(self, frame):
        self.socket.send(frame)


class Lab:
    """`boards` says which board each device is: {"lamp": "lm3s6965evb", ...}."""

    def __init__(self, folder, protection, boards, policy, network=IP6):
        self.folder = folder
        self.protection = protection
        self.boards = boards
        self.network = network
        self.keys = {name: {"psk": secrets.token_hex(16), "secret": secrets.token_hex(16),
                            "salt": secrets.token_hex(8)} for name in (*boards, REMOTE)}
        self.server = None
        self.devices = {}
        self.set_policy(policy)
        for name in boards:
            write(os.path.join(folder, f"{name}.c"), config(name, protection, network, self.keys[name]))
        build(folder)
        self.open_network()
        self.wire = Wire(folder)
        self.start_server()

    def set_policy(self, rules):
        write(os.path.join(self.folder, "policy.json"), json.dumps({"rules": rules}))

    def open_network(self):
        ip("link", "set", "lo", "up")
        ip("link", "add", "lab", "type", "bridge", "mcast_snooping", "0")
        ip("link", "set", "lab", "up", "promisc", "on")  # what boards say to each other is captured, too
        address = f"{self.network.addresses['server']}/{self.network.prefix_len}"
        ip("addr", "add", address, "dev", "lab", *(["nodad"] if ":" in address else []))
        for name in self.boards:
            ip("tuntap", "add", "dev", name, "mode", "tap")
            ip("link", "set", name, "master", "lab")
            ip("link", "set", name, "up")

    def close_network(self):
        for name in [*self.boards, "lab"]:
            ip("link", "del", name)

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
        path = os.path.join(self.folder, "remote.json")
        write(path, json.dumps({
            "endpoint": REMOTE, "listen": self.network.at(REMOTE), "state": "remote.state",
            "servers": [{"uri": f"{scheme}://{self.network.at('server')}", "authority": True,
                         **self.account(REMOTE, SENDERS[REMOTE], "ff")}]}))
        remote = Program(REMOTE, [os.path.join(PROGRAMS, "proa"), "client", path, "--json"])
        remote.wait_json(event="registered")
        return remote

    def start_server(self):
        devices = []
        for name in self.keys:
            devices.append({"endpoint": name, **self.account(name, "ff", SENDERS[name])})
        path = os.path.join(self.folder, "proad.json")
        write(path, json.dumps({"listen": self.network.at("server"), "policy": "policy.json", "devices": devices}))
        self.server = Program("proad", [os.path.join(PROGRAMS, "proad"), "--config", path, "--json"])
        self.server.wait_json(event="listening")

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
        mac = ":".join(f"{byte:02x}" for byte in self.mac(name))
        image = os.path.join(self.folder, f"{board}-{program or name}.elf")
        device = Program(name, emulator(board, image, f"tap,ifname={name},script=no,downscript=no,mac={mac}"),
                         cwd=self.place(name))
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

    def control(self, *words, timeout_s=30):
        socket = os.path.join(self.folder, "proad.sock")
        return run_json([os.path.join(PROGRAMS, "proa"), "ctl", "--socket", socket, "--json", *words], timeout_s)[-1]

    def kill(self, program):
        """Without a word: a power failure."""
        program.process.send_signal(signal.SIGKILL)
        program.process.wait()

    def close(self):
        for program in [*self.devices.values(), self.server]:
            if program is not None:
                program.stop()
        self.wire.socket.close()
        self.close_network()
