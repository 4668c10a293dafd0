# SPDX-License-Identifier: Apache-2.0
"""Every claim, computed from the CSV files and nothing else.

A figure is a median over seeds. What was not measured is None and has a reason; a claim's direction is True, False, or
None where it was not measured."""

import bound
import plan
import tables
from medians import median, smoothed

PAPER = {"faster_pct": 90, "throughput_ratio": 8, "extension_pct": 8, "degrades_below_us": 100000}
GOALS = {"faster_pct": 90, "direct_vs_bound": 1.15, "throughput_ratio": 10, "authorize_vs_seed": 0.5, "live_pct": 15}
DELIVERY_US = (100000, 50000, 20000)
ENOUGH = 0.99
MAY_BE_UNMEASURED = ("extension_is_a_small_part",)  # needs a compiler for boards
SMALL_FRAME_BYTES = 60  # about what an empty acknowledgement takes with its headers


class Measured:
    """The tables of one folder, and what they say about one application on one topology."""

    def __init__(self, folder):
        for name in tables.COLUMNS:
            setattr(self, name, tables.read(folder, name))
        self.index = {name: self.grouped(getattr(self, name)) for name in
                      ("notifications", "nodes", "authorize", "paths", "throughput")}
        self.hops = {row["topology"]: row for row in self.topologies}
        self.names = sorted(self.hops, key=lambda name: (name != plan.HEADLINE, self.hops[name]["hops_server"],
                                                         self.hops[name]["hops_direct"], name))
        self.intervals_us = sorted({row["interval_us"] for row in self.notifications}, reverse=True)
        self.seeds = len({row["seed"] for row in self.notifications})

    @staticmethod
    def grouped(rows):
        groups = {}
        for row in rows:
            groups.setdefault((row["app"], row["topology"]), []).append(row)
        return groups

    def rows(self, table, app, topology, **wanted):
        return [row for row in self.index[table].get((app, topology), ())
                if all(row[name] == value for name, value in wanted.items())]

    def delay(self, app, topology, interval_us=plan.UNDISTURBED_US, column=None):
        """Microseconds, the smoothed median or one of the columns; a seed of which nothing arrived does not count."""
        rows = self.rows("notifications", app, topology, interval_us=interval_us)
        return median([row[column] if column else smoothed(row) for row in rows if row["delivered"]])

    def delivery(self, app, topology, interval_us):
        rows = self.rows("notifications", app, topology, interval_us=interval_us)
        return median([row["delivered"] / row["sent"] for row in rows if row["sent"]])

    def rate(self, app, topology):
        """A second; None where the middle seed sustained nothing."""
        return median([row["rate_per_s"] for row in self.rows("throughput", app, topology)])

    def bound(self, app, topology):
        rows = self.rows("paths", app, topology)
        if not rows:
            return None
        rows.sort(key=lambda row: (row["leg"], row["step"]))
        return bound.bound([(row["medium"], row["bytes"]) for row in rows], rows[0]["wired_delay_us"])

    def asked(self, app, topology, flow, phase, column):
        return median([row[column] for row in self.rows("authorize", app, topology, flow=flow, phase=phase)])

    def node(self, app, topology, node, column):
        """Of one node, for each notification sent."""
        rows = self.rows("nodes", app, topology, node=node)
        sent = {row["seed"]: row["sent"] for row in
                self.rows("notifications", app, topology, interval_us=plan.UNDISTURBED_US)}
        return median([row[column] / sent[row["seed"]] for row in rows if sent.get(row["seed"])])

    def airtime(self, app, topology):
        """Microseconds that all radios together send and receive for one notification."""
        rows = self.rows("nodes", app, topology)
        nodes = sorted({row["node"] for row in rows})
        return [(node, next(row["role"] for row in rows if row["node"] == node),
                 self.node(app, topology, node, "tx_us"), self.node(app, topology, node, "rx_us")) for node in nodes]

    def memory_of(self, image, what):
        return next((row[what] for row in self.memory if row["image"] == image), None)


# ---- one topology -------------------------------------------------------------------------


def ratio(above, below):
    return None if above is None or not below else above / below


def rounded(value, digits=4):
    return None if value is None else round(value, digits)


