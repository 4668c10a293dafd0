# SPDX-License-Identifier: Apache-2.0
"""What is run: how much of it, and in which order."""

from typing import NamedTuple

HEADLINE = "multihop_0_direct"
SERVER = "baseline_dtls"
DIRECT = {"dtls": "c2c_dtls", "oscore": "c2c_oscore"}
APPS = (SERVER, *DIRECT.values())
ASKING = {"dtls": "cred_req_dtls", "oscore": "cred_req_oscore"}
FLOWS = ("seed", "compact")
UNDISTURBED_US = 1000000  # the interval at which delays are compared, and nodes counted


class Extent(NamedTuple):
    seeds: int
    count: int  # notifications in one run
    intervals_us: tuple
    ratio: float  # between the intervals of the throughput search
    topologies: tuple  # empty: all; the headline is always there


FULL = Extent(20, 1000, (1000000, 500000, 200000, 100000, 50000, 20000, 10000), 1.02, ())
QUICK = Extent(6, 1000, (1000000, 100000, 50000, 20000), 1.03, ("multihop_2", "m3-317x16261b22", "m3-317xa4473081"))


class Task(NamedTuple):
    """One thing to do: its kind, and what makes it up. weight: notifications, roughly."""

    kind: str
    topology: str
    app: str
    weight: int
    interval_us: int = 0
    seed: int = 0
    flow: str = ""


def seeds(extent):
    return range(1, extent.seeds + 1)


def notifications(extent, topologies):
    for seed in seeds(extent):
        for topology in topologies:
            for app in APPS:
                for interval in extent.intervals_us:
                    yield Task("notify", topology, app, extent.count, interval_us=interval, seed=seed)


def searches(extent, topologies):
    """After the notifications, of whose runs each needs one."""
    for seed in seeds(extent):
        for topology in topologies:
            for app in APPS:
                yield Task("throughput", topology, app, 16 * extent.count, seed=seed)


def questions(extent, topologies):
    for seed in seeds(extent):
        for topology in topologies:
            for app in ASKING.values():
                for flow in FLOWS:
                    yield Task("authorize", topology, app, 50, seed=seed, flow=flow)


def paths(topologies):
    for topology in topologies:
        for app in APPS:
            yield Task("path", topology, app, 10)


def tasks(extent, topologies, only):
    """only: kinds; empty for all."""
    every = [*paths(topologies), *questions(extent, topologies), *notifications(extent, topologies),
             *searches(extent, topologies)]
    return [task for task in every if not only or task.kind in only or task.kind == "path"]


def chosen(extent, names):
    """Of the topologies there are, those that this extent takes; the headline first."""
    wanted = [name for name in names if not extent.topologies or name in extent.topologies or name == HEADLINE]
    return sorted(wanted, key=lambda name: (name != HEADLINE, name))
