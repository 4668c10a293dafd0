# SPDX-License-Identifier: Apache-2.0
"""Looks at what a program sent (its own --pcap files, of IPv6) and finds a nonce that protected two different messages
(RFC 8613 §5.2): its own number in requests and responses, or the request's in responses without one."""

import struct

from oscore_wire import Message


def datagrams(path):
    with open(path, "rb") as file:
        data = file.read()
    at = 24
    while at + 16 <= len(data):
        length = struct.unpack_from("=I", data, at + 8)[0]
        packet = data[at + 16:at + 16 + length]
        at += 16 + length
        if len(packet) == length and packet[0] >> 4 == 6:
            source, target = struct.unpack_from(">HH", packet, 40)
            yield source, target, packet[48:]


class Nonces:
    """One (key, nonce), one message; over all captures of a program, however often it was killed. Messages with a kid
    context are of Appendix B.2: a request has keys of its own, and after an answer both ends have other ones."""

    def __init__(self):
        self.used = {}
        self.keys = {}
        self.requests = {}
        self.repeated = []

    def _use(self, nonce, ciphertext):
        if self.used.setdefault(nonce, ciphertext) != ciphertext:
            self.repeated.append(nonce)

    def read(self, path, own_port):
        for source, target, datagram in datagrams(path):
            seen = Message(datagram) if len(datagram) >= 4 and datagram[0] >> 6 == 1 else None
            if seen is None or seen.oscore is None:
                continue
            number, ciphertext = seen.number(), seen.payload
            keys = self.keys.get(target), seen.kid_context() if seen.code < 32 else b""
            if source != own_port:
                if seen.code < 32:
                    self.requests[source, seen.token] = number
            elif number is not None:
                self._use((target, keys, "own", number), ciphertext)
            elif seen.code >= 32 and (target, seen.token) in self.requests:
                self._use((target, keys, "the request's", self.requests[target, seen.token]), ciphertext)
            if source == own_port and seen.kid_context() and seen.code >= 32:
                self.keys[target] = seen.kid_context()
