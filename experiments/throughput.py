# SPDX-License-Identifier: Apache-2.0
"""The largest rate that a path sustains: the shortest interval at which 99 % arrive, and at 99 % of the rate at which
they were sent; as long as both hold at each longer one that was tried.

The second condition is what tells a rate that is sustained from a queue that has not overflowed yet: then delays grow
to the end of the run."""

SHORTEST_US = 500
LONGEST_US = 16000000


def sustained(row, undisturbed):
    """Of a run's row, beside that of the same seed at a long interval. The slowest are later than there by at most one
    percent of the run's duration."""
    if row["sent"] == 0 or row["delivered"] * 100 < row["sent"] * 99 or undisturbed["q99"] is None:
        return False
    return row["q99"] - undisturbed["q99"] <= row["sent"] * row["interval_us"] / 100


def bracket(sustains, intervals):
    """(good, bad): neighbours of the grid, longest first, between which it stops. None stands for an end that was
    not found within SHORTEST_US and LONGEST_US."""
    good = bad = None
    for interval in sorted(intervals, reverse=True):
        if not sustains(interval):
            bad = interval
            break
        good = interval
    while bad is None and good > SHORTEST_US:
        shorter = max(good // 2, SHORTEST_US)
        if sustains(shorter):
            good = shorter
        else:
            bad = shorter
    while good is None and bad < LONGEST_US:
        longer = min(bad * 2, LONGEST_US)
        if sustains(longer):
            good = longer
        else:
            bad = longer
    return good, bad


def search(sustains, intervals, ratio):
    """Halves the bracket geometrically until its ends are within ratio. Returns (good, bad) in microseconds, with
    None as in bracket."""
    good, bad = bracket(sustains, intervals)
    while good is not None and bad is not None and good > bad * ratio and good - bad > 1:
        between = min(max(round((good * bad) ** 0.5), bad + 1), good - 1)
        if sustains(between):
            good = between
        else:
            bad = between
    return good, bad
