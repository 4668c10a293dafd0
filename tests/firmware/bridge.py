# SPDX-License-Identifier: Apache-2.0
"""A network of the kernel: a bridge in a network namespace that ends with this process, a TAP device for each board."""

import socket
import threading

from network import Network
from packets import datagram_of
from peers.namespace import ip


class Bridge(Network):
    name = "namespace"
    prefix_len = 64
    addresses = {"server": "fd00:c2c::1", "lamp": "fd00:c2c::10", "switch": "fd00:c2c::11"}
    ports = {"server": 5684, "lamp": 5683, "switch": 5685, "remote": 5686}

    def __init__(self):
        self.devices = []
        self.socket = None
        self.thread = None

    def _add(self, name, *words):
        ip(*words)
        self.devices.append(name)

    def open(self, macs, capture):
        self.macs = macs
        ip("link", "set", "lo", "up")
        self._add("lab", "link", "add", "lab", "type", "bridge", "mcast_snooping", "0")
        ip("link", "set", "lab", "up", "promisc", "on")  # what boards say to each other is captured, too
        address = f"{self.addresses['server']}/{self.prefix_len}"
        ip("addr", "add", address, "dev", "lab", *(["nodad"] if ":" in address else []))
        for name in macs:
            self._add(name, "tuntap", "add", "dev", name, "mode", "tap")
            ip("link", "set", name, "master", "lab")
            ip("link", "set", name, "up")
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 23)
        self.socket.bind(("lab", 0))
        self.thread = threading.Thread(target=self._listen, args=(capture,), daemon=True)
        self.thread.start()

    def _listen(self, capture):
        while True:
            try:
                frame = self.socket.recv(2000)
            except OSError:
                return  # the bridge is gone
            datagram = datagram_of(frame[14:]) if frame[12:14] == b"\x86\xdd" else None
            if datagram is not None:
                capture.note(*datagram, self.ports["server"])

    def nic(self, name):
        return f"tap,ifname={name},script=no,downscript=no,mac={self.macs[name].hex(':')}"

    def inject(self, name, frame):
        self.socket.send(frame)

    def close(self):
        for name in reversed(self.devices):
            ip("link", "del", name)
        if self.thread is not None:
            self.thread.join()
        if self.socket is not None:
            self.socket.close()


class Bridge4(Bridge):
    """The same over IPv4; nothing is captured."""

    prefix_len = 24
    addresses = {"server": "192.0.2.1", "lamp": "192.0.2.10", "switch": "192.0.2.11"}
