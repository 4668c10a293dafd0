# SPDX-License-Identifier: Apache-2.0
"""The report: one HTML file without scripts and without anything from elsewhere, and its main parts for README.md."""

import os
import re
from html import escape

import bound
import claims
import figures
import plan
import svg
import tables
import why
from claims import GOALS, PAPER
from method import METHOD

HERE = os.path.dirname(os.path.abspath(__file__))
BEGIN, END = "<!-- experiments: written by ./dev experiments --export -->", "<!-- experiments: end -->"
GOAL_NAMES = {
    "notification_frames": ("frames of a notification on one hop", "1"),
    "direct_vs_bound": ("direct delay over its bound, one hop", f"≤ {GOALS['direct_vs_bound']}"),
    "faster_pct": ("direct faster than through the server", f"≥ {GOALS['faster_pct']} %"),
    "throughput_ratio": ("direct throughput over the server's", f"≥ {GOALS['throughput_ratio']}"),
    "authorize_time_vs_seed": ("/ac to first data, time over the seed's flow", f"≤ {GOALS['authorize_vs_seed']}"),
    "authorize_bytes_vs_seed": ("the same, bytes on the air", f"≤ {GOALS['authorize_vs_seed']}"),
    "live_vs_sim_pct": ("live and simulated differ by", f"≤ {GOALS['live_pct']} %"),
}


def shown(values, form, unit=""):
    texts = ["–" if value is None else form.format(value) for value in values]
    return " / ".join(texts) + (unit if any(value is not None for value in values) else "")


# ---- the table of claims ------------------------------------------------------------------


def claim_rows(measured):
    """(claim, paper, ours, why)."""
    here = claims.figures(measured, plan.HEADLINE)
    share = here["baseline_delivery"]
    extension = [claims.extension_pct(measured, what) for what in ("flash", "ram")]
    percents = [None if value is None else 100 * value for value in share.values()]
    return [
        ("Notification delivery, direct against through the server", f"~{PAPER['faster_pct']} % faster",
         shown(here["faster_pct"].values(), "{:.1f}", " % faster"), why.faster(measured)),
        ("Throughput", f"~{PAPER['throughput_ratio']} ×", shown(here["throughput_ratio"].values(), "{:.1f}", " ×"),
         why.throughput(measured)),
        ("Memory of the extensions", f"~{PAPER['extension_pct']} %",
         shown(extension, "{:+.1f}", " % (flash / RAM)"), why.memory(measured)),
        ("Server-centric delivery degrades below an update interval of 100 ms", "yes",
         shown(percents, "{:.0f}", " % at 100 / 50 / 20 ms"), why.degradation(measured))]


def table(heads, rows, numbers=(), flat=()):
    def cell(tag, i, text):
        return f"<{tag}{' class=n' if i in numbers else ''}>{text if isinstance(text, Markup) else escape(text)}</{tag}>"
    lines = ["<tr>" + "".join(cell("th", i, text) for i, text in enumerate(heads)) + "</tr>"]
    for r, row in enumerate(rows):
        lines.append(f"<tr{' class=flat' if r in flat else ''}>" + "".join(cell("td", i, t) for i, t in enumerate(row)) + "</tr>")
    return '<div class="wide"><table>' + "\n".join(lines) + "</table></div>"


class Markup(str):
    """Text that is HTML already."""


def goal_rows(result):
    for name, goal in result["goals"].items():
        met = {True: "met", False: "missed", None: "not measured"}[goal["met"]]
        yield (*GOAL_NAMES[name], shown(goal["got"].values(), "{:.4g}"), met)


# ---- the table of topologies --------------------------------------------------------------


def in_ms(cell):
    if cell.value is None:
        return "–"
    text = f"{cell.value / 1000:.1f}"
    return text if cell.low is None else f"{text} ({cell.low / 1000:.1f}–{cell.high / 1000:.1f})"


