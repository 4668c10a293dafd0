#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The whole evaluation with a program that stands for proa-experiment: same seeds, same bytes; interrupted and gone on
with; a report that needs nothing else."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from html.parser import HTMLParser
from xml.etree import ElementTree

import place
import tables

FILES = [f"{name}.csv" for name in tables.COLUMNS] + ["report.html", "claims.md", "experiments.svg", "setup.json"]
SIMULATED = [word for kind in ("notify", "throughput", "authorize") for word in ("--only", kind)]  # no firmware, no twin
VOID = {"meta", "br"}


class Nesting(HTMLParser):
    """Every element ends where it must; collects what could be fetched."""

    def __init__(self):
        super().__init__()
        self.open, self.faults, self.fetched = [], [], []

    def handle_starttag(self, tag, attrs):
        self.fetched += [value for name, value in attrs if name in ("src", "href", "data", "action")]
        if tag in ("script", "link", "iframe", "img", "object"):
            self.fetched.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)


class TestEvaluate(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="proa-evaluate-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.topology = place.write(cls.folder, "mine.json", place.ONE_HOP % ("mine", place.NEIGHBOURS))
        cls.headline = place.write(cls.folder, "headline.json", place.ONE_HOP % ("multihop_0_direct", place.NEIGHBOURS))
        cls.log = os.path.join(cls.folder, "log")
        cls.done = cls.evaluate("reference")

    def setUp(self):
        self.log = os.path.join(self.folder, f"log-{self.id()}")

    def copy(self):
        """The reference under a name of its own."""
        name = f"copy-{self.id()}"
        shutil.copytree(os.path.join(self.folder, "reference"), os.path.join(self.folder, name))
        return name

    @classmethod
    def command(cls, out, *words, topology=None):
        return [sys.executable, os.path.join(place.EXPERIMENTS, "evaluate.py"), "--program", place.FAKE, "--out",
                os.path.join(cls.folder, out), "--quick", "--seeds", "1", "--topology", topology or cls.topology,
                "--topology", cls.headline, "--json", *SIMULATED, *words]

    @classmethod
    def evaluate(cls, out, *words, log=None, topology=None):
        return subprocess.run(cls.command(out, *words, topology=topology), env={**os.environ, "FAKE_LOG": log or cls.log},
                              capture_output=True, text=True, check=False)

    def content(self, out):
        return {name: place.read(os.path.join(self.folder, out, name)) for name in FILES}

    def test_same_seeds_same_bytes(self):
        again = self.evaluate("again", "--jobs", "1")
        self.assertEqual((self.done.returncode, again.returncode), (0, 0), self.done.stderr)
        reference, second = self.content("reference"), self.content("again")
        for name in FILES:
            self.assertEqual(reference[name], second[name], name)
        self.assertEqual(self.done.stdout, again.stdout)

    def test_the_line_and_the_report(self):
        line = json.loads(self.done.stdout.splitlines()[-1])
        self.assertEqual((line["schema"], line["ok"], sorted(line["topologies"])),
                         ("proa-experiments-1", True, ["mine", "multihop_0_direct"]))
        files = self.content("reference")
        self.self_contained(files["report.html"])
        ElementTree.fromstring(files["experiments.svg"])

    def self_contained(self, html):
        nesting = Nesting()
        nesting.feed(html)
        self.assertEqual((nesting.open, nesting.faults, nesting.fetched), ([], [], []))
        self.assertIsNone(re.search(r"url\(|@import|https?:", html))

    def test_interrupted_and_gone_on_with(self):
        environment = {**os.environ, "FAKE_LOG": self.log, "FAKE_HANG": "20000"}
        with subprocess.Popen(self.command("halves", "--jobs", "1"), env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as interrupted:
            while "hang" not in place.lines(self.log):
                self.assertIsNone(interrupted.poll(), "it ended early")
                signal.sigtimedwait([], 0.01)
            interrupted.send_signal(signal.SIGTERM)
            _, said = interrupted.communicate()
        self.assertEqual(interrupted.returncode, 130, said)
        self.assertIn("goes on from here", said)
        finished = self.calls()[:-2]  # without the one that hung
        self.assertEqual(self.evaluate("halves", log=self.log).returncode, 0)
        later = self.calls()[len(finished) + 2:]
        self.assertTrue(finished and later)
        self.assertEqual(set(finished) & set(later), set())
        self.assertEqual(self.content("halves"), self.content("reference"))

    def calls(self):
        return [re.sub(r" --csv-nodes \S+", "", line) for line in place.lines(self.log)]

    def test_only_report_runs_nothing(self):
        copy = self.copy()
        os.remove(os.path.join(self.folder, copy, "report.html"))
        self.assertEqual(self.evaluate(copy, "--only-report", log=self.log).returncode, 0)
        self.assertEqual((self.content(copy), self.calls()), (self.content("reference"), []))
        self.assertEqual(self.evaluate("nothing", "--only-report").returncode, 2)

    def test_the_report_follows_the_tables(self):
        copy = self.copy()
        folder = os.path.join(self.folder, copy)
        tables.write(folder, "throughput", [{**row, "rate_per_s": 10.0} for row in tables.read(folder, "throughput")])
        done = self.evaluate(copy, "--only-report")
        self.assertEqual(done.returncode, 1)
        self.assertIn("DOES NOT HOLD  direct sustains more", done.stdout)
        self.assertIn("Less than the paper&#x27;s", self.content(copy)["report.html"])

    def test_a_bad_topology_is_told_and_nothing_is_run(self):
        bad = place.write(self.folder, "bad.json", "{")
        done = self.evaluate("bad", topology=bad, log=self.log)
        self.assertEqual(done.returncode, 2)
        self.assertIn("bad.json:1:1: not JSON", done.stderr)
        self.assertEqual(len(self.calls()), 1)

    def test_two_of_one_name_are_refused(self):
        done = self.evaluate("two", "--topology", place.write(self.folder, "other.json", place.read(self.topology)))
        self.assertEqual(done.returncode, 2)
        self.assertIn("call themselves mine", done.stderr)


if __name__ == "__main__":
    unittest.main()
