# SPDX-License-Identifier: Apache-2.0
"""The plots. Each function takes what was measured and gives a drawing, or None where there is nothing to draw."""

import claims
import plan
from medians import Median
from svg import Drawing, Linear, Log
from tables import QUANTILES

NAMES = {"baseline_dtls": "through the server", "c2c_dtls": "direct, DTLS", "c2c_oscore": "direct, OSCORE"}
WIDTH = 780
LEFT, RIGHT = 196, 92  # of a plot with topologies as rows
ROW = 38
LANES = {"baseline_dtls": -9, "c2c_dtls": 1, "c2c_oscore": 11}


def ms(value_us):
    return value_us / 1000


def short(value):
    """Three digits, as a label."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2g}" if value < 1 else f"{value:.1f}"


def axis(drawing, scale, top, bottom, label):
    for tick in scale.ticks:
        drawing.line(scale(tick), top, scale(tick), bottom, "rule")
        drawing.text(scale(tick), bottom + 16, short(tick), "quiet", "middle")
    drawing.text((scale.start + scale.end) / 2, bottom + 34, label, "quiet", "middle")


def legend(drawing, x, y, bound=True):
    for app, name in NAMES.items():
        drawing.mark(x, y - 4, app)
        drawing.text(x + 9, y, name, f"in {app}")
        x += 26 + 7.2 * len(name)
    if bound:
        drawing.line(x, y - 10, x, y + 2, "bound")
        drawing.text(x + 7, y, "analytic bound")


def hops(measured, topology):
    row = measured.hops[topology]
    text = f"{row['hops_server']} hops by server, {row['hops_direct']} direct"
    return text + (" *" if row["through_border_router"] == "yes" else "")


# ---- topologies as rows -------------------------------------------------------------------


def by_topology(measured, title, label, value, scale_of, aside, note, least=None):
    """value(app, topology) -> Median in the axis' unit; aside(topology) -> text at the right."""
    cells = {(app, name): value(app, name) for name in measured.names for app in plan.APPS}
    points = [cell for cell in cells.values() if cell.value is not None]
    if not points:
        return None
    names = [name for name in measured.names if any(cells[app, name].count for app in plan.APPS)]
    top, bottom = 56, 56 + ROW * len(names)
    drawing = Drawing(WIDTH, bottom + 64, title)
    ends = [end for cell in points for end in (cell.value, cell.high) if end is not None]
    scale = scale_of(min(cell.value for cell in points), max(ends), LEFT, WIDTH - RIGHT - 12)
    legend(drawing, LEFT, 20, least is not None)
    drawing.text(WIDTH, 44, note, "quiet", "end")
    axis(drawing, scale, top, bottom, label)
    for i, name in enumerate(names):
        y = top + ROW * (i + 0.5)
        drawing.line(0, top + ROW * (i + 1), WIDTH, top + ROW * (i + 1), "rule")
        drawing.text(0, y - 3, name)
        drawing.text(0, y + 12, hops(measured, name), "quiet small")
        drawing.text(WIDTH, y + 5, aside(name), "", "end")
        for app in plan.APPS:
            point(drawing, scale, y + LANES[app], app, cells[app, name], least and least(app, name))
    if any(measured.hops[name]["through_border_router"] == "yes" for name in names):
        drawing.text(0, bottom + 34, "* through the border router", "quiet")
    return drawing


def point(drawing, scale, y, app, cell, least):
    if cell.value is None:
        drawing.text(scale.start + 4, y + 4, "none", f"in small {app}")
        return
    if cell.low is not None:
        drawing.line(scale(cell.low), y, scale(cell.high), y, f"interval {app}")
    drawing.mark(scale(cell.value), y, app)
    if least is not None:
        drawing.line(scale(least), y - 6, scale(least), y + 6, "bound")


def in_ms(cell):
    return cell._replace(**{name: None if getattr(cell, name) is None else ms(getattr(cell, name))
                            for name in ("value", "low", "high")})


def from_zero(_low, high, start, end):
    return Linear(0, high, start, end)


def pair(values, text):
    """DTLS and OSCORE at the side, one figure where they agree."""
    shown = ["–" if value is None else text(value) for value in values]
    return shown[0] if shown[0] == shown[1] else " / ".join(shown)