def faster_pct(measured, topology, app):
    share = ratio(measured.delay(app, topology).value, measured.delay(plan.SERVER, topology).value)
    return None if share is None else 100 * (1 - share)


def bound_faster_pct(measured, topology, app):
    """What the two bounds alone would give."""
    direct, server = measured.bound(app, topology), measured.bound(plan.SERVER, topology)
    return None if direct is None or server is None else 100 * (1 - direct.total_us / server.total_us)


def vs_bound(measured, topology, app):
    least = measured.bound(app, topology)
    return None if least is None else ratio(measured.delay(app, topology).value, least.total_us)


def mean_vs_bound(measured, topology, app):
    """The bound has the mean of a back-off."""
    least = measured.bound(app, topology)
    return None if least is None else ratio(measured.delay(app, topology, column="mean_us").value, least.total_us)


def throughput_ratio(measured, topology, app):
    return ratio(measured.rate(app, topology).value, measured.rate(plan.SERVER, topology).value)


def authorize_vs_seed(measured, topology, app, column="duration_us", phase="total"):
    compact, seed = (measured.asked(app, topology, flow, phase, column).value for flow in ("compact", "seed"))
    return ratio(compact, seed)


def both(function, measured, topology, apps=None, **more):
    return {kind: rounded(function(measured, topology, app, **more)) for kind, app in (apps or plan.DIRECT).items()}


def figures(measured, topology):
    """The members of the JSON line that belong to a topology."""
    return {
        "faster_pct": both(faster_pct, measured, topology),
        "baseline_vs_bound": {"dtls": rounded(vs_bound(measured, topology, plan.SERVER))},
        "direct_vs_bound": both(vs_bound, measured, topology),
        "direct_mean_vs_bound": both(mean_vs_bound, measured, topology),
        "throughput_ratio": both(throughput_ratio, measured, topology),
        "baseline_delivery": {f"{us // 1000}ms": rounded(measured.delivery(plan.SERVER, topology, us).value)
                              for us in DELIVERY_US},
        "authorize_vs_seed_ratio": both(authorize_vs_seed, measured, topology, plan.ASKING),
        "authorize_bytes_vs_seed_ratio": both(authorize_vs_seed, measured, topology, plan.ASKING, column="frame_bytes"),
    }


def round_trip_us(measured, topology):
    """Of the server's request to the requester: there by its bound, back at least as many hops with a small message."""
    rows = sorted(measured.rows("paths", plan.SERVER, topology, leg=2), key=lambda row: row["step"])
    if not rows:
        return None
    way = bound.bound([(row["medium"], row["bytes"]) for row in rows], rows[0]["wired_delay_us"])
    frames = sum(row["medium"] == "air" for row in rows)
    return way.total_us + way.wire_us + frames * bound.frame_us(SMALL_FRAME_BYTES)


# ---- all of them --------------------------------------------------------------------------


def extension_pct(measured, what):
    less, more = (measured.memory_of(image, what) for image in ("client", "client_with_c2c"))
    return None if less is None or more is None else 100 * (more - less) / less


def live_vs_sim_pct(measured):
    differences = [abs(row["difference_pct"]) for row in measured.live if row["difference_pct"] is not None]
    return max(differences) if differences else None


def degrades_at_us(measured, app, topology):
    """The longest interval at which less than 99 % arrive, while they do at each longer one; None if there is none."""
    for interval in measured.intervals_us:
        share = measured.delivery(app, topology, interval).value
        if share is not None and share < ENOUGH:
            return interval
    return None


def every(values, holds):
    """None if one was not measured, unless another says no already."""
    known = [holds(value) for value in values if value is not None]
    if not all(known):
        return False
    return True if known and len(known) == len(list(values)) else None


def degrades(measured, topology):
    """Nothing amiss at 100 ms and above, less than 99 % somewhere below."""
    slow = [measured.delivery(plan.SERVER, topology, us).value for us in measured.intervals_us
            if us >= PAPER["degrades_below_us"]]
    fast = [measured.delivery(plan.SERVER, topology, us).value for us in measured.intervals_us
            if us < PAPER["degrades_below_us"]]
    if not slow or not fast or None in slow or None in fast:
        return None
    return min(slow) >= ENOUGH > min(fast)


