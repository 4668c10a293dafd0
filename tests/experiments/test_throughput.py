#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The search for the largest rate, on paths of which the answer is known."""

import unittest

import place  # noqa: F401
import throughput

GRID = (1000000, 100000, 10000)


class Path:
    """Delivers from this interval on; counts what it was asked."""

    def __init__(self, shortest_us, *gaps):
        self.shortest_us, self.gaps, self.tried = shortest_us, gaps, []

    def __call__(self, interval_us):
        self.tried.append(interval_us)
        return interval_us >= self.shortest_us and interval_us not in self.gaps


class TestThroughput(unittest.TestCase):
    def test_finds_the_interval_within_the_ratio(self):
        for shortest in (600, 9999, 10000, 10001, 43210, 99999, 100000, 999999, 1500000, 15999999):
            with self.subTest(shortest=shortest):
                good, bad = throughput.search(Path(shortest), GRID, 1.03)
                self.assertTrue(bad < shortest <= good <= bad * 1.03 + 1, (bad, good))

    def test_few_runs(self):
        path = Path(43210)
        throughput.search(path, GRID, 1.03)
        self.assertLessEqual(len(path.tried), 3 + 7)
        self.assertEqual(len(path.tried), len(set(path.tried)))

    def test_the_longest_interval_that_fails_decides(self):
        good, bad = throughput.search(Path(5000, 100000), GRID, 1.03)
        self.assertTrue(bad >= 100000 and good > 100000)

    def test_ends_that_are_not_found(self):
        self.assertEqual(throughput.search(Path(10**9), GRID, 1.03)[0], None)
        good, bad = throughput.search(Path(0), GRID, 1.03)
        self.assertEqual((good, bad), (throughput.SHORTEST_US, None))

    def test_sustained_is_99_percent_at_99_percent_of_the_rate(self):
        idle = {"q99": 50000}
        for sent, delivered, q99, holds in ((1000, 990, 50000, True), (1000, 989, 50000, False), (1000, 1000, 250000, True),
                                            (1000, 1000, 250001, False), (1000, 0, None, False), (0, 0, None, False)):
            with self.subTest(delivered=delivered, q99=q99):
                row = {"sent": sent, "delivered": delivered, "q99": q99, "interval_us": 20000}
                self.assertEqual(throughput.sustained(row, idle), holds)
        row = {"sent": 1000, "delivered": 1000, "q99": 1, "interval_us": 20000}
        self.assertFalse(throughput.sustained(row, {"q99": None}))


if __name__ == "__main__":
    unittest.main()
