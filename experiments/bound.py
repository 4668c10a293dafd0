# SPDX-License-Identifier: Apache-2.0
"""The least that a path takes, from what crosses it: paths.csv, one step a row.

On the air a frame waits for the mean of its first back-off, listens, turns around and is sent; before the next frame of
the same path can follow, the acknowledgement has gone the other way. On the serial line it takes ten bits a byte,
and on the wire what the wire takes. Nothing is lost, nobody else speaks, and no processor computes: what a measurement
has above that is collisions, queues and software. The numbers are those of IEEE 802.15.4-2006 at 2.4 GHz."""

from typing import NamedTuple

BYTE_US = 32
SHR_PHR_BYTES = 6  # preamble, start of frame, length
BACKOFF_UNIT_US = 320
FIRST_BE = 3
CCA_US = 128
TURNAROUND_US = 192
ACK_BYTES = 5
SERIAL_BAUD = 500000
SERIAL_BITS = 10  # of a byte: start, eight, stop

MEAN_BACKOFF_US = BACKOFF_UNIT_US * (2**FIRST_BE - 1) / 2
ACK_US = TURNAROUND_US + (ACK_BYTES + SHR_PHR_BYTES) * BYTE_US


class Bound(NamedTuple):
    """Microseconds by medium, and how many frames that are."""

    air_us: float
    serial_us: float
    wire_us: float
    frames: int

    @property
    def total_us(self):
        return self.air_us + self.serial_us + self.wire_us


def frame_us(length):
    """From the moment a frame may go until its last bit has arrived."""
    return MEAN_BACKOFF_US + CCA_US + TURNAROUND_US + (length + SHR_PHR_BYTES) * BYTE_US


def serial_us(length, baud=SERIAL_BAUD):
    return length * SERIAL_BITS * 1e6 / baud


def bound(steps, wired_delay_us):
    """steps: (medium, bytes) in order. The last acknowledgement delays nobody, nor does one before a wire."""
    air = serial = wire = 0.0
    frames = 0
    before = None
    for medium, length in steps:
        if medium == "air":
            air += frame_us(length) + (ACK_US if before == "air" else 0)
            frames += 1
        elif medium == "serial":
            serial += serial_us(length)
        elif medium == "wire":
            wire += wired_delay_us
        else:
            raise ValueError(f"unknown medium: {medium}")
        before = medium
    return Bound(air, serial, wire, frames)
