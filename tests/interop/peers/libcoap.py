# SPDX-License-Identifier: Apache-2.0
"""libcoap's programs: `coap-client` asks our test server, `proa coap` asks `coap-server`.

Debian builds each of them three times: without DTLS, with GnuTLS, with OpenSSL."""

import json
import os
import random
import secrets
import socket
import time

from peers.cases import Group, expect, expect_equal
from peers.process import LINE_TIMEOUT_S, Failed, find, run, run_json

IDENTITY = "peer"
BODY_LEN = 3000  # more than one block of any size
START_ATTEMPTS = 5
PING_TIMEOUT_S = 0.1


def body_text():
    return secrets.token_hex(BODY_LEN // 2)


def cases_for(secure, cases):
    return [case for case in cases if secure or case != "wrong-key"]


class AskedByClient(Group):
    """libcoap's client and `proa coap serve`."""

    cases = ("discover", "get", "get-non-confirmable", "get-blocks", "get-small-blocks",
             "put-get-delete", "put-blocks", "separate", "not-found", "observe", "wrong-key")

    def __init__(self, place, flavour):
        super().__init__(place)
        self.name = f"coap-client-{flavour}"
        self.secure = flavour != "notls"
        self.cases = cases_for(self.secure, self.cases)
        self.key = secrets.token_hex(8)  # libcoap takes keys as text
        self.server = None
        self.base = ""

    def start(self):
        self.client = find(self.name)
        keys = self.secret_file("keys.json", json.dumps({IDENTITY: self.key.encode().hex()}))
        self.server = self.launch("proa coap serve", [
            self.place.program("proa"), "coap", "serve", "--listen", "127.0.0.1:0", "--psk-file",
            keys, "--json"])
        port = self.server.wait_json(event="listening")["port"]
        self.base = f"{'coaps' if self.secure else 'coap'}://127.0.0.1:{port}"

    def ask(self, path, *arguments, key=None):
        """What libcoap got as the payload, and what it printed."""
        out = f"{self.folder}/out"
        if os.path.exists(out):
            os.unlink(out)
        who = ["-u", IDENTITY, "-k", key or self.key] if self.secure else []
        _, printed = run([self.client, *who, "-B", "10", "-o", out, *arguments, self.base + path])
        payload = ""
        if os.path.exists(out):
            with open(out, encoding="utf-8") as file:
                payload = file.read()
        return payload, printed

    def expect_payload(self, wanted, path, *arguments):
        payload, printed = self.ask(path, *arguments)
        expect(payload == wanted, f"got {payload[:80]!r} ({len(payload)} bytes), {printed[:200]!r}")

    def hello(self):
        return "Hello, known one." if self.secure else "Hello, stranger."

    def large(self):
        lines = [chr(ord("a") + i % 26) * 63 + "\n" for i in range(4000 // 64 + 1)]
        return "".join(lines)[:4000]

    def discover(self):
        payload, _ = self.ask("/.well-known/core")
        expect("</counter>;obs" in payload.split(","), f"got {payload!r}")

    def get(self):
        self.expect_payload(self.hello(), "/hello")

    def get_non_confirmable(self):
        self.expect_payload(self.hello(), "/hello", "-N")

    def get_blocks(self):
        self.expect_payload(self.large(), "/large")

    def get_small_blocks(self):
        self.expect_payload(self.large(), "/large", "-b", "64")

    def put_get_delete(self):
        self.ask("/store/thing", "-m", "put", "-e", "first")
        self.expect_payload("first", "/store/thing")
        self.ask("/store/thing", "-m", "put", "-e", "second")
        self.expect_payload("second", "/store/thing")
        self.ask("/store/thing", "-m", "delete")
        expect("4.04" in self.ask("/store/thing")[1], "there is still something after DELETE")

    def put_blocks(self):
        text = body_text()
        with open(f"{self.folder}/body", "w", encoding="utf-8") as file:
            file.write(text)
        self.ask("/store/body", "-m", "put", "-b", "256", "-f", f"{self.folder}/body")
        self.expect_payload(text, "/store/body")

    def separate(self):
        self.expect_payload("That took a second.", "/separate")

    def not_found(self):
        payload, printed = self.ask("/nothing")
        expect(payload == "" and "4.04" in printed, f"got {payload!r}, {printed!r}")

    def observe(self):
        payload, printed = self.ask("/counter", "-s", "3", "-w")
        numbers = [int(word) for word in payload.split()]
        expect(len(set(numbers)) >= 3 and numbers == sorted(numbers),
               f"got {payload!r}, {printed[:200]!r}")

    def wrong_key(self):
        payload, _ = self.ask("/hello", key=secrets.token_hex(8))
        expect_equal(payload, "", "payload in spite of a wrong key")
        self.expect_payload(self.hello(), "/hello")


class AsksServer(Group):
    """`proa coap` and libcoap's server."""

    cases = ("discover", "get", "get-non-confirmable", "put-get", "put-get-blocks",
             "create-delete", "separate", "not-found", "observe", "wrong-key")

    def __init__(self, place, flavour):
        super().__init__(place)
        self.name = f"coap-server-{flavour}"
        self.secure = flavour != "notls"
        self.cases = cases_for(self.secure, self.cases)
        self.key = secrets.token_hex(8)
        self.who = []
        self.base = ""

    def start(self):
        program = find(self.name)
        key = ["-k", self.key, "-h", "hint"] if self.secure else []
        for _ in range(START_ATTEMPTS):
            port = free_port_pair()
            server = self.launch(self.name, [program, "-A", "127.0.0.1", "-p", str(port), "-d",
                                             "10", *key])
            if answers_ping(server, port):
                break
        else:
            raise Failed(f"{self.name} does not start")
        if self.secure:
            self.who = self.psk(self.key, "key")
            port += 1  # libcoap's servers have DTLS there
        self.base = f"{'coaps' if self.secure else 'coap'}://127.0.0.1:{port}"

    def psk(self, key, file):
        return ["--psk", IDENTITY, "--key-file", self.secret_file(file, key.encode().hex())]

    def ask(self, method, path, *arguments, who=None):
        """All lines of `proa coap`; the last has the answer."""
        return run_json([self.place.program("proa"), "coap", method, self.base + path, "--json",
                         "--timeout", "15", *(who or self.who), *arguments])

    def expect_answer(self, code, method, path, *arguments):
        answer = self.ask(method, path, *arguments)[-1]
        expect_equal(answer.get("code"), code, f"{method} {path}: code ({answer.get('error')})")
        return answer.get("payload", "")

    def discover(self):
        links = self.expect_answer("2.05", "get", "/.well-known/core")
        expect("</time>" in links and "</example_data>" in links, f"got {links!r}")

    def get(self):
        text = self.expect_answer("2.05", "get", "/")
        expect("libcoap" in text, f"got {text!r}")

    def get_non_confirmable(self):
        text = self.expect_answer("2.05", "get", "/", "--non")
        expect("libcoap" in text, f"got {text!r}")

    def put_get(self):
        code = self.ask("put", "/example_data", "--payload", "short")[-1].get("code")
        expect(code in ("2.01", "2.04"), f"put: code {code}")
        expect_equal(self.expect_answer("2.05", "get", "/example_data"), "short", "payload")

    def put_get_blocks(self):
        text = body_text()
        code = self.ask("put", "/example_data", "--payload", text, "--block-size",
                        "256")[-1].get("code")
        expect(code in ("2.01", "2.04"), f"put: code {code}")
        for size in ("64", "1024"):
            got = self.expect_answer("2.05", "get", "/example_data", "--block-size", size)
            expect(got == text, f"other {len(got)} bytes came back, block size {size}")

    def create_delete(self):
        self.expect_answer("2.01", "put", "/made-by-us", "--payload", "x")
        expect_equal(self.expect_answer("2.05", "get", "/made-by-us"), "x", "payload")
        self.expect_answer("2.02", "delete", "/made-by-us")
        self.expect_answer("4.04", "get", "/made-by-us")

    def separate(self):
        expect_equal(self.expect_answer("2.05", "get", "/async?1"), "done", "payload")

    def not_found(self):
        self.expect_answer("4.04", "get", "/nothing")

    def observe(self):
        lines = self.ask("observe", "/time?ticks", "--count", "3")
        ticks = [int(line["payload"]) for line in lines if line.get("event") == "notification"]
        expect(lines[-1].get("ok") is True, f"{lines[-1].get('error')}")
        expect(len(ticks) == 3 and ticks == sorted(set(ticks)), f"notifications: {ticks}")

    def wrong_key(self):
        answer = self.ask("get", "/", who=self.psk(secrets.token_hex(8), "wrong"))[-1]
        expect(answer.get("ok") is False and "code" not in answer,
               f"an answer in spite of a wrong key: {answer}")
        self.get()


def free_port_pair():
    """A UDP port whose successor is free, too. Somebody may take it before libcoap does, which
    cannot choose one itself: then the caller tries another."""
    while True:
        port = random.randrange(20000, 32000)  # below what the kernel hands out
        try:
            for each in (port, port + 1):
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    with socket.socket(socket.AF_INET, kind) as probe:
                        probe.bind(("127.0.0.1", each))
        except OSError:
            continue
        return port


def answers_ping(server, port):
    """True when the server answers an empty Confirmable message with Reset (RFC 7252 §4.3)."""
    deadline = time.monotonic() + LINE_TIMEOUT_S
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("127.0.0.1", port))
        probe.settimeout(PING_TIMEOUT_S)
        while server.alive() and time.monotonic() < deadline:
            try:
                probe.send(b"\x40\x00\x12\x34")
                if probe.recv(16) == b"\x70\x00\x12\x34":
                    return server.alive()
            except ConnectionRefusedError:
                server.ends_within(PING_TIMEOUT_S)
            except TimeoutError:
                pass
    return False


def groups(place):
    flavours = ("notls", "gnutls", "openssl")
    return [kind(place, flavour) for kind in (AskedByClient, AsksServer) for flavour in flavours]