def directions(measured):
    """What must hold whatever the machine: CI looks at these."""
    here = figures(measured, plan.HEADLINE)
    extension = [extension_pct(measured, "flash"), extension_pct(measured, "ram")]
    return {
        "direct_is_faster": every(here["faster_pct"].values(), lambda pct: pct > 0),
        "direct_sustains_more": every(here["throughput_ratio"].values(), lambda times: times > 1),
        "server_centric_degrades_below_100ms": degrades(measured, plan.HEADLINE),
        "extension_is_a_small_part": every(extension, lambda pct: 0 < pct < 25),
        "compact_is_quicker_than_seed": every(here["authorize_vs_seed_ratio"].values(), lambda part: part < 1),
    }


def one_frame(measured, app):
    least = measured.bound(app, plan.HEADLINE)
    return None if least is None else least.frames


def goals(measured):
    """name: (goal, what there is for each security, met)."""
    here = figures(measured, plan.HEADLINE)
    frames = {kind: one_frame(measured, app) for kind, app in plan.DIRECT.items()}
    live = live_vs_sim_pct(measured)
    table = (
        ("notification_frames", 1, frames, lambda got: got <= 1),
        ("direct_vs_bound", GOALS["direct_vs_bound"], here["direct_vs_bound"], lambda got: got <= GOALS["direct_vs_bound"]),
        ("faster_pct", GOALS["faster_pct"], here["faster_pct"], lambda got: got >= GOALS["faster_pct"]),
        ("throughput_ratio", GOALS["throughput_ratio"], here["throughput_ratio"],
         lambda got: got >= GOALS["throughput_ratio"]),
        ("authorize_time_vs_seed", GOALS["authorize_vs_seed"], here["authorize_vs_seed_ratio"],
         lambda got: got <= GOALS["authorize_vs_seed"]),
        ("authorize_bytes_vs_seed", GOALS["authorize_vs_seed"], here["authorize_bytes_vs_seed_ratio"],
         lambda got: got <= GOALS["authorize_vs_seed"]),
        ("live_vs_sim_pct", GOALS["live_pct"], {"both": rounded(live)}, lambda got: got <= GOALS["live_pct"]),
    )
    return {name: {"goal": goal, "got": got, "met": every(list(got.values()), holds)} for name, goal, got, holds in table}


def reasons(measured, result, failures):
    """Why a member of the line is null."""
    why = {}
    memory = next((row["reason"] for row in measured.memory if row["reason"]), None)
    for name in ("extension_flash_pct", "extension_ram_pct"):
        if result[name] is None:
            why[name] = memory or "not run"
    if result["live_vs_sim_pct"] is None:
        why["live_vs_sim_pct"] = next((row["reason"] for row in measured.live if row["reason"]), None) or "not run"
    for topology, members in result["topologies"].items():
        for name, values in members.items():
            if None in values.values():
                where = name if topology == plan.HEADLINE else f"topologies.{topology}.{name}"
                why[where] = reason_of(measured, topology, name, failures)
    return why


def reason_of(measured, topology, name, failures):
    if name == "throughput_ratio" and measured.rows("throughput", plan.SERVER, topology):
        return "no interval that was tried is sustained"
    command = "authorize" if name.startswith("authorize") else "path" if name.endswith("vs_bound") and not measured.rows("paths", plan.SERVER, topology) else "notify"
    failed = next((failure for failure in failures if f"`{command} " in failure), None)
    return f"failed: {failed}" if failed else "not run, or nothing arrived"


def result(measured, setup, failures):
    """The JSON line."""
    holds = directions(measured)
    line = {"schema": "proa-experiments-1", "version": setup["version"], "commit": setup["commit"],
            "ok": not failures and all(holds[name] or (value is None and name in MAY_BE_UNMEASURED)
                                       for name, value in holds.items()),
            "quick": setup["quick"], "headline": plan.HEADLINE, **figures(measured, plan.HEADLINE),
            "extension_flash_pct": rounded(extension_pct(measured, "flash"), 2),
            "extension_ram_pct": rounded(extension_pct(measured, "ram"), 2),
            "live_vs_sim_pct": rounded(live_vs_sim_pct(measured), 2),
            "directions": holds, "goals": goals(measured), "failures": failures,
            "topologies": {name: figures(measured, name) for name in measured.names}}
    line["reasons"] = reasons(measured, line, failures)
    return line
