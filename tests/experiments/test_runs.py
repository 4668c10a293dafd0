#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs are kept, and none is taken for another; what is stopped leaves nothing half."""

import os
import shutil
import tempfile
import threading
import unittest

import place
from runs import Failed, Runs, Stopped

NOTIFY = {"app": "c2c_dtls", "interval_us": 20000, "count": 10, "wired_delay_us": 0}


class TestRuns(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="proa-runs-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.program = os.path.join(self.folder, "program")
        shutil.copy(place.FAKE, self.program)
        self.topology = place.write(self.folder, "t.json", place.ONE_HOP % ("t", place.NEIGHBOURS))
        os.environ["FAKE_LOG"] = os.path.join(self.folder, "log")
        self.addCleanup(os.environ.pop, "FAKE_LOG")

    def calls(self):
        return len(place.lines(os.environ["FAKE_LOG"]))

    def runs(self):
        return Runs(self.program, os.path.join(self.folder, "runs"))

    def test_a_run_is_kept(self):
        first = self.runs().run("notify", self.topology, nodes=True, seed=1, **NOTIFY)
        again = self.runs().run("notify", self.topology, nodes=True, seed=1, **NOTIFY)
        self.assertEqual(self.calls(), 1)
        self.assertEqual(first, again)
        self.assertEqual((first[0][0]["seed"], len(first[1])), (1, 3))

    def test_other_arguments_program_or_topology_are_another_run(self):
        runs = self.runs()
        runs.run("notify", self.topology, seed=1, **NOTIFY)
        runs.run("notify", self.topology, seed=2, **NOTIFY)
        runs.run("notify", self.topology, nodes=True, seed=1, **NOTIFY)
        self.assertEqual(self.calls(), 3)
        with open(self.program, "a", encoding="utf-8") as file:
            file.write("# changed\n")
        self.runs().run("notify", self.topology, seed=1, **NOTIFY)
        self.assertEqual(self.calls(), 4)
        place.write(self.folder, "t.json", place.ONE_HOP % ("t", ""))
        self.runs().run("notify", self.topology, seed=1, **NOTIFY)
        self.assertEqual(self.calls(), 5)

    def test_half_a_file_is_run_again(self):
        runs = self.runs()
        runs.run("notify", self.topology, seed=1, **NOTIFY)
        path = runs.path_of("notify", self.topology, {"seed": 1, **NOTIFY})
        place.write(*os.path.split(path), place.read(path)[:-20])
        runs.run("notify", self.topology, seed=1, **NOTIFY)
        self.assertEqual(self.calls(), 2)

    def test_the_programs_own_words(self):
        bad = place.write(self.folder, "bad.json", "{")
        runs = self.runs()
        with self.assertRaisesRegex(Failed, r"bad\.json:1:1: not JSON"):
            runs.run("path", bad, app="c2c_dtls")
        self.assertFalse(os.path.exists(runs.path_of("path", bad, {"app": "c2c_dtls"})))

    def test_stopping_ends_what_runs_and_keeps_nothing_of_it(self):
        os.environ["FAKE_HANG"] = str(NOTIFY["interval_us"])
        self.addCleanup(os.environ.pop, "FAKE_HANG")
        runs = self.runs()
        ended = []

        def hang():
            try:
                runs.run("notify", self.topology, seed=7, **NOTIFY)
            except Stopped:
                ended.append(True)
        thread = threading.Thread(target=hang)
        thread.start()
        while "hang" not in place.lines(os.environ["FAKE_LOG"]):
            threading.Event().wait(0.01)
        runs.stop()
        thread.join()
        self.assertEqual(ended, [True])
        self.assertFalse(os.path.exists(runs.path_of("notify", self.topology, {"seed": 7, **NOTIFY})))
        with self.assertRaises(Stopped):
            runs.run("notify", self.topology, seed=8, **NOTIFY)


if __name__ == "__main__":
    unittest.main()
