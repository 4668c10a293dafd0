# SPDX-License-Identifier: Apache-2.0
"""Every datagram of a network, as captures of IPv6 packets."""

import os
import struct
import threading

from packets import packet_of_datagram
from peers.pcap import datagrams

RAW_IP = 101  # the files' link type


class Capture:
    """What the server sends and gets is one file. What boards say to each other goes to a new one whenever they get new
    keys."""

    def __init__(self, folder):
        self.folder = folder
        self.lock = threading.Lock()
        self.server = self._open("server.pcap")
        self.peers = []
        self.new_keys()

    def _open(self, name):
        file = open(os.path.join(self.folder, name), "wb")
        file.write(struct.pack("=IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, RAW_IP))
        return file

    def new_keys(self):
        with self.lock:
            self.peers.append(self._open(f"peers-{len(self.peers)}.pcap"))

    def note(self, source, target, payload, server_port):
        packet = packet_of_datagram(source, target, payload)
        with self.lock:
            file = self.server if server_port in (source[1], target[1]) else self.peers[-1]
            file.write(struct.pack("=IIII", 0, 0, len(packet), len(packet)) + packet)

    def files(self):
        """The names of the captures: the server's, a list of the others."""
        with self.lock:
            for file in (self.server, *self.peers):
                file.flush()
        return self.server.name, [file.name for file in self.peers]

    def read(self):
        """(source port, target port, payload) of each UDP datagram so far; those of one pair in their order."""
        server, peers = self.files()
        return [seen for name in (server, *peers) for seen in datagrams(name)]

    def close(self):
        for file in (self.server, *self.peers):
            file.close()
