# SPDX-License-Identifier: Apache-2.0
"""How far it is: one line that is rewritten on a terminal, a line for each tenth elsewhere. On the error output."""

import sys
import time

REDRAW_S = 0.2


def left(seconds):
    if seconds < 90:
        return f"{seconds:.0f} s left"
    return f"{seconds / 60:.0f} min left"


class Progress:
    """Of a known whole. What was kept from an earlier run costs nothing and does not count for the time left."""

    def __init__(self, whole, tasks, out=sys.stderr, clock=time.monotonic):
        self.whole, self.tasks, self.out, self.clock = max(whole, 1), tasks, out, clock
        self.terminal = out.isatty()
        self.done = self.finished = 0
        self.begin = self.drawn = clock()
        self.tenths = 0
        self.free = 0

    def add(self, weight, kept):
        self.done += weight
        self.finished += 1
        self.free += weight if kept else 0
        now = self.clock()
        if self.terminal and (now - self.drawn >= REDRAW_S or self.finished == self.tasks):
            self.drawn = now
            self.out.write(f"\r{self.line(now)}\x1b[K")
            self.out.flush()
        elif not self.terminal and 10 * self.done // self.whole > self.tenths:
            self.tenths = 10 * self.done // self.whole
            print(self.line(now), file=self.out, flush=True)

    def line(self, now):
        worked = self.done - self.free
        share = 100 * self.done // self.whole
        text = f"experiments: {self.finished} of {self.tasks}, {share} %"
        if worked and self.done < self.whole:
            text += ", " + left((now - self.begin) * (self.whole - self.done) / worked)
        return text

    def close(self):
        if self.terminal:
            self.out.write("\n")
            self.out.flush()
