# SPDX-License-Identifier: Apache-2.0
"""The largest rate that a path sustains: the shortest interval at which 99 % arrive, and at 99 % of the rate at which
they were sent.

The second condition is what tells a rate that is sustained from a queue that has not overflowed yet: then delays grow
to the end of the run.

A longer interval need not be sustained, too: where the sender's step falls into step with the answers of the receiver, a
few of these are lost, and each costs seconds. So an interval that fails says nothing of shorter ones, until as many are
tried as are shorter by up to BEYOND."""

from math import ceil, log

SHORTEST_US = 500
LONGEST_US = 16000000
START_US = 100000
BEYOND = 1.15
GOLDEN = 0.6180339887


def sustained(row, undisturbed):
    """Of a run's row, beside that of the same seed at a long interval. The slowest are later than there by at most one
    percent of the run's duration."""
    if row["sent"] == 0 or row["delivered"] * 100 < row["sent"] * 99 or undisturbed["q99"] is None:
        return False
    return row["q99"] - undisturbed["q99"] <= row["sent"] * row["interval_us"] / 100


class Ladder:
    """The intervals that are tried, each shorter than the one before by the same ratio. Where it stands is each seed's
    own: the median of many seeds is finer than a rung then, and does not jump by one when the path changes a little."""

    def __init__(self, ratio, seed):
        self.ratio, self.offset = ratio, seed * GOLDEN % 1
        self.halving, self.beyond = (ceil(log(factor, ratio)) for factor in (2, BEYOND))
        self.first, self.last = -self.steps(LONGEST_US / START_US), self.steps(START_US / SHORTEST_US)

    def steps(self, factor):
        return int(log(factor, self.ratio)) - 1

    def interval_us(self, rung):
        return round(START_US / self.ratio ** (rung + self.offset))


def search(sustains, ladder):
    """sustains(interval_us) is asked once for each. Returns the shortest interval that is sustained and the longest that
    is not, in microseconds; None where no rung is like that."""
    known = {}

    def holds(rung):
        if rung not in known:
            known[rung] = sustains(ladder.interval_us(rung))
        return known[rung]

    def found(rungs):
        return next((rung for rung in rungs if holds(rung)), None)

    good = found([*range(0, ladder.first, -ladder.halving), ladder.first])
    while good is not None:
        good = edge(holds, good, ladder)
        further = found(range(good + 1, min(good + ladder.beyond, ladder.last) + 1))
        if further is None:
            break
        good = further
    failing = [rung for rung in known if not known[rung]]
    return tuple(rung if rung is None else ladder.interval_us(rung) for rung in (good, min(failing, default=None)))


def edge(holds, good, ladder):
    """From a rung that holds to one whose next does not: by halved intervals, then bisected."""
    bad = None
    while bad is None and good < ladder.last:
        rung = min(good + ladder.halving, ladder.last)
        good, bad = (rung, None) if holds(rung) else (good, rung)
    while bad is not None and bad - good > 1:
        between = (good + bad) // 2
        good, bad = (between, bad) if holds(between) else (good, between)
    return good
