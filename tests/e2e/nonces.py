# SPDX-License-Identifier: Apache-2.0
"""Looks at what a program sent (its own --pcap files, of IPv6) and finds a nonce that protected two different messages
(RFC 8613 §5.2): its own number in requests and responses, or the request's in responses without one."""

import struct


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


def extended(nibble, data, at):
    if nibble == 13:
        return data[at] + 13, at + 1
    if nibble == 14:
        return struct.unpack_from(">H", data, at)[0] + 269, at + 2
    return nibble, at


def sealed(message):
    """(code, token, number or None, kid context, ciphertext) of a message with an OSCORE option; None of any other."""
    if len(message) < 4 or message[0] >> 6 != 1:
        return None
    at = 4 + (message[0] & 15)
    token, number, context, option, found = message[4:at], None, b"", 0, False
    while at < len(message) and message[at] != 0xff:
        byte = message[at]
        delta, at = extended(byte >> 4, message, at + 1)
        length, at = extended(byte & 15, message, at)
        option += delta
        value = message[at:at + length]
        at += length
        if option == 9:
            found = True
            size = value[0] & 7 if value else 0
            number = value[1:1 + size] if size > 0 else None
            if value and value[0] & 0x10:
                context = value[2 + size:2 + size + value[1 + size]]
    return (message[1], token, number, context, message[at + 1:]) if found else None


class Nonces:
    """One (key, nonce), one message; over all captures of a program, however often it was killed. An answer with a kid
    context is one of Appendix B.2, after which both ends have other keys."""

    def __init__(self):
        self.used = {}
        self.keys = {}
        self.requests = {}
        self.repeated = []

    def _use(self, nonce, ciphertext):
        if self.used.setdefault(nonce, ciphertext) != ciphertext:
            self.repeated.append(nonce)

    def read(self, path, own_port):
        for source, target, message in datagrams(path):
            seen = sealed(message)
            if seen is None:
                continue
            code, token, number, context, ciphertext = seen
            keys = self.keys.get(target)
            if source != own_port:
                if code < 32:
                    self.requests[source, token] = number
            elif number is not None:
                self._use((target, keys, "own", number), ciphertext)
            elif code >= 32 and (target, token) in self.requests:
                self._use((target, keys, "the request's", self.requests[target, token]), ciphertext)
            if source == own_port and context and code >= 32:
                self.keys[target] = context
