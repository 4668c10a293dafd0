#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How far it is: on a terminal, elsewhere, and after an interruption."""

import io
import unittest

import place  # noqa: F401
from progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


class TestProgress(unittest.TestCase):
    def setUp(self):
        self.now = 0.0

    def progress(self, out):
        return Progress(1000, 10, out, lambda: self.now)

    def work(self, progress, times, kept=False):
        for _ in range(times):
            self.now += 0 if kept else 60
            progress.add(100, kept)

    def test_a_line_for_each_tenth(self):
        out = io.StringIO()
        self.work(self.progress(out), 10)
        lines = out.getvalue().splitlines()
        self.assertEqual(len(lines), 10)
        self.assertEqual(lines[0], "experiments: 1 of 10, 10 %, 9 min left")
        self.assertEqual(lines[8], "experiments: 9 of 10, 90 %, 60 s left")
        self.assertEqual(lines[9], "experiments: 10 of 10, 100 %")

    def test_what_was_kept_says_nothing_about_the_time_left(self):
        out = io.StringIO()
        progress = self.progress(out)
        self.work(progress, 5, kept=True)
        self.assertEqual(out.getvalue().splitlines()[-1], "experiments: 5 of 10, 50 %")
        self.work(progress, 1)
        self.assertEqual(out.getvalue().splitlines()[-1], "experiments: 6 of 10, 60 %, 4 min left")

    def test_one_line_on_a_terminal(self):
        out = Terminal()
        progress = self.progress(out)
        self.work(progress, 10)
        progress.close()
        self.assertEqual((out.getvalue().count("\n"), out.getvalue().count("\r")), (1, 10))


if __name__ == "__main__":
    unittest.main()
