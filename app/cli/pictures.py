"""A distribution of times as a picture: lines of text for a terminal, or SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

_WIDTH = 50  # columns of the longest bar
_WIDE, _HIGH, _LEFT, _BELOW = 720, 300, 20, 40  # pixels

Bins = Sequence[tuple[float, float, int]]
Marks = Mapping[str, float]


def bars(bins: Bins, marks: Marks) -> str:
    """One line for each bin, (from, to, how many), and the marks beside the bin that they are in."""
    most = max(count for _, _, count in bins)
    lines = []
    for begin, end, count in bins:
        here = ", ".join(f"{name} {at:g} s" for name, at in marks.items() if begin <= at < end)
        bar = "#" * math.ceil(count / most * _WIDTH)
        lines.append(f"{begin:>9.3g} s  {bar:<{_WIDTH}} {count:>9,}{'  < ' + here if here else ''}".rstrip())
    return "\n".join(lines)


def svg(title: str, bins: Bins, marks: Marks) -> str:
    """The same as a drawing, on a logarithmic scale."""
    first, last = math.log10(bins[0][0]), math.log10(bins[-1][1])
    most = max(count for _, _, count in bins)
    shown = {name: at for name, at in marks.items() if at > 0}

    def across(seconds: float) -> float:
        part = (math.log10(seconds) - first) / (last - first)
        return _LEFT + min(1.0, max(0.0, part)) * (_WIDE - 2 * _LEFT)

    drawn = [
        f'<rect x="{across(begin):.1f}" y="{_HIGH - count / most * (_HIGH - 60):.1f}" '
        f'width="{max(0.5, across(end) - across(begin) - 1):.1f}" height="{count / most * (_HIGH - 60):.1f}">'
        f"<title>{begin:.3g} to {end:.3g} s: {count:,}</title></rect>"
        for begin, end, count in bins
    ]
    ticks = [10.0**power for power in range(math.ceil(first), math.floor(last) + 1)]
    drawn += [f'<text x="{across(at):.1f}" y="{_HIGH + 18}">{at:g} s</text>' for at in ticks]
    for number, (name, at) in enumerate(shown.items()):
        x, y = across(at), 34 + 14 * (number % 3)
        drawn.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y}" y2="{_HIGH}"/>')
        drawn.append(f'<text x="{x:.1f}" y="{y - 2}">{escape(name)} {at:g} s</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {_HIGH + _BELOW}" font-family="sans-serif">\n'
        "<style>rect{fill:#4a7bb7} line{stroke:#b3362b} text{font-size:11px;text-anchor:middle}</style>\n"
        f'<rect width="{_WIDE}" height="{_HIGH + _BELOW}" style="fill:#fff"/>\n'
        f'<text x="{_WIDE / 2}" y="16" style="font-size:14px">{escape(title)}</text>\n'
        + "\n".join(drawn)
        + "\n</svg>\n"
    )