def topology_rows(measured):
    for name in measured.names:
        here = claims.figures(measured, name)
        row = measured.hops[name]
        yield (name + (" *" if row["through_border_router"] == "yes" else ""), f"{row['hops_server']} → {row['hops_direct']}",
               *(in_ms(measured.delay(app, name)) for app in plan.APPS), shown(here["faster_pct"].values(), "{:.0f}", " %"),
               shown([*here["baseline_vs_bound"].values(), *here["direct_vs_bound"].values()], "{:.2f}"),
               shown(here["throughput_ratio"].values(), "{:.1f}", " ×"))


TOPOLOGY_HEADS = ("topology", "hops", "server, ms", "DTLS, ms", "OSCORE, ms", "faster", "over bound",
                  "throughput")


def flat_topologies(measured):
    return [i for i, name in enumerate(measured.names) if why.saves_no_hop(measured, name)]


def about_flat(measured):
    flat = [measured.names[i] for i in flat_topologies(measured)]
    if not flat:
        return "The direct path has fewer hops than the one by the server on every topology here."
    through = sum(measured.hops[name]["through_border_router"] == "yes" for name in flat)
    return (f"On {len(flat)} of {len(measured.names)} topologies the direct path has as many hops as the one by the server "
            f"({through} of them lead through the border router), so client-to-client wins nothing on the radio. What it "
            f"leaves out there is the uplink and the server: " + ", ".join(why.uplink(measured, name) for name in flat) + ".")


# ---- sections -----------------------------------------------------------------------------


def figure(drawing, caption, reason="not run"):
    if drawing is None:
        return f'<p class="quiet">Not measured: {escape(reason)}.</p>'
    return f"<figure>{drawing.render()}<figcaption>{escape(caption)}</figcaption></figure>"


def others(measured):
    drawings = [figures.nodes(measured, name) for name in measured.names if name != plan.HEADLINE]
    drawings = [drawing for drawing in drawings if drawing is not None]
    if not drawings:
        return ""
    return ("<details><summary>Each node on the other topologies</summary>"
            + "".join(f"<h3>{escape(drawing.title)}</h3><figure>{drawing.render()}</figure>" for drawing in drawings)
            + "</details>")


def live_table(measured):
    rows = [(row["topology"], row["app"], f"{row['sim_us'] / 1000:.2f}", f"{row['live_us'] / 1000:.2f}",
             f"{row['difference_pct']:+.1f} %") for row in measured.live if row["sim_us"] is not None]
    if not rows:
        reason = next((row["reason"] for row in measured.live if row["reason"]), "not run")
        return f'<p class="quiet">Not measured: {escape(reason)}.</p>'
    return table(("topology", "application", "simulated, ms", "live, ms", "difference"), rows, numbers=(2, 3, 4))


def authorize_rows(measured):
    for kind, app in plan.ASKING.items():
        for flow in plan.FLOWS:
            for phase in ("ac", "handshake", "read", "after", "total"):
                cells = [measured.asked(app, plan.HEADLINE, flow, phase, column).value
                         for column in ("duration_us", "messages", "udp_bytes", "frames", "frame_bytes")]
                if cells[0] is not None:
                    yield (kind.upper(), figures.FLOW_NAMES.get(flow, flow), phase, f"{cells[0] / 1000:.1f}",
                           *(f"{cell:g}" for cell in cells[1:]))


