# SPDX-License-Identifier: Apache-2.0
"""Leshan's libraries behind two small line-driven programs (leshan/src): its server with
`proa client` as the device, and its client as a device of proad."""

import hashlib
import json
import os
import secrets
import shutil

from peers.cases import Group, expect, expect_equal
from peers.pcap import expect_cid_both_ways
from peers.process import Failed, Skipped, find, run, run_json

DOWNLOAD_TIMEOUT_S = 120
COMPILE_TIMEOUT_S = 60
JAVA_TIMEOUT_S = 40  # until a virtual machine on a busy computer has said something

ENDPOINT = "lamp"
IDENTITY = "lamp identity"


class Peers:
    """The compiled programs. Made once; what comes from the network stays in build/_deps."""

    def __init__(self, place):
        self.source = os.path.join(place.here, "leshan")
        self.folder = os.path.join(place.root, "build", "_deps", "leshan")
        self.argv = None

    def command(self, main, *arguments):
        """The command line of one of the programs; builds them if need be."""
        if self.argv is None:
            java, javac, maven = find("java"), find("javac"), find("mvn")
            if not self._is_current():
                self._download(maven)
                self._compile(javac)
            self.argv = [java, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp",
                         f"{self.folder}/classes:{self.folder}/jars/*"]
        return [*self.argv, main, *arguments]

    def _files(self):
        source = os.path.join(self.source, "src")
        return [os.path.join(source, name) for name in sorted(os.listdir(source))
                if name.endswith(".java")]

    def _sum(self):
        total = hashlib.sha256()
        for path in [os.path.join(self.source, "pom.xml"), *self._files()]:
            with open(path, "rb") as file:
                total.update(file.read())
        return total.hexdigest()

    def _is_current(self):
        try:
            with open(f"{self.folder}/stamp", encoding="utf-8") as file:
                return file.read() == self._sum()
        except FileNotFoundError:
            return False

    def _download(self, maven):
        shutil.rmtree(f"{self.folder}/jars", ignore_errors=True)
        try:
            status, text = run([
                maven, "-q", "-B", "-f", f"{self.source}/pom.xml",
                f"-Dmaven.repo.local={self.folder}/repository", "dependency:copy-dependencies",
                f"-DoutputDirectory={self.folder}/jars"], DOWNLOAD_TIMEOUT_S)
        except Failed as late:
            raise Skipped(f"Leshan cannot be downloaded: {late}") from late
        if status != 0:
            errors = [line for line in text.splitlines() if "ERROR" in line] or [text]
            raise Skipped(f"Leshan cannot be downloaded: {errors[0][:300]}")

    def _compile(self, javac):
        shutil.rmtree(f"{self.folder}/classes", ignore_errors=True)
        status, text = run([javac, "-d", f"{self.folder}/classes", "-cp", f"{self.folder}/jars/*",
                            *self._files()], COMPILE_TIMEOUT_S)
        if status != 0:
            raise Failed(f"javac: {text[:300]}")
        with open(f"{self.folder}/stamp", "w", encoding="utf-8") as file:
            file.write(self._sum())


