"""What an action type's times could be, from how long people took."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LEAST_COMPLETIONS, LEAST_PLAYERS = 500, 20
BINS_PER_DECADE = 10
"""Of the histogram; bin 0 begins at 1 s, bin -10 at 0.1 s."""

_MARGIN = 0.9  # nobody is blamed for being a little faster than the fastest so far
_QUICKEST = 0.5  # seconds: below, a minimum measures the network
_HELD_UP = 1.1  # whoever is this close to the present minimum may be waiting for it


@dataclass(frozen=True, slots=True)
class Taken:
    """How long completions of an action type took, in seconds; `fastest` is below all but one in a thousand.

    `bins`: (number, how many), by BINS_PER_DECADE.
    """

    completions: int
    players: int
    fastest: float
    median: float
    p95: float
    bins: Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Proposal:
    """Values to change, empty for none, and why those or none."""

    values: dict[str, float]
    why: str


def propose(taken: Taken | None, now: dict[str, Any]) -> Proposal:
    """`now` has `min_seconds` and the expected times as they are."""
    if taken is None or taken.completions < LEAST_COMPLETIONS or taken.players < LEAST_PLAYERS:
        return Proposal(
            {}, f"too few to say: {LEAST_COMPLETIONS} completions of {LEAST_PLAYERS} players at least are needed"
        )
    least, why = _minimum(taken.fastest, float(now["min_seconds"]))
    times = {
        "min_seconds": least,
        "expected_median_seconds": _rounded(taken.median),
        "expected_p95_seconds": max(_rounded(taken.p95), _rounded(taken.median)),
    }
    return Proposal({name: value for name, value in times.items() if value != now[name]}, why)


def _minimum(fastest: float, now: float) -> tuple[float, str]:
    if now > 0 and fastest <= now * _HELD_UP:
        return now, f"people wait for the minimum of {now:g} s: how fast they could be can't be seen, so it stays"
    if fastest * _MARGIN < _QUICKEST:
        return 0.0, f"the fastest need {fastest:.2f} s: a minimum that short would measure the network, so none"
    least = _rounded(fastest * _MARGIN, down=True)
    return least, f"nine tenths of the {fastest:.2f} s that 999 of 1,000 need at least"


def _rounded(seconds: float, *, down: bool = False) -> float:
    """To two significant digits."""
    if seconds <= 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(seconds)) - 1)
    return round((math.floor(seconds / step + 1e-9) if down else round(seconds / step)) * step, 6)


def bounds(number: int) -> tuple[float, float]:
    """Where a bin begins and ends, in seconds."""
    begin, end = 10 ** (number / BINS_PER_DECADE), 10 ** ((number + 1) / BINS_PER_DECADE)
    return begin, end


def full(bins: Sequence[tuple[int, int]]) -> list[tuple[float, float, int]]:
    """(from, to, how many) of every bin from the first to the last, the empty ones too."""
    counts = dict(bins)
    return (
        [(*bounds(number), counts.get(number, 0)) for number in range(min(counts), max(counts) + 1)] if counts else []
    )
