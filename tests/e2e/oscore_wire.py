# SPDX-License-Identifier: Apache-2.0
"""Somebody on the path between two programs that speak OSCORE: carries their datagrams, and notices when a nonce serves
twice. It has no keys and knows of RFC 8613 only what is visible: option, Token, Message ID and ciphertext."""

import random
import selectors
import socket
import threading

OSCORE = 9
ACK = 2


def uint(data, nibble, at):
    """An option's delta or length and what is behind it, RFC 7252 §3.1."""
    if nibble < 13:
        return nibble, at
    if nibble == 13:
        return data[at] + 13, at + 1
    return int.from_bytes(data[at:at + 2], "big") + 269, at + 2


class Message:
    """What is visible of a datagram. `oscore` is the option's value, None without."""

    def __init__(self, data):
        self.type = data[0] >> 4 & 3
        self.code = data[1]
        self.mid = data[2:4]
        at = 4 + (data[0] & 15)
        self.token = data[4:at]
        self.oscore = None
        number = 0
        while at < len(data) and data[at] != 0xff:
            delta, behind = uint(data, data[at] >> 4, at + 1)
            length, behind = uint(data, data[at] & 15, behind)
            number += delta
            if number == OSCORE:
                self.oscore = data[behind:behind + length]
            at = behind + length
        self.payload = data[at + 1:]

    def number(self):
        """The Partial IV, None without, RFC 8613 §6.1."""
        length = self.oscore[0] & 7 if self.oscore else 0
        return self.oscore[1:1 + length] if length else None

    def kid_context(self):
        """Empty if there is none."""
        if not self.oscore or not self.oscore[0] & 0x10:
            return b""
        at = 1 + (self.oscore[0] & 7)
        return self.oscore[at + 1:at + 1 + self.oscore[at]]

    def kid(self):
        """Of a request: what follows the number and the kid context. None without."""
        if not self.oscore or not self.oscore[0] & 0x08:
            return None
        at = 1 + (self.oscore[0] & 7)
        return self.oscore[at + (1 + self.oscore[at] if self.oscore[0] & 0x10 else 0):]


class Nonces:
    """Which nonce was used for what. Between two ends with one context the key is told by who sends, and the nonce by
    who made the number and the number (§5.2); what is authenticated beside the text is the request's number (§5.4)."""

    def __init__(self):
        self.used = {}  # (sender, whose number, number): (request's number, ciphertext)
        self.asked = {}  # (asker, Token), and with Message ID: number of the request
        self.requests = self.plain = self.numbered = self.again = 0
        self.reused = []

    def _use(self, sender, whose, number, request, text):
        what = (request, text)
        before = self.used.setdefault((sender, whose, number), what)
        if before != what:
            self.reused.append(f"{sender} {whose} {number.hex()}: {before[1][:8].hex()} and {text[:8].hex()}")

    def _saw_request(self, sender, message):
        number = message.number()
        self.again += self.asked.get((sender, message.token, message.mid)) == number
        self.asked[sender, message.token] = self.asked[sender, message.token, message.mid] = number
        self.requests += 1
        self._use(sender, sender, number, number, message.payload)

    def _saw_response(self, sender, asker, message):
        """One that is no ACK and has no number belongs to the newest request with its Token, unless it is a copy of an
        earlier one."""
        exact = (asker, message.token, message.mid)
        request = self.asked.get(exact if message.type == ACK else exact[:2])
        if request is None:
            return
        number = message.number()
        if number is not None:
            self.numbered += 1
            # The request of a numbered response is not told by it: a notification's is the first one.
            self._use(sender, sender, number, None, message.payload)
        else:
            self.plain += 1
            self._use(sender, asker, request, request, message.payload)

    def saw(self, sender, receiver, datagram):
        message = Message(datagram)
        if message.oscore is None:
            return
        if message.code >> 5 == 0:
            self._saw_request(sender, message)
        else:
            self._saw_response(sender, receiver, message)


class Path:
    """Two sockets: the client talks to `port`, and the server to whoever it is on the other side. Some datagrams are
    lost and some come twice."""

    def __init__(self, seed):
        self.nonces = Nonces()
        self.random = random.Random(seed)
        self.sockets = {}
        for side in ("client", "server"):
            self.sockets[side] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.sockets[side].bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.sockets["client"].getsockname()[1]
        self.ends = {"client": None, "server": None}  # the newest address of each
        self.failed = None
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def serve_by(self, port):
        self.ends["server"] = ("127.0.0.1", port)

    def _carry(self, sender, receiver):
        datagram, source = self.sockets[sender].recvfrom(2048)
        if sender == "client":
            self.ends["client"] = source
        self.nonces.saw(sender, receiver, datagram)
        copies = self.random.choices((0, 1, 2), (3, 94, 3))[0]
        for _ in range(copies if self.ends[receiver] is not None else 0):
            self.sockets[receiver].sendto(datagram, self.ends[receiver])

    def _run(self):
        selector = selectors.DefaultSelector()
        for sender, receiver in (("client", "server"), ("server", "client")):
            selector.register(self.sockets[sender], selectors.EVENT_READ, (sender, receiver))
        while not self.stopped.is_set():
            for key, _ in selector.select(0.1):
                try:
                    self._carry(*key.data)
                except ConnectionError:
                    pass  # the end it was for is dead
                except Exception as error:  # noqa: BLE001: whatever it is, the test must hear of it
                    self.failed = error
                    return

    def stop(self):
        self.stopped.set()
        self.thread.join()
        for each in self.sockets.values():
            each.close()