def sections(measured, setup, result):
    seeds = f"{setup['seeds']} seeds of {setup['count']:,} notifications"
    yield "What the paper claims, and what was measured", (
        '<div class="claims">' + table(("claim", "paper", "here, DTLS / OSCORE", "where it differs, and why"),
                                       claim_rows(measured)) + "</div>"
        + f'<p class="quiet">On {plan.HEADLINE}: host and requester one hop from each other and from the border router; '
        f"{setup['wired_delay_us'] / 1000:g} ms of wire each way. Medians over {seeds} for each point.</p>")
    yield "Delay on every topology", figure(
        figures.delays(measured), "Updates once a second. Marks: medians over seeds; a line through a mark, where it can be "
        "seen: 95 % confidence; the vertical tick: what airtime, mean back-off, serial line and wire alone take.") + (
        f"<p>{escape(about_flat(measured))}</p>")
    yield f"Delay on {plan.HEADLINE}", figure(
        figures.distribution(measured), "Each point of a curve is the median, over seeds, of that quantile. The steps are "
        f"back-offs: whole units of {bound.BACKOFF_UNIT_US / 1000:g} ms, of which the bound has the mean. Mean delay over bound: "
        + shown(claims.both(claims.mean_vs_bound, measured, plan.HEADLINE).values(), "{:.2f}", " (DTLS / OSCORE)."))
    yield "Delay and hops", figure(
        figures.against_hops(measured), "One mark for each topology and application. Through the server the wire is in it, too.")
    yield "Delivery at shorter intervals", figure(
        figures.delivery(measured), "Horizontal: milliseconds from one update to the next, logarithmic. Neither arm merges "
        "updates.") + figure(
        figures.under_load(measured), f"What does arrive, on {plan.HEADLINE}: a server that cannot keep up delivers what its "
        "queues hold, late.")
    yield "Throughput", figure(
        figures.rates(measured), f"The shortest interval that each seed sustains, among some that differ by a factor of {setup['ratio']:g}.")
    yield "Authorisation", figure(
        figures.authorisation(measured), "From the requester's /ac to the first data from the host, both flows by the same "
        "engines. Seed: the exchanges of the paper's implementation, one object at a time.") + table(
        ("security", "flow", "phase", "ms", "messages", "UDP bytes", "frames", "bytes on the air"),
        list(authorize_rows(measured)), numbers=(3, 4, 5, 6, 7))
    yield "Energy", figure(
        figures.airtimes(measured), "A proxy: time on the air, repetitions and acknowledgements included. What a node spends "
        "listening depends on its sleep, which is not modelled.") + figure(
        figures.nodes(measured), f"By node, on {plan.HEADLINE}.") + others(measured)
    yield "Memory", figure(figures.memory(measured), memory_caption(measured), memory_reason(measured) or "not run")
    yield "The live twin", (
        "<p>The same notifications by real programs in network namespaces, joined by the simulator's radio in real time.</p>"
        + live_table(measured))
    yield "All topologies", '<div class="dense">' + table(
        TOPOLOGY_HEADS, list(topology_rows(measured)), numbers=(2, 3, 4, 5, 6, 7), flat=flat_topologies(measured)) + (
        '</div><p class="quiet">Hops by the server → direct; * through the border router; faint: no fewer hops. Medians with 95 % '
        "confidence in brackets; over bound: server / DTLS / OSCORE, other pairs: DTLS / OSCORE.</p>")
    yield "Goals", table(("goal", "wanted", "got, DTLS / OSCORE", ""), list(goal_rows(result)))
    yield "Method", method(setup)
    yield "Do it again", again(setup)


def memory_reason(measured):
    return next((row["reason"] for row in measured.memory if row["reason"]), None)


def memory_caption(measured):
    reason = memory_reason(measured)
    return ("Light: client alone; dark: what client-to-client with authorisation adds. Ours: a whole image of the lamp on a "
            "Cortex-M3; the paper's: its own modules, without network stack, DTLS, C library."
            + (f" {reason}." if reason else ""))


def method(setup):
    numbers = {"backoff": f"{bound.MEAN_BACKOFF_US / 1000:g}", "seeds": setup["seeds"], "count": f"{setup['count']:,}",
               "wired": f"{setup['wired_delay_us'] / 1000:g}", "ratio": f"{setup['ratio']:g}",
               "intervals": ", ".join(f"{us // 1000}" for us in setup["intervals_us"]), "ack": f"{bound.ACK_US:g}"}
    return METHOD.format(**numbers)


