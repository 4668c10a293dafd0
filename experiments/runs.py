# SPDX-License-Identifier: Apache-2.0
"""Runs of proa-experiment: several at once, each kept in a file of its own when it is done.

A run is a function of its arguments, of the topology file's content and of the program; the three name its file. So an
interrupted evaluation goes on where it was, and a changed program or topology begins anew beside it. Nothing but the
children started here is ended."""

import hashlib
import json
import os
import subprocess
import tempfile
import threading

import tables

TIMEOUT_S = 900


class Failed(Exception):
    """A run ended with an error; says which, and why in the program's own words."""

    def __init__(self, why, argv=()):
        super().__init__(why)
        self.why, self.run = why, " ".join(os.path.basename(word) for word in argv[1:])


class Stopped(Exception):
    """Somebody asked for the end."""


def digest(*parts):
    whole = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else part.encode()
        whole.update(len(data).to_bytes(8, "big") + data)
    return whole.hexdigest()


def content(path):
    with open(path, "rb") as file:
        return file.read()


class Runs:
    """The program, and what it has said."""

    def __init__(self, program, folder):
        self.program = program
        self.hash = digest(content(program))[:16]
        self.folder = os.path.join(folder, self.hash)
        self.topologies = {}
        self.children = set()
        self.lock = threading.Lock()
        self.here = threading.local()  # .started: whether this thread had to run anything
        self.stopping = False
        os.makedirs(self.folder, exist_ok=True)

    def path_of(self, command, topology, options):
        """Where the run is kept."""
        with self.lock:
            if topology not in self.topologies:
                self.topologies[topology] = digest(content(topology))
        words = [command, *(f"{name}={value}" for name, value in sorted(options.items()))]
        name = "-".join([command, str(options.get("app", "")), os.path.splitext(os.path.basename(topology))[0]])
        key = digest(self.topologies[topology], *words)[:24]
        return os.path.join(self.folder, key[:2], f"{name}-{key}.json")

    def kept(self, path):
        try:
            with open(path, encoding="utf-8") as file:
                return json.load(file)
        except (FileNotFoundError, ValueError):
            return None

    def run(self, command, topology, nodes=False, **options):
        """Rows on standard output and, if wanted, those about the nodes: two lists."""
        path = self.path_of(command, topology, {**options, "nodes": nodes} if nodes else options)
        kept = self.kept(path)
        if kept is None:
            kept = self.start(command, topology, nodes, options)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            tables.replace(path, json.dumps(kept))
        return tables.parse(kept["out"]), tables.parse(kept["nodes"])

    def start(self, command, topology, nodes, options):
        self.here.started = True
        argv = [self.program, command, "--topology", topology]
        for name, value in options.items():
            argv += ["--" + name.replace("_", "-"), str(value)]
        if not nodes:
            return {"out": self.call(argv), "nodes": ""}
        with tempfile.TemporaryDirectory(prefix="run-", dir=self.folder) as folder:
            file = os.path.join(folder, "nodes.csv")
            out = self.call([*argv, "--csv-nodes", file])
            return {"out": out, "nodes": content(file).decode()}

    def call(self, argv):
        with self.lock:
            if self.stopping:
                raise Stopped
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                     text=True)
            self.children.add(child)
        try:
            out, said = child.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            raise Failed(f"not done after {TIMEOUT_S} s", argv) from None
        finally:
            with self.lock:
                self.children.discard(child)
        if self.stopping:
            raise Stopped
        if child.returncode != 0:
            raise Failed(said.strip() or f"status {child.returncode}", argv)
        return out

    def stop(self):
        with self.lock:
            self.stopping = True
            for child in self.children:
                child.terminate()
