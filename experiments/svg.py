# SPDX-License-Identifier: Apache-2.0
"""Just enough of SVG for plots: scales with round ticks, marks that differ by shape as well as by colour, text.

Coordinates are written with one decimal, so that the same numbers give the same bytes. Colours are names (STYLE), which
follow the reader's light or dark mode."""

from html import escape
from math import ceil, floor, log10

# Darkened from the palette of Okabe and Ito, which colour-blind people can tell apart.
STYLE = """
:root { --ink: #1b1f23; --quiet: #667079; --rule: #e3e6e8; --paper: #ffffff; --server: #b84a00; --dtls: #0068a8;
  --oscore: #007a5a; --one: #0068a8; --two: #6aa9d6; --three: #bcd6ea; --four: #d5d5d5; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e7ea; --quiet: #9aa4ad; --rule: #2c3238; --paper: #14171a; --server: #ff8f52; --dtls: #62b6f2;
    --oscore: #3fcb9f; --one: #62b6f2; --two: #3b7fb0; --three: #27506e; --four: #4a4f55; } }
@media print {
  :root { --ink: #000; --quiet: #555; --rule: #ddd; --paper: #fff; --server: #b84a00; --dtls: #0068a8; --oscore: #007a5a;
    --one: #0068a8; --two: #6aa9d6; --three: #bcd6ea; --four: #d5d5d5; } }
svg { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
svg text { fill: var(--ink); } svg text.quiet { fill: var(--quiet); font-size: 12px; }
svg text.title { font-weight: 600; } svg text.small { font-size: 11px; }
svg .rule { stroke: var(--rule); stroke-width: 1; } svg .axis { stroke: var(--quiet); stroke-width: 1; }
svg .baseline_dtls { --c: var(--server); } svg .c2c_dtls { --c: var(--dtls); } svg .c2c_oscore { --c: var(--oscore); }
svg .one { --c: var(--one); } svg .two { --c: var(--two); } svg .three { --c: var(--three); }
svg .four { --c: var(--four); }
svg .fill { fill: var(--c); } svg .faint { fill: var(--c); opacity: .35; } svg text.in { fill: var(--c); }
svg .stroke { stroke: var(--c); fill: none; stroke-width: 1.8; stroke-linejoin: round; }
svg .interval { stroke: var(--c); stroke-width: 1.2; } svg .bound { stroke: var(--ink); stroke-width: 1.6; }
svg .dashed { stroke: var(--c); stroke-width: 1.2; stroke-dasharray: 3 3; fill: none; }
svg .halo { fill: var(--paper); }
"""

MARGIN = 14  # around a picture that stands alone


def n(value):
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


class Linear:
    """From zero, or low, to a round number not below high."""

    def __init__(self, low, high, start, end, ticks=6):
        step = self.step_for(max(high - low, 1e-9) / ticks)
        self.ticks = [low + i * step for i in range(ceil(round((high - low) / step, 6)) + 1)]
        self.low, self.high, self.start, self.end = low, self.ticks[-1], start, end

    @staticmethod
    def step_for(rough):
        power = 10.0 ** floor(log10(rough))
        return next(times * power for times in (1, 2, 5, 10) if times * power >= rough * 0.999)

    def __call__(self, value):
        return self.start + (self.end - self.start) * (value - self.low) / (self.high - self.low)


class Log:
    """From the 1, 2 or 5 times a power of ten below low to that above high."""

    def __init__(self, low, high, start, end):
        marks = [times * 10.0**power for power in range(-3, 8) for times in (1, 2, 5)]
        first = max(i for i, mark in enumerate(marks) if mark <= low * 1.0001)
        last = min(i for i, mark in enumerate(marks) if mark >= high * 0.9999)
        self.ticks = marks[first:last + 1] if last > first else marks[first:last + 2]
        self.low, self.high, self.start, self.end = log10(self.ticks[0]), log10(self.ticks[-1]), start, end

    def __call__(self, value):
        return self.start + (self.end - self.start) * (log10(value) - self.low) / (self.high - self.low)


class Drawing:
    def __init__(self, width, height, title):
        self.width, self.height, self.title, self.parts = width, height, title, []

    def line(self, x1, y1, x2, y2, kind):
        self.parts.append(f'<line class="{kind}" x1="{n(x1)}" y1="{n(y1)}" x2="{n(x2)}" y2="{n(y2)}"/>')

    def text(self, x, y, text, kind="", anchor="start"):
        kind = f' class="{kind}"' if kind else ""
        anchor = f' text-anchor="{anchor}"' if anchor != "start" else ""
        self.parts.append(f'<text{kind}{anchor} x="{n(x)}" y="{n(y)}">{escape(text)}</text>')

    def rect(self, x, y, width, height, kind):
        self.parts.append(f'<rect class="{kind}" x="{n(x)}" y="{n(y)}" width="{n(width)}" height="{n(height)}"/>')

    def path(self, points, kind):
        self.parts.append(f'<polyline class="{kind}" points="{" ".join(f"{n(x)},{n(y)}" for x, y in points)}"/>')

    def mark(self, x, y, app):
        """A square for the server's way, a circle and a triangle for the direct ones."""
        if app == "baseline_dtls":
            self.rect(x - 4, y - 4, 8, 8, f"fill {app}")
        elif app == "c2c_dtls":
            self.parts.append(f'<circle class="fill {app}" cx="{n(x)}" cy="{n(y)}" r="4.5"/>')
        else:
            points = f"{n(x)},{n(y - 5)} {n(x + 5)},{n(y + 4)} {n(x - 5)},{n(y + 4)}"
            self.parts.append(f'<polygon class="fill {app}" points="{points}"/>')

    def render(self, standalone=False):
        style = f"<style>{STYLE}</style>" if standalone else ""
        space = ' xmlns="http://www.w3.org/2000/svg"' if standalone else ""
        margin = MARGIN if standalone else 0
        box = f"{-margin} {-margin} {self.width + 2 * margin} {self.height + 2 * margin}"
        ground = (f'<rect class="halo" x="{-margin}" y="{-margin}" width="100%" height="100%"/>' if standalone else "")
        return (f'<svg{space} viewBox="{box}" width="{self.width + 2 * margin}" height="{self.height + 2 * margin}" role="img" '
                f'aria-label="{escape(self.title)}">{style}<title>{escape(self.title)}</title>{ground}\n'
                + "\n".join(self.parts) + "\n</svg>\n")
