# SPDX-License-Identifier: Apache-2.0
"""aiocoap: its client asks our test server, `proa coap` asks a server made with it
(../aiocoap)."""

import os
import secrets
import shutil

from peers.cases import Group, expect, expect_equal
from peers.process import Failed, Skipped, find, run, run_json

VERSION = "0.4.17"
DOWNLOAD_TIMEOUT_S = 120
BODY_LEN = 5000  # several blocks of the largest size


class Place:
    """A virtual environment, made once; another one with OSCORE, which needs much more."""

    def __init__(self, place, extra=""):
        self.folder = os.path.join(place.root, "build", "_deps", f"aiocoap-{VERSION}") + (
            f"-{extra}" if extra else "")
        self.package = f"aiocoap[{extra}]=={VERSION}" if extra else f"aiocoap=={VERSION}"

    def _run(self, *argv):
        try:
            status, text = run(argv, DOWNLOAD_TIMEOUT_S)
        except Failed as late:
            raise Skipped(f"aiocoap cannot be installed: {late}") from late
        if status != 0:
            raise Skipped(f"aiocoap cannot be installed: {text[:200]}")

    def _pip(self, *arguments):
        self._run(f"{self.folder}/bin/pip", "-q", "--disable-pip-version-check", *arguments)

    def program(self, name):
        if not os.access(f"{self.folder}/bin/aiocoap-client", os.X_OK):
            self._run(find("python3"), "-m", "venv", self.folder)
            self._pip("install", self.package)
        return f"{self.folder}/bin/{name}"

    def source(self, path):
        """A file of the source distribution, which has more than what is installed."""
        sources = f"{self.folder}/source"
        if not os.path.isdir(f"{sources}/aiocoap-{VERSION}"):
            self.program("pip")
            self._pip("download", "--no-deps", "--no-binary", ":all:", "-d", sources,
                      f"aiocoap=={VERSION}")
            shutil.unpack_archive(f"{sources}/aiocoap-{VERSION}.tar.gz", sources)
        return f"{sources}/aiocoap-{VERSION}/{path}"


class AskedByClient(Group):
    """aiocoap's client and `proa coap serve`."""

    name = "aiocoap-client"
    cases = ("discover", "get", "get-non-confirmable", "get-blocks", "put-get-delete",
             "put-blocks", "separate", "not-found", "observe")

    def __init__(self, place, installed):
        super().__init__(place)
        self.installed = installed
        self.client = self.base = ""

    def start(self):
        self.client = self.installed.program("aiocoap-client")
        server = self.launch("proa coap serve", [
            self.place.program("proa"), "coap", "serve", "--listen", "127.0.0.1:0", "--json"])
        self.base = f"coap://127.0.0.1:{server.wait_json(event='listening')['port']}"

    def ask(self, path, *arguments):
        """What was printed: a payload, or a code that is none of success."""
        return run([self.client, *arguments, self.base + path])[1].strip()

    def expect_payload(self, wanted, path, *arguments):
        got = self.ask(path, *arguments)
        expect(got == wanted, f"got {got[:80]!r} ({len(got)} characters)")

    def discover(self):
        links = self.ask("/.well-known/core").split(",")
        expect("</counter>;obs" in links, f"got {links!r}")

    def get(self):
        self.expect_payload("Hello, stranger.", "/hello")

    def get_non_confirmable(self):
        self.expect_payload("Hello, stranger.", "/hello", "--non")

    def get_blocks(self):
        text = "".join(chr(ord("a") + i % 26) * 63 + "\n" for i in range(63))[:4000]
        self.expect_payload(text, "/large")

    def put_get_delete(self):
        for text in ("first", "second"):
            self.ask("/store/thing", "-m", "PUT", "--payload", text)
            self.expect_payload(text, "/store/thing")
        self.ask("/store/thing", "-m", "DELETE")
        expect("4.04" in self.ask("/store/thing"), "there is still something after DELETE")

    def put_blocks(self):
        text = secrets.token_hex(BODY_LEN // 2)
        with open(f"{self.folder}/body", "w", encoding="utf-8") as file:
            file.write(text)
        self.ask("/store/body", "-m", "PUT", "--payload", f"@{self.folder}/body")
        self.expect_payload(text, "/store/body")

    def separate(self):
        self.expect_payload("That took a second.", "/separate")

    def not_found(self):
        got = self.ask("/nothing")
        expect(got.startswith("4.04"), f"got {got!r}")

    def observe(self):
        status, text = run([self.installed.program("python3"),
                            os.path.join(self.place.here, "aiocoap", "observe.py"),
                            f"{self.base}/counter", "2"])
        counts = [int(line) for line in text.split()]
        expect(status == 0 and len(counts) == 3 and counts == sorted(set(counts)),
               f"first answer and notifications: {counts}")


class AsksServer(Group):
    """`proa coap` and a server made with aiocoap."""

    name = "aiocoap-server"
    cases = ("discover", "get", "get-non-confirmable", "put-get-blocks", "separate", "not-found",
             "observe")

    def __init__(self, place, installed):
        super().__init__(place)
        self.installed = installed
        self.base = ""

    def start(self):
        server = self.launch("aiocoap's server", [
            self.installed.program("python3"),
            os.path.join(self.place.here, "aiocoap", "server.py")])
        port = server.wait(r"^listening (\d+)$")[1]
        self.base = f"coap://127.0.0.1:{port}"

    def ask(self, method, path, *arguments):
        """All lines of `proa coap`; the last has the answer."""
        return run_json([self.place.program("proa"), "coap", method, self.base + path, "--json",
                         "--timeout", "15", *arguments])

    def expect_answer(self, code, method, path, *arguments):
        answer = self.ask(method, path, *arguments)[-1]
        expect_equal(answer.get("code"), code, f"{method} {path}: code ({answer.get('error')})")
        return answer.get("payload", "")

    def discover(self):
        links = self.expect_answer("2.05", "get", "/.well-known/core")
        expect("</counter>" in links and "obs" in links, f"got {links!r}")

    def get(self):
        expect_equal(self.expect_answer("2.05", "get", "/hello"), "Hello from aiocoap.", "payload")

    def get_non_confirmable(self):
        expect_equal(self.expect_answer("2.05", "get", "/hello", "--non"), "Hello from aiocoap.",
                     "payload")

    def put_get_blocks(self):
        text = secrets.token_hex(BODY_LEN // 2)
        for size in ("64", "1024"):
            self.expect_answer("2.04", "put", "/store", "--payload", text, "--block-size", size)
            got = self.expect_answer("2.05", "get", "/store", "--block-size", size)
            expect(got == text, f"other {len(got)} bytes came back, block size {size}")

    def separate(self):
        expect_equal(self.expect_answer("2.05", "get", "/separate"), "later", "payload")

    def not_found(self):
        self.expect_answer("4.04", "get", "/nothing")

    def observe(self):
        lines = self.ask("observe", "/counter", "--count", "3")
        counts = [int(line["payload"]) for line in lines if line.get("event") == "notification"]
        expect(lines[-1].get("ok") is True, f"{lines[-1].get('error')}")
        expect(len(counts) == 3 and counts == sorted(set(counts)), f"notifications: {counts}")


def groups(place):
    installed = Place(place)
    return [AskedByClient(place, installed), AsksServer(place, installed)]
