# SPDX-License-Identifier: Apache-2.0
"""The CSV files: which columns each has, and rows in one order, so that the same runs give the same bytes."""

import csv
import io
import os

QUANTILES = tuple(f"q{percent:02}" for percent in range(0, 100, 5)) + ("q99", "q100")

COLUMNS = {
    "topologies": ("topology", "nodes", "links", "hops_server", "hops_direct", "through_border_router"),
    "notifications": ("app", "topology", "wired_delay_us", "interval_us", "seed", "sent", "delivered", "mean_us",
                      *QUANTILES),
    "nodes": ("app", "topology", "wired_delay_us", "interval_us", "seed", "node", "role", "frames_sent",
              "frame_bytes_sent", "acks_sent", "tx_us", "rx_us", "repeated", "collisions", "channel_failures",
              "queue_drops", "given_up"),
    "authorize": ("app", "topology", "wired_delay_us", "flow", "seed", "phase", "duration_us", "messages", "udp_bytes",
                  "frames", "frame_bytes"),
    "paths": ("app", "topology", "wired_delay_us", "leg", "step", "medium", "bytes"),
    "throughput": ("app", "topology", "wired_delay_us", "seed", "interval_us", "failing_interval_us", "rate_per_s",
                   "sent", "delivered"),
    "memory": ("image", "flash", "ram", "reason"),
    "live": ("topology", "app", "sim_us", "live_us", "difference_pct", "reason"),
}


def value_of(text):
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text or None


def text_of(value):
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def parse(text):
    """The rows of a CSV text, numbers as numbers, an empty field as None."""
    return [{name: value_of(field) for name, field in row.items()} for row in csv.DictReader(io.StringIO(text))]


def order(row, columns):
    """Numbers before texts, each among themselves."""
    return [(isinstance(row.get(name), str), row.get(name) is not None, row.get(name) or 0) for name in columns]


def dump(name, rows):
    columns = COLUMNS[name]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in sorted(rows, key=lambda row: order(row, columns)):
        writer.writerow([text_of(row.get(column)) for column in columns])
    return out.getvalue()


def replace(path, text):
    """The whole file or the old one."""
    beside = f"{path}.{os.getpid()}.new"
    with open(beside, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(beside, path)


def write(folder, name, rows):
    replace(os.path.join(folder, f"{name}.csv"), dump(name, rows))


def read(folder, name):
    """No rows where there is no file."""
    try:
        with open(os.path.join(folder, f"{name}.csv"), encoding="utf-8", newline="") as file:
            return parse(file.read())
    except FileNotFoundError:
        return []
