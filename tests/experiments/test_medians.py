#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Medians over seeds, and their confidence intervals against published ranks."""

import unittest

import place  # noqa: F401
from medians import Median, coverage, median, rank, smoothed


class TestMedians(unittest.TestCase):
    def test_ranks_of_the_95_percent_interval(self):
        # Conover, Practical Nonparametric Statistics, table of the binomial with p = 1/2
        for count, k in ((1, 0), (5, 0), (6, 1), (8, 1), (9, 2), (10, 2), (12, 3), (20, 6), (30, 10)):
            with self.subTest(count=count):
                self.assertEqual(rank(count), k)

    def test_coverage(self):
        self.assertAlmostEqual(coverage(6, 1), 1 - 2 / 64)
        self.assertAlmostEqual(coverage(20, 6), 0.9586, 4)

    def test_odd_even_and_none(self):
        self.assertEqual(median([3, 1, 2]), Median(2, None, None, 3))
        self.assertEqual(median([4, 1, 2, 3]), Median(2.5, None, None, 4))
        self.assertEqual(median([]), Median(None, None, None, 0))

    def test_smoothed_is_between_two_steps(self):
        # Half of the delays take three units of back-off or fewer, half four or more.
        quantiles = {"q05": 0, "q40": 960, "q45": 960, "q50": 960, "q55": 1280, "q60": 1280, "q95": 2240}
        self.assertEqual(smoothed(quantiles), 1088)

    def test_interval_of_twenty(self):
        self.assertEqual(median(range(20, 0, -1)), Median(10.5, 6, 15, 20))

    def test_what_failed_is_less_than_any_number(self):
        self.assertEqual(median([None, None, 5]).value, None)
        self.assertEqual(median([None, 5, 6]).value, 5)
        self.assertEqual(median([None, 5]).value, None)


if __name__ == "__main__":
    unittest.main()