def again(setup):
    return (f"<pre>./dev experiments{' --quick' if setup['quick'] else ''}\n./dev experiments --topology mine.json   "
            f"# docs/EXPERIMENTS.md has the format</pre><p class=quiet>Proa {escape(setup['version'])}, commit "
            f"{escape(setup['commit'])}. The same commit and seeds give the same bytes, except for the live twin.</p>")


# ---- files --------------------------------------------------------------------------------


def html(measured, setup, result):
    with open(os.path.join(HERE, "report.css"), encoding="utf-8") as file:
        css = svg.STYLE + file.read()
    body = "\n".join(f"<section><h2>{escape(title)}</h2>\n{text}</section>" for title, text in
                     sections(measured, setup, result))
    quick = " A quick run: fewer topologies, seeds and intervals." if setup["quick"] else ""
    failed = "".join(f"<p><strong>Failed:</strong> {escape(why)}</p>" for why in setup["failures"])
    return (f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f'<meta name="color-scheme" content="light dark"><title>Client-to-client, measured</title>\n'
            f"<style>{css}</style></head><body>\n<h1>Client-to-client against server-centric LwM2M, measured</h1>\n"
            f"<p>The evaluation of <cite>Secure and Authorized Client-to-Client Communication for LwM2M</cite> (IPSN 2022, "
            f"arXiv 2203.03450), run again with Proa's engines over a simulated IEEE 802.15.4 mesh.{quick}</p>{failed}\n"
            f"{body}\n</body></html>\n")


def write(folder, measured, setup, result):
    tables.replace(os.path.join(folder, "report.html"), html(measured, setup, result))
    drawing = figures.delays(measured)
    if drawing is not None:
        tables.replace(os.path.join(folder, "experiments.svg"), drawing.render(standalone=True))
    tables.replace(os.path.join(folder, "claims.md"), markdown(measured))


def markdown(measured):
    rows = ["| Claim | Paper | Here, DTLS / OSCORE | |", "|---|---|---|---|"]
    rows += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in claim_rows(measured)]
    return "\n".join(rows) + "\n"


def summary(result):
    """The lines of a terminal."""
    yield f"{'direct, DTLS / OSCORE':22} {'faster, %':>15} {'throughput, ×':>15} {'over bound':>15}"
    for name, here in result["topologies"].items():
        yield (f"{name:22} {shown(here['faster_pct'].values(), '{:.1f}'):>15} "
               f"{shown(here['throughput_ratio'].values(), '{:.1f}'):>15} "
               f"{shown(here['direct_vs_bound'].values(), '{:.2f}'):>15}")
    for name, holds in result["directions"].items():
        yield f"{'holds' if holds else 'not measured' if holds is None else 'DOES NOT HOLD':14} {name.replace('_', ' ')}"
    for name, goal in result["goals"].items():
        met = {True: "met", False: "missed", None: "not measured"}[goal["met"]]
        text, wanted = GOAL_NAMES[name]
        yield f"{met:14} {text}: {shown(goal['got'].values(), '{:.4g}')} (goal: {wanted})"


def export(root, measured):
    """The main picture, and the table between its marks in README.md. Gives lines that say what was done."""
    drawing = figures.delays(measured)
    if drawing is None:
        return ["export: no delays were measured"]
    picture = os.path.join(root, "docs", "images", "experiments.svg")
    os.makedirs(os.path.dirname(picture), exist_ok=True)
    tables.replace(picture, drawing.render(standalone=True))
    readme = os.path.join(root, "README.md")
    with open(readme, encoding="utf-8") as file:
        text = file.read()
    between = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    if not between.search(text):
        return [f"export: wrote {picture}", "export: README.md has no place for the table, two lines:", BEGIN, END]
    tables.replace(readme, between.sub(lambda _: f"{BEGIN}\n{markdown(measured)}{END}", text))
    return [f"export: wrote {picture} and the table in README.md"]
