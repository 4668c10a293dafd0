# SPDX-License-Identifier: Apache-2.0
"""A network that needs no rights: the far end of each board's cable in this process, and loopback beyond it.

QEMU gives and takes each frame of a board as one datagram. Here is a socket on ::1 for each board, and its port is the
board's: what the board sends to ::1 leaves from it, and what comes to it the board gets, from ::1 and the sender's port.
So everybody sees everybody else where the server does, and a URI that the server hands out is true on boards, too.

For this a board sends to ::1 over Ethernet, which no board should. lwIP looks for it as for any neighbour if the board's
own address is of ::/64, too; and the hub answers."""

import selectors
import socket
import threading

from network import Network
from packets import advertisement, datagram_of, packet_of_datagram

HERE = "::1"
LOCAL = "127.0.0.1"  # where QEMU and hub meet
OWN_MAC = bytes.fromhex("020000000001")
IPV6 = b"\x86\xdd"


class Cable:
    """Of one board: `frames` goes to its emulator, `outside` to everybody else."""

    def __init__(self, mac, address):
        self.mac = mac
        self.address = address
        self.emulator = None  # where its newest frame came from
        self.frames = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.frames.bind((LOCAL, 0))
        self.outside = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.outside.bind((HERE, 0))
        self.port = self.outside.getsockname()[1]

    def send(self, frame):
        if self.emulator is not None:
            self.frames.sendto(frame, self.emulator)

    def close(self):
        self.frames.close()
        self.outside.close()


class Hub(Network):
    name = "socket"
    prefix_len = 64
    addresses = {"server": HERE, "lamp": "::c2c:0:0:10", "switch": "::c2c:0:0:11"}

    def __init__(self):
        self.ports = {"server": 0, "remote": 0}
        self.cables = {}
        self.closing = threading.Event()
        self.thread = None

    def at(self, name):
        return f"[{HERE}]:{self.ports[name]}"

    def open(self, macs, capture):
        self.capture = capture
        for name, mac in macs.items():
            self.cables[name] = Cable(mac, self.addresses[name])
            self.ports[name] = self.cables[name].port
        self.thread = threading.Thread(target=self._carry, daemon=True)
        self.thread.start()

    def nic(self, name):
        cable = self.cables[name]
        return f"socket,udp={LOCAL}:{cable.frames.getsockname()[1]},localaddr={LOCAL}:0,mac={cable.mac.hex(':')}"

    def inject(self, name, frame):
        self.cables[name].send(frame)

    def close(self):
        self.closing.set()
        if self.thread is not None:
            self.thread.join()
        for cable in self.cables.values():
            cable.close()

    def _carry(self):
        selector = selectors.DefaultSelector()
        for cable in self.cables.values():
            selector.register(cable.frames, selectors.EVENT_READ, (self._frame, cable))
            selector.register(cable.outside, selectors.EVENT_READ, (self._datagram, cable))
        while not self.closing.is_set():
            for key, _ in selector.select(0.1):
                take, cable = key.data
                take(cable, *key.fileobj.recvfrom(2048))
        selector.close()

    def _frame(self, cable, frame, emulator):
        """From a board."""
        cable.emulator = emulator
        packet = frame[14:]
        answer, datagram = advertisement(packet, HERE, OWN_MAC), datagram_of(packet)
        if frame[12:14] != IPV6:
            return
        if answer is not None:
            cable.send(cable.mac + OWN_MAC + IPV6 + answer)
        elif datagram is not None and datagram[0][1] == cable.port and datagram[1][0] == HERE:
            _, target, payload = datagram
            # What boards say to each other passes here twice, and is captured where it arrives.
            if target[1] not in [other.port for other in self.cables.values()]:
                self.capture.note((HERE, cable.port), target, payload, self.ports["server"])
            try:
                cable.outside.sendto(payload, target)
            except OSError:
                pass  # an answer to a forged sender

    def _datagram(self, cable, payload, source):
        """To a board."""
        self.capture.note(source, (HERE, cable.port), payload, self.ports["server"])
        packet = packet_of_datagram(source, (cable.address, cable.port), payload)
        cable.send(cable.mac + OWN_MAC + IPV6 + packet)
