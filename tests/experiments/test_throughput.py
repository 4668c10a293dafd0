#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The search for the largest rate, on paths of which the answer is known."""

import unittest

import place  # noqa: F401
import throughput

RATIO = 1.02


class Path:
    """Delivers from this interval on, but not in the gap; counts what it was asked."""

    def __init__(self, shortest_us, gap=range(0)):
        self.shortest_us, self.gap, self.tried = shortest_us, gap, []

    def __call__(self, interval_us):
        self.tried.append(interval_us)
        return interval_us >= self.shortest_us and interval_us not in self.gap


def search(path, seed=1):
    return throughput.search(path, throughput.Ladder(RATIO, seed))


class TestThroughput(unittest.TestCase):
    def test_finds_the_interval_within_the_ratio(self):
        for shortest in (600, 9999, 10000, 10001, 43210, 99999, 100000, 999999, 1500000, 7900000):
            for seed in (1, 2, 20):
                with self.subTest(shortest=shortest, seed=seed):
                    good, bad = search(Path(shortest), seed)
                    self.assertTrue(bad < shortest <= good <= bad * RATIO + 1, (bad, good))

    def test_few_runs(self):
        path = Path(43210)
        search(path)
        self.assertLessEqual(len(path.tried), 16)
        self.assertEqual(len(path.tried), len(set(path.tried)))

    def test_a_gap_is_looked_across(self):
        for gap in (range(57000, 64000), range(93000, 105000), range(56000, 63000)):
            with self.subTest(gap=gap):
                good, bad = search(Path(54700, gap))
                self.assertTrue(54700 <= good < 55800, good)
                self.assertIn(bad, gap)

    def test_what_is_shorter_by_more_is_not(self):
        good, bad = search(Path(54700, range(56000, 66000)))
        self.assertTrue(66000 <= good < 67400 and bad in range(56000, 66000), (good, bad))

    def test_each_seed_has_intervals_of_its_own(self):
        found = [search(Path(43210), seed)[0] for seed in range(1, 21)]
        self.assertEqual(len(set(found)), 20)
        self.assertTrue(43210 <= min(found) < 43300 and 43900 < max(found) < 43210 * RATIO + 1, sorted(found))

    def test_ends_that_are_not_found(self):
        good, bad = search(Path(10**9))
        self.assertEqual(good, None)
        self.assertTrue(bad < throughput.LONGEST_US)
        good, bad = search(Path(0))
        self.assertTrue(throughput.SHORTEST_US <= good < throughput.SHORTEST_US * RATIO**3)
        self.assertEqual(bad, None)

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
