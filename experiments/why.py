# SPDX-License-Identifier: Apache-2.0
"""Where ours differs from the paper, and why: sentences chosen by the numbers, with the numbers in them."""

import claims
import plan
from claims import PAPER

NEAR_PCT = 3  # points: what the paper's "approximately" may hide


def ms(value_us):
    return f"{value_us / 1000:.1f} ms"


def faster(measured):
    got = [claims.faster_pct(measured, plan.HEADLINE, app) for app in plan.DIRECT.values()]
    if None in got:
        return "Not measured."
    direct, server = (measured.bound(app, plan.HEADLINE) for app in (plan.DIRECT["oscore"], plan.SERVER))
    most = claims.bound_faster_pct(measured, plan.HEADLINE, plan.DIRECT["oscore"])
    parts = (f"By the bounds alone a notification needs {ms(server.total_us)} through the server, of which "
             f"{ms(server.wire_us)} on the wire, and {ms(direct.total_us)} directly: {most:.0f} % less.")
    if all(abs(value - PAPER["faster_pct"]) <= NEAR_PCT for value in got):
        return "Agrees. " + parts
    if min(got) > PAPER["faster_pct"]:
        return "More than the paper's. " + parts + " The share of the wire is a parameter (--wired-delay-ms)."
    return ("Less than the paper's. " + parts + " The paper's server side is Leshan, HTTP, an event stream and a Python "
            "program; ours is one relay rule, whose processing is at most 0.1 ms.")


def throughput(measured):
    server = measured.rate(plan.SERVER, plan.HEADLINE).value
    got = [claims.throughput_ratio(measured, plan.HEADLINE, app) for app in plan.DIRECT.values()]
    if server is None or None in got:
        return "Not measured."
    rates = " and ".join(f"{measured.rate(app, plan.HEADLINE).value:.0f}" for app in plan.DIRECT.values())
    trip = claims.round_trip_us(measured, plan.HEADLINE)
    text = (f"{server:.0f} notifications a second through the server, {rates} directly (DTLS and OSCORE). The server hands "
            f"each on in a confirmable request and has one of them under way at a time (RFC 7252 §4.7)")
    text += f", and its way there and back takes at least {ms(trip)}." if trip else "."
    text += gaps(measured)
    if min(got) >= PAPER["throughput_ratio"]:
        return "At least the paper's. " + text + " A direct notification waits for nothing but the radio."
    return "Less than the paper's. " + text + " The direct way is limited by the radio that both ends share."


def gaps(measured):
    """Where the largest rate through the server is not the first that fails."""
    rows = measured.rows("throughput", plan.SERVER, plan.HEADLINE)
    above = [row["failing_interval_us"] for row in rows
             if row["interval_us"] and (row["failing_interval_us"] or 0) > row["interval_us"]]
    if not above:
        return ""
    return (f" For {len(above)} of {len(rows)} seeds some longer interval, of up to {ms(max(above))}, is not sustained: the "
            "host's notifications meet the requester's answers there, and one that is lost costs seconds.")


def memory(measured):
    flash, ram = (claims.extension_pct(measured, what) for what in ("flash", "ram"))
    if flash is None:
        return "Not measured: " + (next((row["reason"] for row in measured.memory if row["reason"]), None) or "not run") + "."
    word = "Less" if flash < PAPER["extension_pct"] - 1 else "More" if flash > PAPER["extension_pct"] + 1 else "About as much"
    added = measured.memory_of("client_with_c2c", "flash") - measured.memory_of("client", "flash")
    text = (f"{word} of flash: {added:,} bytes beside a whole image of {measured.memory_of('client', 'flash'):,}, with DTLS, "
            "network stack and C library. Ours has rights, expiry, revocation and reconciliation in it; the artifact's own "
            "table adds 5,086 bytes to 26,135 of its modules, 19.5 %, from which 8 % cannot be derived.")
    return text if ram is not None else text + " RAM was not measured here."


def degradation(measured):
    at = claims.degrades_at_us(measured, plan.SERVER, plan.HEADLINE)
    if claims.degrades(measured, plan.HEADLINE) is None:
        return "Not measured."
    if at is None:
        return "It does not degrade at any interval that was tried."
    share = measured.delivery(plan.SERVER, plan.HEADLINE, at).value
    late = measured.delay(plan.SERVER, plan.HEADLINE, at).value
    text = f"The longest interval at which less than 99 % arrive is {at // 1000} ms, with {100 * share:.1f} %"
    text += f" and a median delay of {late / 1000:,.0f} ms" if late else ""
    first = [f"{kind.upper()} at {found // 1000} ms" for kind, app in plan.DIRECT.items()
             if (found := claims.degrades_at_us(measured, app, plan.HEADLINE)) is not None]
    text += f"; directly it is {' and '.join(first)}." if first else "; directly there is none among those tried."
    worse = [name for name in measured.names if (claims.degrades_at_us(measured, plan.SERVER, name) or 0) >= 100000]
    if worse:
        text += f" On {', '.join(worse)} it degrades at 100 ms already."
    return text


def saves_no_hop(measured, topology):
    row = measured.hops[topology]
    return row["hops_direct"] >= row["hops_server"]


def uplink(measured, topology):
    """What direct delivery still leaves out where it saves no hop."""
    least = measured.bound(plan.SERVER, topology)
    if least is None:
        return topology
    part = (least.wire_us + least.serial_us) / least.total_us
    return f"{100 * part:.0f} % of the bound on {topology}"