class Server(Group):
    """Leshan's server and `proa client`."""

    name = "leshan-server"
    gates = ("start", "register")
    cases = ("register", "connection-id", "discover", "read-resource", "read-instance",
             "write", "execute", "not-found", "observe", "observe-instance", "update",
             "deregister")

    def __init__(self, place, peers):
        super().__init__(place)
        self.peers = peers
        self.server = self.device = None
        self.port = 0

    def start(self):
        key = secrets.token_hex(16)
        self.server = self.launch("Leshan's server",
                                  self.peers.command("ServerPeer", ENDPOINT, IDENTITY, key))
        port = self.server.wait(r"^listening (\d+)", JAVA_TIMEOUT_S)[1]
        device = {
            "endpoint": ENDPOINT, "listen": "127.0.0.1:0",
            "servers": [{"id": 1, "uri": f"coaps://127.0.0.1:{port}", "identity": IDENTITY,
                         "key": key, "lifetime": 300}],
            "objects": {"3311": {"0": {"5850": False, "5706": "red"}}}}
        self.device = self.launch("proa client", [
            self.place.program("proa"), "client", self.secret_file("lamp.json", json.dumps(device)),
            "--json", "--pcap", "lamp.pcap"])
        self.port = self.device.wait_json(event="started")["port"]

    def ask(self, command):
        """What Leshan got: its name of the response code, and the content."""
        self.server.say(command)
        word = command.split()[0]
        match = self.server.wait(rf"^result ({word} (\S+) ?(.*)|error.*)$")
        expect(not match[1].startswith("error"), match[1])
        return match[2], match[3]

    def expect_content(self, command, *parts):
        code, content = self.ask(command)
        expect(code == "CONTENT(205)" and all(part in content for part in parts),
               f"{command}: {code} {content[:200]}")

    def register(self):
        self.device.wait_json(event="registered", server=1)
        self.server.wait(rf"^registered {ENDPOINT} lifetime 300$")

    def connection_id(self):
        expect_cid_both_ways(f"{self.folder}/lamp.pcap", self.port)

    def discover(self):
        code, count = self.ask("discover /3311")
        expect_equal((code, count), ("CONTENT(205)", "4"), "links of object, instance, resources")

    def read_resource(self):
        self.expect_content("read /3311/0/5706", "red")
        self.expect_content("read /3/0/0", "Proa")

    def read_instance(self):
        self.expect_content("read /3311/0", "5706", "value=red", "5850", "value=false")

    def write(self):
        for text, path, value in (("true", "/3311/0/5850", True), ("blue", "/3311/0/5706", "blue")):
            expect_equal(self.ask(f"write {path} {text}")[0], "CHANGED(204)", path)
            event = self.device.wait_json(event="written", path=path)
            expect_equal(event["value"], value, f"{path} at the device")
            self.expect_content(f"read {path}", text)

    def execute(self):
        expect_equal(self.ask("execute /3/0/4")[0], "CHANGED(204)", "execute")
        self.device.wait_json(event="executed", path="/3/0/4")

    def not_found(self):
        expect_equal(self.ask("read /9/9/9")[0], "NOT_FOUND(404)", "code")

    def observe(self):
        self.expect_content("observe /3311/0/5850", "true")
        for value in ("false", "true"):
            self.device.say(f"set /3311/0/5850 {value}")
            got = self.server.wait(r"^notification /3311/0/5850 (.*)$")[1]
            expect_equal(got, value, "notification")

    def observe_instance(self):
        self.expect_content("observe /3311/0", "value=blue")
        self.device.say("set /3311/0/5706 green")
        got = self.server.wait(r"^notification /3311/0 (.*)$")[1]
        expect("value=green" in got, f"notification: {got}")

    def update(self):
        self.device.say("update")
        self.device.wait_json(event="updated", server=1)
        self.server.wait(rf"^updated {ENDPOINT}$")

    def deregister(self):
        self.device.say("quit")
        self.device.wait_json(event="deregistered", server=1)
        self.server.wait(rf"^deregistered {ENDPOINT}$")
        expect_equal(self.device.ended(), 0, "exit status of proa client")


class ProadGroup(Group):
    """A device that is not ours and proad, which is asked through `proa ctl`."""

    def __init__(self, place):
        super().__init__(place)
        self.server = self.device = None
        self.port = 0

    def start_proad(self):
        """Gives the key of the one device that proad knows."""
        key = secrets.token_hex(16)
        config = {"listen": "127.0.0.1:0", "devices": [
            {"endpoint": ENDPOINT, "identity": IDENTITY, "key": key}]}
        self.server = self.launch("proad", [
            self.place.program("proad"), "--config",
            self.secret_file("proad.json", json.dumps(config)), "--json", "--pcap", "proad.pcap"])
        self.port = self.server.wait_json(event="listening")["port"]
        return key

    def ctl_argv(self, *arguments):
        return [self.place.program("proa"), "ctl", "--socket", f"{self.folder}/proad.sock",
                "--json", *arguments]

    def ask(self, command, path, *arguments, code="2."):
        answer = run_json(self.ctl_argv(command, ENDPOINT, path, *arguments))[-1]
        expect(answer.get("code", "").startswith(code),
               f"{command} {path}: {answer.get('code')} {answer.get('error')}")
        return answer

    def values(self, path):
        return {value["path"]: value["value"] for value in self.ask("read", path)["values"]}

    def expect_deregistered(self):
        self.server.wait_json(event="deregistered", device=ENDPOINT)
        expect_equal(run_json(self.ctl_argv("devices"))[-1]["devices"], [], "devices")


