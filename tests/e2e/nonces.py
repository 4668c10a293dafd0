# SPDX-License-Identifier: Apache-2.0
"""Looks at what a program sent (its own --pcap files) and finds a nonce that protected two different messages
(RFC 8613 §5.2): its own number in requests and responses, or the request's in responses without one."""

from oscore_wire import Message
from peers.pcap import datagrams


class Contexts:
    """Which context with one peer a message belongs to. A grant that ended and was given again has another one, with
    other kids and numbers from 0; a kid that is new to the newest context begins the next."""

    def __init__(self):
        self.kids = []  # of each context: {"own": kid, "peer's": kid}

    def of(self, whose, kid):
        for n, kids in enumerate(self.kids):
            if kids.get(whose) == kid:
                return n
        if not self.kids or whose in self.kids[-1]:
            self.kids.append({})
        self.kids[-1][whose] = kid
        return len(self.kids) - 1


class Nonces:
    """One (key, nonce), one message; over all captures of a program, however often it was killed. Messages with a kid
    context are of Appendix B.2: a request has keys of its own, and after an answer both ends have other ones."""

    def __init__(self):
        self.used = {}
        self.keys = {}
        self.contexts = {}  # of each peer
        self.requests = {}  # of peers: (context, number)
        self.repeated = []

    def _use(self, nonce, ciphertext):
        if self.used.setdefault(nonce, ciphertext) != ciphertext:
            self.repeated.append(nonce)

    def _context(self, peer, whose, message):
        return self.contexts.setdefault(peer, Contexts()).of(whose, message.kid())

    def read(self, path, own_port):
        for source, target, datagram in datagrams(path):
            seen = Message(datagram) if len(datagram) >= 4 and datagram[0] >> 6 == 1 else None
            if seen is None or seen.oscore is None:
                continue
            is_request = seen.code < 32
            if source != own_port:
                if is_request:
                    self.requests[source, seen.token] = self._context(source, "peer's", seen), seen.number()
                continue
            context, asked = ((self._context(target, "own", seen), None) if is_request
                              else self.requests.get((target, seen.token), (None, None)))
            keys = self.keys.get(target), seen.kid_context() if is_request else b"", context
            if seen.number() is not None:
                self._use((target, keys, "own", seen.number()), seen.payload)
            elif asked is not None:
                self._use((target, keys, "the request's", asked), seen.payload)
            if seen.kid_context() and not is_request:
                self.keys[target] = seen.kid_context()
