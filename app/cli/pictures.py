"""A distribution of times as a picture: lines of text for a terminal, or SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

_WIDTH, _LEAST_WIDTH = 50, 10  # columns of the longest bar
_BESIDE = 23  # columns of the seconds and the count
_WIDE, _HIGH, _LEFT, _BELOW = 720, 300, 20, 40  # pixels

Bins = Sequence[tuple[float, float, int]]
Marks = Mapping[str, float]


def bars(bins: Bins, marks: Marks, columns: int = 1000) -> str:
    """Return one line for each bin, (from, to, count), with the marks beside the bin that they are in.

    Bars are shorter where the lines would have more than `columns` columns.
    """
    highest = max(count for _, _, count in bins)
    texts = [_marks_of(begin, end, marks) for begin, end, _ in bins]
    width = max(_LEAST_WIDTH, min(_WIDTH, columns - _BESIDE - max(map(len, texts))))
    lines = []
    for (begin, _, count), text in zip(bins, texts, strict=True):
        bar = "#" * math.ceil(count / highest * width)
        lines.append(f"{begin:>9.3g} s  {bar:<{width}} {count:>9,}{text}".rstrip())
    return "\n".join(lines)


def _marks_of(begin: float, end: float, marks: Marks) -> str:
    text = ", ".join(f"{name} {seconds:g} s" for name, seconds in marks.items() if begin <= seconds < end)
    return f"  < {text}" if text else ""


def svg(title: str, bins: Bins, marks: Marks) -> str:
    """Return the same as an SVG drawing, on a logarithmic scale."""
    first, last = math.log10(bins[0][0]), math.log10(bins[-1][1])
    highest = max(count for _, _, count in bins)
    visible_marks = {name: position for name, position in marks.items() if position > 0}

    def scale_x(seconds: float) -> float:
        share = (math.log10(seconds) - first) / (last - first)
        return _LEFT + min(1.0, max(0.0, share)) * (_WIDE - 2 * _LEFT)

    elements = [
        f'<rect x="{scale_x(begin):.1f}" y="{_HIGH - count / highest * (_HIGH - 60):.1f}" '
        f'width="{max(0.5, scale_x(end) - scale_x(begin) - 1):.1f}" height="{count / highest * (_HIGH - 60):.1f}">'
        f"<title>{begin:.3g} to {end:.3g} s: {count:,}</title></rect>"
        for begin, end, count in bins
    ]
    ticks = [10.0**power for power in range(math.ceil(first), math.floor(last) + 1)]
    elements += [f'<text x="{scale_x(position):.1f}" y="{_HIGH + 18}">{position:g} s</text>' for position in ticks]
    for number, (name, position) in enumerate(visible_marks.items()):
        x, y = scale_x(position), 34 + 14 * (number % 3)
        elements.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y}" y2="{_HIGH}"/>')
        elements.append(f'<text x="{x:.1f}" y="{y - 2}">{escape(name)} {position:g} s</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {_HIGH + _BELOW}" font-family="sans-serif">\n'
        "<style>rect{fill:#4a7bb7} line{stroke:#b3362b} text{font-size:11px;text-anchor:middle}</style>\n"
        f'<rect width="{_WIDE}" height="{_HIGH + _BELOW}" style="fill:#fff"/>\n'
        f'<text x="{_WIDE / 2}" y="16" style="font-size:14px">{escape(title)}</text>\n'
        + "\n".join(elements)
        + "\n</svg>\n"
    )