class Client(ProadGroup):
    """Leshan's client and proad."""

    name = "leshan-client"
    gates = ("start", "register")
    cases = ("register", "connection-id", "discover", "read-resource", "read-instance",
             "write-resource", "write-instance", "execute", "not-found", "observe", "deregister")

    def __init__(self, place, peers):
        super().__init__(place)
        self.peers = peers

    def start(self):
        device = self.peers.command("ClientPeer", ENDPOINT)
        key = self.start_proad()
        self.device = self.launch("Leshan's client", [
            *device, f"coaps://127.0.0.1:{self.port}", IDENTITY, key])
        self.device.wait("^started$", JAVA_TIMEOUT_S)

    def register(self):
        event = self.server.wait_json(JAVA_TIMEOUT_S, event="registered", device=ENDPOINT)
        expect(event["secure"] is True and event["lifetime_s"] == 120, f"{event}")
        expect("</3311/0>" in event["links"], f"links: {event['links']}")
        devices = run_json(self.ctl_argv("devices"))[-1]["devices"]
        expect_equal([(d["endpoint"], d["version"]) for d in devices], [(ENDPOINT, "1.1")],
                     "devices and their LwM2M versions")

    def connection_id(self):
        expect_cid_both_ways(f"{self.folder}/proad.pcap", self.port)

    def discover(self):
        links = {link["path"] for link in self.ask("discover", "/3311")["links"]}
        expect_equal(links, {"/3311", "/3311/0", "/3311/0/5706", "/3311/0/5850"}, "links")

    def read_resource(self):
        expect_equal(self.values("/3/0/0"), {"/3/0/0": "Leshan"}, "values")

    def read_instance(self):
        expect_equal(self.values("/3311/0"), {"/3311/0/5850": False, "/3311/0/5706": "white"},
                     "values")

    def write_resource(self):
        self.ask("write", "/3311/0/5850", "true", code="2.04")
        self.device.wait("^written 5850 true$")
        expect_equal(self.values("/3311/0/5850"), {"/3311/0/5850": True}, "values")

    def write_instance(self):
        self.ask("write", "/3311/0", "5850=false", "5706=blue", code="2.04")
        expect_equal(self.values("/3311/0"), {"/3311/0/5850": False, "/3311/0/5706": "blue"},
                     "values")

    def execute(self):
        self.ask("execute", "/3/0/4", code="2.04")
        self.device.wait("^executed 4$")

    def not_found(self):
        self.ask("read", "/9/9/9", code="4.04")

    def observe(self):
        follower = self.launch("proa ctl observe",
                               self.ctl_argv("observe", ENDPOINT, "/3311/0/5850"))
        first = follower.wait_json(ok=True)
        expect_equal([v["value"] for v in first["values"]], [False], "first value")
        for value in (True, False):
            self.device.say("toggle")
            event = follower.wait_json(event="notification", path="/3311/0/5850")
            expect_equal([v["value"] for v in event["values"]], [value], "notification")
        follower.interrupt()
        expect_equal(follower.ended(), 0, "exit status of proa ctl")

    def deregister(self):
        self.device.say("quit")
        self.expect_deregistered()


def groups(place):
    peers = Peers(place)
    return [Server(place, peers), Client(place, peers)]
