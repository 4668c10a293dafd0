# SPDX-License-Identifier: Apache-2.0
"""Leshan's own demo programs: its server, asked over HTTP, with `proa client` as the device; its
client as a device of proad, asked through `proa ctl`.

Their jars are given with --leshan-demo-server and --leshan-demo-client (or in the environment), or
come from Maven. Where there are none, the cases are skipped; `leshan.py` then stands for them."""

import json
import os
import re
import secrets
import urllib.error
import urllib.request

from peers.cases import Group, expect, expect_equal
from peers.leshan import DOWNLOAD_TIMEOUT_S, ENDPOINT, IDENTITY, JAVA_TIMEOUT_S, ProadGroup
from peers.pcap import expect_cid_both_ways
from peers.process import LINE_TIMEOUT_S, Failed, Skipped, find, run

LOOPBACK = "127.0.0.1"
REST_TIMEOUT_S = 15  # the server's own default is 5, which a busy computer may need


class Jars:
    """The demo programs as jars that hold all they need."""

    def __init__(self, place):
        self.given = {"leshan-demo-server": place.options.leshan_demo_server,
                      "leshan-demo-client": place.options.leshan_demo_client}
        self.pom = os.path.join(place.here, "leshan", "pom.xml")
        self.folder = os.path.join(place.root, "build", "_deps", "leshan")

    def command(self, name, *arguments):
        """The command line of one of the programs; raises Skipped when there is no jar of it."""
        java = find("java")
        jar = os.path.abspath(self.given[name]) if self.given[name] else self._download(name)
        if not os.path.isfile(jar):
            raise Failed(f"{jar} does not exist")
        return [java, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-jar", jar, *arguments]

    def _version(self):
        """The milestone whose libraries the other cases use."""
        with open(self.pom, encoding="utf-8") as file:
            return re.search(r"<leshan\.version>(.*)</leshan\.version>", file.read())[1]

    def _download(self, name):
        coordinates = f"org.eclipse.leshan:{name}:{self._version()}"
        try:
            status, text = run([
                find("mvn"), "-q", "-B", "-f", self.pom,
                f"-Dmaven.repo.local={self.folder}/repository", "dependency:copy",
                f"-Dartifact={coordinates}:jar:jar-with-dependencies",
                f"-DoutputDirectory={self.folder}/demo"], DOWNLOAD_TIMEOUT_S)
        except Failed as late:
            raise Skipped(f"the demo jar does not resolve ({coordinates}): {late}") from late
        if status != 0:
            why = re.search(r"Could not \w+ artifact \S+", text)
            raise Skipped(f"the demo jar does not resolve ({why[0] if why else coordinates})")
        return f"{self.folder}/demo/{name}-{self._version()}-jar-with-dependencies.jar"


class Server(Group):
    """Leshan's demo server and `proa client`."""

    name = "leshan-demo-server"
    gates = ("start", "register")
    cases = ("register", "connection-id", "discover", "read-resource", "read-instance",
             "read-object", "read-formats", "write-resource", "write-instance", "execute",
             "not-found", "write-attributes", "observe", "observe-instance",
             "cancel-observation", "update", "deregister")

    def __init__(self, place, jars):
        super().__init__(place)
        self.jars = jars
        self.events = self.device = None
        self.base = ""
        self.port = 0

    def start(self):
        anywhere = [f"-{kind}{what}" for kind in ("l", "sl", "j", "t", "ts", "w") for what in "hp"]
        listen = [word for option in anywhere
                  for word in (option, LOOPBACK if option.endswith("h") else "0")]
        server = self.launch("Leshan's demo server",
                             self.jars.command("leshan-demo-server", *listen))
        port = server.wait(r"Web server started at http://.*:(\d+)", JAVA_TIMEOUT_S)[1]
        self.base = f"http://{LOOPBACK}:{port}/api"
        self.events = self.launch("curl", [
            find("curl"), "-sNi", "-H", "Accept: text/event-stream", f"{self.base}/event"])
        self.events.wait("^HTTP/1.1 200")
        key = secrets.token_hex(16)
        self.http("PUT", "/security/clients/", {
            "endpoint": ENDPOINT,
            "tls": {"mode": "psk", "details": {"identity": IDENTITY, "key": key}}})
        coaps = [end["uri"]["full"] for end in self.http("GET", "/server/endpoint")
                 if end["uri"]["scheme"] == "coaps"]
        device = {
            "endpoint": ENDPOINT, "listen": f"{LOOPBACK}:0",
            "servers": [{"id": 1, "uri": coaps[0], "identity": IDENTITY, "key": key,
                         "lifetime": 300}],
            "objects": {"3311": {"0": {"5850": False, "5706": "red"}}}}
        self.device = self.launch("proa client", [
            self.place.program("proa"), "client", self.secret_file("lamp.json", json.dumps(device)),
            "--json", "--pcap", "lamp.pcap"])
        self.port = self.device.wait_json(event="started")["port"]

    def http(self, method, path, body=None):
        """What the server's REST API says: JSON, or nothing."""
        request = urllib.request.Request(
            self.base + path, method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={} if body is None else {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=LINE_TIMEOUT_S) as answer:
                text = answer.read().decode()
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[:200]
            raise Failed(f"{method} {path}: HTTP {error.code}, {said}") from error
        return json.loads(text) if text else None

    def ask(self, method, path, query="", body=None, status="CONTENT(205)"):
        """One operation at the device; gives Leshan's whole answer."""
        answer = self.http(method, f"/clients/{ENDPOINT}{path}?timeout={REST_TIMEOUT_S}{query}",
                           body)
        expect_equal(answer["status"], status, f"{method} {path}{query}")
        return answer

    def event(self, name):
        self.events.wait(f"^event: {name}$")
        return json.loads(self.events.wait("^data: (.*)$")[1])

    @staticmethod
    def values(node):
        """{resource: value} of an instance in Leshan's JSON."""
        expect_equal(node["kind"], "instance", "kind of node")
        return {resource["id"]: resource["value"] for resource in node["resources"]}

    def register(self):
        self.device.wait_json(event="registered", server=1)
        said = self.event("REGISTRATION")
        listed = self.http("GET", f"/clients/{ENDPOINT}")
        for what in (said, listed):
            expect_equal((what["endpoint"], what["secure"], what["lifetime"]),
                         (ENDPOINT, True, 300), "registration")
            expect("/3311/0" in [link["url"] for link in what["objectLinks"]], f"links: {what}")

    def connection_id(self):
        expect_cid_both_ways(f"{self.folder}/lamp.pcap", self.port)

    def discover(self):
        links = self.ask("GET", "/3311/discover")["objectLinks"]
        expect_equal({link["url"] for link in links},
                     {"/3311", "/3311/0", "/3311/0/5706", "/3311/0/5850"}, "links")

    def read_resource(self):
        content = self.ask("GET", "/3311/0/5706")["content"]
        expect_equal((content["type"], content["value"]), ("STRING", "red"), "colour")
        expect_equal(self.ask("GET", "/3/0/0")["content"]["value"], "Proa", "manufacturer")

    def read_instance(self):
        expect_equal(self.values(self.ask("GET", "/3311/0")["content"]),
                     {5850: False, 5706: "red"}, "values")

    def read_object(self):
        instances = self.ask("GET", "/3311")["content"]["instances"]
        expect_equal([(i["id"], self.values(i)) for i in instances],
                     [(0, {5850: False, 5706: "red"})], "instances")

    def read_formats(self):
        for name in ("TLV", "SENML_CBOR"):
            content = self.ask("GET", "/3311/0", f"&format={name}")["content"]
            expect_equal(self.values(content), {5850: False, 5706: "red"}, name)
        for name in ("TEXT", "CBOR"):
            content = self.ask("GET", "/3311/0/5850", f"&format={name}")["content"]
            expect_equal(content["value"], False, name)

    def write_resource(self):
        for path, kind, value in (("/3311/0/5850", "BOOLEAN", True),
                                  ("/3311/0/5706", "STRING", "blue")):
            self.ask("PUT", path, status="CHANGED(204)", body={
                "kind": "singleResource", "id": int(path.split("/")[3]), "type": kind,
                "value": value})
            event = self.device.wait_json(event="written", path=path)
            expect_equal(event["value"], value, f"{path} at the device")
            expect_equal(self.ask("GET", path)["content"]["value"], value, path)

    def write_instance(self):
        self.ask("PUT", "/3311/0", "&replace=false", status="CHANGED(204)", body={
            "kind": "instance", "id": 0, "resources": [
                {"kind": "singleResource", "id": 5850, "type": "BOOLEAN", "value": False},
                {"kind": "singleResource", "id": 5706, "type": "STRING", "value": "green"}]})
        expect_equal(self.values(self.ask("GET", "/3311/0")["content"]),
                     {5850: False, 5706: "green"}, "values")

    def execute(self):
        self.ask("POST", "/3/0/4", status="CHANGED(204)")
        self.device.wait_json(event="executed", path="/3/0/4")

    def not_found(self):
        self.ask("GET", "/3/0/999", status="NOT_FOUND(404)")

    def write_attributes(self):
        answer = self.http("PUT", f"/clients/{ENDPOINT}/3311/0/5850/attributes?pmin=0&pmax=600")
        expect_equal(answer["status"], "CHANGED(204)", "write attributes")
        links = {link["url"]: link.get("attributes")
                 for link in self.ask("GET", "/3311/0/discover")["objectLinks"]}
        expect_equal(links["/3311/0/5850"].get("pmax"), "600", f"pmax in {links}")

    def expect_notification(self, path):
        said = self.event("NOTIFICATION")
        expect_equal((said["ep"], said["res"]), (ENDPOINT, path), "who and what")
        return said["val"]

    def observe(self):
        answer = self.ask("POST", "/3311/0/5850/observe")
        expect_equal(answer["content"]["value"], False, "first value")
        for value in (True, False):
            self.device.say(f"set /3311/0/5850 {json.dumps(value)}")
            expect_equal(self.expect_notification("/3311/0/5850")["value"], value, "notification")

    def observe_instance(self):
        self.ask("POST", "/3311/0/observe")
        self.device.say("set /3311/0/5706 white")
        expect_equal(self.values(self.expect_notification("/3311/0"))[5706], "white",
                     "notification")

    def cancel_observation(self):
        """Nothing is notified about a path any more whose observation Leshan has cancelled."""
        answer = self.http("DELETE", f"/clients/{ENDPOINT}/3311/0/observe?active")
        expect_equal(answer["status"], "CONTENT(205)", "cancel")
        self.device.say("set /3311/0/5706 black")
        self.device.say("set /3311/0/5850 true")
        self.expect_notification("/3311/0/5850")  # would come second

    def update(self):
        self.device.say("update")
        self.device.wait_json(event="updated", server=1)
        expect_equal(self.event("UPDATED")["registration"]["endpoint"], ENDPOINT, "who")

    def deregister(self):
        self.device.say("quit")
        self.device.wait_json(event="deregistered", server=1)
        expect_equal(self.event("DEREGISTRATION")["endpoint"], ENDPOINT, "who")
        expect_equal(self.http("GET", "/clients"), [], "clients")
        expect_equal(self.device.ended(), 0, "exit status of proa client")


class Client(ProadGroup):
    """Leshan's demo client and proad."""

    name = "leshan-demo-client"
    gates = ("start", "register")
    cases = ("register", "discover", "connection-id", "read-resource", "read-instance",
             "write-resource", "write-instance", "execute", "not-found", "observe", "deregister")

    def __init__(self, place, jars):
        super().__init__(place)
        self.jars = jars

    def start(self):
        program = self.jars.command("leshan-demo-client")
        key = self.start_proad()
        self.device = self.launch("Leshan's demo client", [
            *program, "-n", ENDPOINT, "-u", f"coaps://{LOOPBACK}:{self.port}", "-i", IDENTITY,
            "-p", key, "-cid", "2", "-lh", LOOPBACK])
        self.device.wait("Leshan client.*started", JAVA_TIMEOUT_S)

    def register(self):
        event = self.server.wait_json(JAVA_TIMEOUT_S, event="registered", device=ENDPOINT)
        expect(event["secure"] is True and event["lifetime_s"] == 300, f"{event}")
        expect("</3442/0>" in event["links"], f"links: {event['links']}")

    def connection_id(self):
        expect_cid_both_ways(f"{self.folder}/proad.pcap", self.port)

    def discover(self):
        links = {link["path"] for link in self.ask("discover", "/6")["links"]}
        expect({"/6", "/6/0", "/6/0/0", "/6/0/1"} <= links, f"links: {links}")

    def read_resource(self):
        expect_equal(self.values("/3/0/0"), {"/3/0/0": "Leshan Demo Device"}, "values")

    def read_instance(self):
        values = self.values("/3/0")
        expect_equal((values["/3/0/1"], values["/3/0/11/0"]), ("Model 500", 0), "values")

    def write_resource(self):
        self.ask("write", "/3442/0/110", "by us", code="2.04")
        expect_equal(self.values("/3442/0/110"), {"/3442/0/110": "by us"}, "values")

    def write_instance(self):
        self.ask("write", "/3/0", "14=+01:00", "15=Europe/Berlin", code="2.04")
        values = self.values("/3/0")
        expect_equal((values["/3/0/14"], values["/3/0/15"]), ("+01:00", "Europe/Berlin"), "values")

    def execute(self):
        """"Reset values" of Leshan's test object."""
        self.ask("execute", "/3442/0/0", code="2.04")
        expect_equal(self.values("/3442/0/110"), {"/3442/0/110": "initial value"}, "values")

    def not_found(self):
        self.ask("read", "/9/9/9", code="4.04")

    def observe(self):
        follower = self.launch("proa ctl observe",
                               self.ctl_argv("observe", ENDPOINT, "/3442/0/110"))
        first = follower.wait_json(ok=True)
        expect_equal([v["value"] for v in first["values"]], ["initial value"], "first value")
        for value in ("second", "third"):
            self.ask("write", "/3442/0/110", value, code="2.04")
            event = follower.wait_json(event="notification", path="/3442/0/110")
            expect_equal([v["value"] for v in event["values"]], [value], "notification")
        follower.interrupt()
        expect_equal(follower.ended(), 0, "exit status of proa ctl")

    def deregister(self):
        """It does so when it is told to end."""
        self.device.process.terminate()
        self.expect_deregistered()


def groups(place):
    jars = Jars(place)
    return [Server(place, jars), Client(place, jars)]
