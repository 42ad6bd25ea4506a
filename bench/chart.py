"""The history of ratios as a picture: one small chart for each ratio, as SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from bench.history import Ratio, Record

_WIDTH, _HEIGHT, _COLUMNS = 260, 120, 3
_LEFT, _RIGHT, _TOP, _BOTTOM = 12, 48, 30, 24
_STYLE = (
    "text{font:11px system-ui,sans-serif;fill:#57606a}.name{font-weight:600;fill:#1f2328}"
    ".line{fill:none;stroke:#0969da;stroke-width:1.5}.dot{fill:#0969da}.noise{stroke:#0969da;stroke-opacity:.3}"
    "@media(prefers-color-scheme:dark){text{fill:#9198a1}.name{fill:#f0f6fc}}"
)


def draw(records: Sequence[Record]) -> str:
    """Return an SVG with a chart for each ratio of the newest record, over the records of its machine.

    The y axis of each begins at 0; a bar at each point is the noise of its run.
    """
    newest = records[-1]
    shown = [old for old in records if old.machine == newest.machine]
    charts = [_chart(index, ratio, shown) for index, ratio in enumerate(newest.ratios.values())]
    rows = -(-len(charts) // _COLUMNS)
    width, height = _COLUMNS * _WIDTH, rows * _HEIGHT
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    return "\n".join([head, f"<style>{_STYLE}</style>", *charts, "</svg>"]) + "\n"


def _chart(index: int, newest: Ratio, records: Sequence[Record]) -> str:
    points = [(old.commit, old.ratios[newest.name]) for old in records if newest.name in old.ratios]
    most = max(ratio.value + ratio.noise for _, ratio in points) or 1.0
    wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def x_of(place: int) -> float:
        return _LEFT + (wide * place / (len(points) - 1) if len(points) > 1 else wide / 2)

    def y_of(value: float) -> float:
        return _TOP + high * (1 - max(value, 0.0) / most)

    places = [(x_of(place), y_of(ratio.value)) for place, (_, ratio) in enumerate(points)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    drawn = [_point(*place, ratio, commit, y_of) for place, (commit, ratio) in zip(places, points, strict=True)]
    parts = [
        f'<g transform="translate({index % _COLUMNS * _WIDTH} {index // _COLUMNS * _HEIGHT})">',
        f'<text class="name" x="{_LEFT}" y="16">{escape(newest.name)}</text>',
        f'<polyline class="line" points="{line}"/>',
        *drawn,
        f'<text x="{places[-1][0] + 7:.1f}" y="{places[-1][1] + 4:.1f}">{newest.value:.3g}</text>',
        f'<text x="{_LEFT}" y="{_HEIGHT - 6}">{newest.better} is better</text>',
        "</g>",
    ]
    return "\n".join(parts)


def _point(x: float, y: float, ratio: Ratio, commit: str, y_of: Callable[[float], float]) -> str:
    low, high = y_of(ratio.value - ratio.noise), y_of(ratio.value + ratio.noise)
    title = f"<title>{escape(commit)}: {ratio.value:.3g} ± {ratio.noise:.2g}</title>"
    return (
        f'<line class="noise" x1="{x:.1f}" y1="{low:.1f}" x2="{x:.1f}" y2="{high:.1f}"/>'
        f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="2.5">{title}</circle>'
    )
