"""Proposals for the times of an action type, from the times that people took."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LEAST_COMPLETIONS, LEAST_PLAYERS = 500, 20
BINS_PER_DECADE = 10
"""The resolution of the histogram; bin 0 begins at 1 s, bin -10 at 0.1 s."""

_MARGIN = 0.9  # so that players a little faster than the fastest so far are not blamed
_SHORTEST_MINIMUM = 0.5  # seconds: a shorter minimum measures the network
_WAITING_RATIO = 1.1  # players this close to the present minimum may be waiting for it


@dataclass(frozen=True, slots=True)
class CompletionTimes:
    """The times that completions of an action type took, in seconds; `fastest` is below all but one in a thousand.

    `bins`: (number, completions), by BINS_PER_DECADE.
    """

    completions: int
    players: int
    fastest: float
    median: float
    p95: float
    bins: Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How many `players` completed an action type often enough to hear a rhythm, and how many of them are `even`.

    A player is even if the middle half of their intervals differ by less than the steadiest hand's standard deviation.
    """

    players: int
    even: int

    @property
    def is_of_clients(self) -> bool:
        """Return whether most players are even: so many people are no bots, but have the same client."""
        return self.players >= LEAST_PLAYERS and self.even > self.players / 2


@dataclass(frozen=True, slots=True)
class ResultSpread:
    """Reported results and the seconds since the issue, of all but one completion in a thousand.

    `per_second`: the highest result per second; `seconds_away`: the farthest that a duration in milliseconds is from
    the one that the server measured.
    """

    completions: int
    players: int
    per_second: float
    seconds_away: float


@dataclass(frozen=True, slots=True)
class Proposal:
    """Values to change, empty for none, and the reason."""

    values: dict[str, float]
    reason: str


def propose(times: CompletionTimes | None, now: Mapping[str, float | None]) -> Proposal:
    """Propose values for the measured `times`; `now` has the present `min_seconds` and expected times."""
    if times is None or times.completions < LEAST_COMPLETIONS or times.players < LEAST_PLAYERS:
        return Proposal(
            {}, f"too few completions: at least {LEAST_COMPLETIONS} by at least {LEAST_PLAYERS} players are needed"
        )
    minimum, why = _propose_minimum(times.fastest, float(now["min_seconds"] or 0))
    proposed = {
        "min_seconds": minimum,
        "expected_median_seconds": _round(times.median),
        "expected_p95_seconds": max(_round(times.p95), _round(times.median)),
    }
    return Proposal({name: value for name, value in proposed.items() if value != now[name]}, why)


def propose_plausible(
    spread: ResultSpread | None, now: Mapping[str, float | None], *, is_duration: bool
) -> dict[str, float]:
    """Return the limit of plausible results that differs from `now`, with a margin; nothing from too few completions.

    It is `slack_seconds` for durations and `max_per_second` for other results.
    """
    if spread is None or spread.completions < LEAST_COMPLETIONS or spread.players < LEAST_PLAYERS:
        return {}
    name, measured = ("slack_seconds", spread.seconds_away) if is_duration else ("max_per_second", spread.per_second)
    value = _round(measured / _MARGIN)
    return {name: value} if value > 0 and value != now.get(name) else {}


def _propose_minimum(fastest: float, now: float) -> tuple[float, str]:
    if now > 0 and fastest <= now * _WAITING_RATIO:
        return now, f"players wait for the minimum of {now:g} s, so their own speed is unknown: it stays"
    if fastest * _MARGIN < _SHORTEST_MINIMUM:
        return (
            0.0,
            f"the fastest need {fastest:.2f} s: a minimum that short would measure the network, so it is 0",
        )
    minimum = _round(fastest * _MARGIN, down=True)
    return minimum, f"90% of {fastest:.2f} s, which 999 of 1,000 completions take at least"


def _round(seconds: float, *, down: bool = False) -> float:
    """Round to two significant digits."""
    if seconds <= 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(seconds)) - 1)
    return round((math.floor(seconds / step + 1e-9) if down else round(seconds / step)) * step, 6)


def bounds(number: int) -> tuple[float, float]:
    """Return where a bin begins and ends, in seconds."""
    begin, end = 10 ** (number / BINS_PER_DECADE), 10 ** ((number + 1) / BINS_PER_DECADE)
    return begin, end


def all_bins(bins: Sequence[tuple[int, int]]) -> list[tuple[float, float, int]]:
    """Return (from, to, completions) of every bin from the first to the last, the empty ones too."""
    counts = dict(bins)
    return (
        [(*bounds(number), counts.get(number, 0)) for number in range(min(counts), max(counts) + 1)] if counts else []
    )
