# SPDX-License-Identifier: Apache-2.0
"""What many seeds say together: the median, and how sure it is.

The interval comes from order statistics: of n independent values, the k-th smallest and the k-th largest enclose the
median with probability 1 - 2 P(B < k), B binomial(n, 1/2), whatever the distribution. The narrowest such pair that
reaches 95 % is taken; fewer than six values have none."""

from math import comb
from typing import NamedTuple, Optional

LEVEL = 0.95


class Median(NamedTuple):
    value: Optional[float]  # None: not measured, or the middle one did not succeed
    low: Optional[float]
    high: Optional[float]
    count: int


def smoothed(quantiles):
    """A median of delays by name, q05 to q95: the mean of the quantiles around it. Back-offs are multiples of 320 us, and
    over one hop half of all delays lie on either side of the step between two of them, so that the median itself is
    one or the other by chance."""
    return sum(quantiles[f"q{percent}"] for percent in range(40, 61, 5)) / 5


def coverage(count, k):
    """How likely the k-th smallest and the k-th largest of so many values enclose the median."""
    return 1 - 2 * sum(comb(count, i) for i in range(k)) / 2**count


def rank(count, level=LEVEL):
    """The largest k whose interval reaches the level; 0 if none does."""
    k = 0
    while 2 * (k + 1) <= count and coverage(count, k + 1) >= level:
        k += 1
    return k


def middle(ordered):
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    if ordered[half - 1] is None:
        return None
    return (ordered[half - 1] + ordered[half]) / 2


def median(values):
    """None among the values, which are not negative, stands for less than any of them."""
    ordered = sorted(values, key=lambda value: -1 if value is None else value)
    if not ordered:
        return Median(None, None, None, 0)
    k = rank(len(ordered))
    low, high = (ordered[k - 1], ordered[-k]) if k else (None, None)
    return Median(middle(ordered), low, high, len(ordered))