def delays(measured):
    """The main picture."""
    def least(app, name):
        found = measured.bound(app, name)
        return None if found is None else ms(found.total_us)

    def aside(name):
        return pair([claims.faster_pct(measured, name, app) for app in plan.DIRECT.values()],
                    lambda pct: f"{pct:.0f}") + " %"
    return by_topology(measured, "Median time from a change on the host to its arrival at the requester, by topology",
                       "median delay, ms", lambda app, name: in_ms(measured.delay(app, name)), from_zero, aside,
                       "direct is faster by", least)


def rates(measured):
    def aside(name):
        return pair([claims.throughput_ratio(measured, name, app) for app in plan.DIRECT.values()], short) + " ×"
    return by_topology(measured, "Largest rate of which 99 % arrive, by topology", "notifications per second (logarithmic)",
                       measured.rate, Log, aside, "direct sustains")


def airtimes(measured):
    def value(app, name):
        nodes = measured.airtime(app, name)
        if not nodes or any(tx.value is None for _, _, tx, _ in nodes):
            return Median(None, None, None, 0)
        return Median(ms(sum(tx.value for _, _, tx, _ in nodes)), None, None, nodes[0][2].count)

    def aside(name):
        server = value(plan.SERVER, name).value
        return pair([claims.ratio(value(app, name).value, server) for app in plan.DIRECT.values()],
                    lambda part: f"{100 * part:.0f}") + " %"
    return by_topology(measured, "Time that all radios together send for one notification, by topology",
                       "sending for one notification, all radios, ms", value, from_zero, aside, "direct needs")


# ---- curves -------------------------------------------------------------------------------


def distribution(measured, topology=plan.HEADLINE):
    shares = [int(name[1:]) for name in QUANTILES]
    curves = {app: [measured.delay(app, topology, column=name).value for name in QUANTILES] for app in plan.APPS}
    curves = {app: [ms(value) for value in curve] for app, curve in curves.items() if None not in curve}
    if not curves:
        return None
    top, bottom, left, right = 30, 300, 52, WIDTH - 20
    drawing = Drawing(WIDTH, bottom + 48, f"Distribution of the delay on {topology}")
    x, y = Linear(0, max(curve[-1] for curve in curves.values()), left, right, 8), Linear(0, 100, bottom, top, 5)
    axis(drawing, x, top, bottom, "delay, ms")
    for tick in y.ticks:
        drawing.line(left, y(tick), right, y(tick), "rule")
        drawing.text(left - 8, y(tick) + 4, f"{tick:.0f} %", "quiet", "end")
    drawing.text(left - 44, 14, "arrived within that time", "quiet")
    for i, (app, curve) in enumerate(curves.items()):
        drawing.path([(x(value), y(share)) for value, share in zip(curve, shares)], f"stroke {app}")
        least = measured.bound(app, topology)
        if least is not None:
            drawing.line(x(ms(least.total_us)), top, x(ms(least.total_us)), bottom, f"dashed {app}")
        at = curve[shares.index(50)]
        side, anchor = (12, "start") if x(at) < (left + right) / 2 else (-12, "end")
        drawing.text(x(at) + side, y(50 - 14 * i) + 4, f"{NAMES[app]}: median {at:.1f} ms", f"in {app}", anchor)
    drawing.text(right, 14, "dashed: the analytic bound", "quiet", "end")
    return drawing


def crossed(measured, app, topology):
    return measured.hops[topology]["hops_server" if app == plan.SERVER else "hops_direct"]


def against_hops(measured):
    cells = [(app, crossed(measured, app, name), measured.delay(app, name), measured.bound(app, name))
             for app in plan.APPS for name in measured.names]
    cells = [cell for cell in cells if cell[2].value is not None]
    if not cells:
        return None
    top, bottom, left, right = 56, 330, 52, WIDTH - 20
    drawing = Drawing(WIDTH, bottom + 48, "Median delay against radio hops crossed")
    most = max(cell[1] for cell in cells)
    step = (right - left) / (most + 1)
    y = Linear(0, ms(max(cell[2].value for cell in cells)), bottom, top)
    legend(drawing, left, 18)
    drawing.text(left - 44, 44, "median delay, ms", "quiet")
    for tick in y.ticks:
        drawing.line(left, y(tick), right, y(tick), "rule")
        drawing.text(left - 8, y(tick) + 4, short(tick), "quiet", "end")
    for hop in range(1, most + 1):
        drawing.text(left + step * hop, bottom + 16, str(hop), "quiet", "middle")
    drawing.text((left + right) / 2, bottom + 34, "radio hops that a notification crosses", "quiet", "middle")
    aside = {"baseline_dtls": -14, "c2c_dtls": 0, "c2c_oscore": 14}
    for app, hop, cell, least in cells:
        x = left + step * hop + aside[app]
        if least is not None:
            drawing.line(x - 7, y(ms(least.total_us)), x + 7, y(ms(least.total_us)), "bound")
        drawing.mark(x, y(ms(cell.value)), app)
    return drawing


def delivery(measured):
    """A small plot for each topology."""
    if len(measured.intervals_us) < 2:
        return None
    across, width, height, top = 4, 195, 168, 40
    lines = (len(measured.names) + across - 1) // across
    drawing = Drawing(WIDTH, top + lines * height + 8, "Share of notifications that arrive, against the update interval")
    legend(drawing, 42, 18, bound=False)
    for i, name in enumerate(measured.names):
        panel(drawing, measured, name, (i % across) * width, top + (i // across) * height, width, height,
              i % across == 0)
    return drawing


def panel(drawing, measured, topology, left, top, width, height, with_scale):
    start, end, high, low = left + 42, left + width - 20, top + 24, top + height - 44
    x = Log(ms(min(measured.intervals_us)), ms(max(measured.intervals_us)), start, end)
    y = Linear(0, 100, low, high, 2)
    drawing.text(start, top + 14, topology, "title small")
    for share in y.ticks:
        drawing.line(start, y(share), end, y(share), "rule")
        if with_scale:
            drawing.text(start - 6, y(share) + 4, f"{share:.0f} %", "quiet small", "end")
    for tick in (10, 100, 1000):
        if x.ticks[0] <= tick <= x.ticks[-1]:
            drawing.line(x(tick), high, x(tick), low, "rule")
            drawing.text(x(tick), low + 14, short(tick), "quiet small", "middle")
    for app in plan.APPS:
        points = [(ms(us), measured.delivery(app, topology, us).value) for us in measured.intervals_us]
        points = [(x(at), y(100 * share)) for at, share in points if share is not None]
        drawing.path(points, f"stroke {app}")
        for at, share in points:
            drawing.mark(at, share, app)


def under_load(measured, topology=plan.HEADLINE):
    curves = {app: [(us, measured.delay(app, topology, us).value) for us in measured.intervals_us] for app in plan.APPS}
    curves = {app: [(ms(us), ms(value)) for us, value in curve if value] for app, curve in curves.items()}
    values = [value for curve in curves.values() for _, value in curve]
    if not values or len(measured.intervals_us) < 2:
        return None
    top, bottom, left, right = 56, 300, 60, WIDTH - 20
    drawing = Drawing(WIDTH, bottom + 48, f"Median delay against the update interval on {topology}")
    x = Log(ms(min(measured.intervals_us)), ms(max(measured.intervals_us)), left, right)
    y = Log(min(values), max(values), bottom, top)
    legend(drawing, left, 18, bound=False)
    drawing.text(left - 52, 44, "median delay of what arrives, ms (logarithmic)", "quiet")
    axis(drawing, x, top, bottom, "milliseconds from one update to the next (logarithmic)")
    for tick in y.ticks:
        drawing.line(left, y(tick), right, y(tick), "rule")
        drawing.text(left - 8, y(tick) + 4, short(tick), "quiet", "end")
    for app, curve in curves.items():
        points = [(x(at), y(value)) for at, value in curve]
        drawing.path(points, f"stroke {app}")
        for at, value in points:
            drawing.mark(at, value, app)
    return drawing


# ---- bars ---------------------------------------------------------------------------------

PHASES = (("ac", "one", "/ac"), ("handshake", "two", "handshake"), ("read", "three", "first data"),
          ("after", "four", "afterwards"))
FLOW_NAMES = {"seed": "one object at a time", "compact": "compact"}


def authorisation(measured, topology=plan.HEADLINE):
    cells = [(kind, app, flow) for kind, app in plan.ASKING.items() for flow in plan.FLOWS
             if measured.asked(app, topology, flow, "total", "duration_us").value is not None]
    if not cells:
        return None
    panels = (("duration_us", 1000, "time, ms"), ("frame_bytes", 1, "bytes on the air, all hops"))
    top, row, left = 56, 46, 172
    bottom = top + row * len(cells)
    drawing = Drawing(WIDTH, bottom + 48, f"From /ac to the first data on {topology}")
    x = left
    for _, kind, name in PHASES:
        drawing.rect(x, 10, 12, 12, f"fill {kind}")
        drawing.text(x + 17, 20, name)
        x += 38 + 7 * len(name)
    width = (WIDTH - left - 60) / 2
    for p, (column, unit, label) in enumerate(panels):
        start = left + p * (width + 50)
        most = max(measured.asked(app, topology, flow, "total", column).value for _, app, flow in cells) / unit
        scale = Linear(0, most, start, start + width - 40, 4)
        axis(drawing, scale, top, bottom, label)
        for i, (kind, app, flow) in enumerate(cells):
            y = top + row * i + 8
            if p == 0:
                drawing.text(0, y + 12, kind.upper() + ",")
                drawing.text(0, y + 27, FLOW_NAMES.get(flow, flow))
            stack(drawing, measured, scale, y, app, topology, flow, column, unit)
    return drawing


def stack(drawing, measured, scale, y, app, topology, flow, column, unit):
    at = 0.0
    for phase, kind, _ in PHASES:
        value = measured.asked(app, topology, flow, phase, column).value
        if value is not None:
            drawing.rect(scale(at), y, scale(at + value / unit) - scale(at), 28, f"fill {kind}")
            at += value / unit
    total = measured.asked(app, topology, flow, "total", column).value / unit
    drawing.text(scale(total) + 6, y + 19, short(total))


def nodes(measured, topology=plan.HEADLINE):
    """Sending and receiving time of each node for one notification."""
    cells = {app: measured.airtime(app, topology) for app in plan.APPS}
    if not any(cells.values()):
        return None
    first = next(found for found in cells.values() if found)
    order = {"host": 0, "forwarder": 1, "border_router": 2, "requester": 3}
    listed = sorted(((node, role) for node, role, _, _ in first), key=lambda item: (order.get(item[1], 9), item[0]))
    top, row = 44, 54
    bottom = top + row * len(listed)
    drawing = Drawing(WIDTH, bottom + 48, f"Airtime of each node for one notification on {topology}")
    most = ms(max((tx.value or 0) + (rx.value or 0) for found in cells.values() for _, _, tx, rx in found))
    scale = Linear(0, most, 172, WIDTH - 60)
    legend(drawing, 172, 18, bound=False)
    drawing.text(WIDTH, 34, "solid: sends; faint: receives", "quiet", "end")
    axis(drawing, scale, top, bottom, "airtime for one notification, ms")
    for i, (node, role) in enumerate(listed):
        y = top + row * i + 6
        drawing.text(0, y + 26, f"{role.replace('_', ' ')} {node}")
        for lane, app in enumerate(plan.APPS):
            found = next(((tx.value, rx.value) for at, _, tx, rx in cells[app] if at == node), (None, None))
            if found[0] is not None and found[1] is not None:
                drawing.rect(scale(0), y + 14 * lane, scale(ms(found[0])) - scale(0), 11, f"fill {app}")
                drawing.rect(scale(ms(found[0])), y + 14 * lane, scale(ms(found[1])) - scale(0), 11, f"faint {app}")
                drawing.text(scale(ms(sum(found))) + 6, y + 14 * lane + 10, short(ms(sum(found))), "quiet small")
    return drawing


PAPER_MEMORY = {"flash": (26135, 31221), "ram": (10047, 10255)}


def memory(measured):
    bars = []
    for what in ("flash", "ram"):
        less, more = (measured.memory_of(image, what) for image in ("client", "client_with_c2c"))
        if less is not None and more is not None:
            bars.append((f"{what if what == 'flash' else 'RAM'}, whole image", less, more))
    if not bars:
        return None
    for what, (less, more) in PAPER_MEMORY.items():
        bars.append((f"{what if what == 'flash' else 'RAM'}, the paper's modules", less, more))
    top, row, left = 10, 36, 184
    bottom = top + row * len(bars)
    drawing = Drawing(WIDTH, bottom + 48, "Memory of a client, and what client-to-client adds")
    scale = Linear(0, max(more for _, _, more in bars) / 1000, left, WIDTH - 130)
    axis(drawing, scale, top, bottom, "kilobytes")
    for i, (name, less, more) in enumerate(bars):
        y = top + row * i + 6
        drawing.text(0, y + 16, name)
        drawing.rect(scale(0), y, scale(less / 1000) - scale(0), 24, "fill three")
        drawing.rect(scale(less / 1000), y, scale(more / 1000) - scale(less / 1000), 24, "fill one")
        drawing.text(scale(more / 1000) + 6, y + 16, f"+{more - less:,} bytes, {100 * (more - less) / less:.1f} %")
    return drawing
