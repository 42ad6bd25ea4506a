"""A player's window of play in numbers, each of which grows with what a machine does and a person doesn't.

Needs numpy, which comes with the extra `model`; nothing else of this package imports this module.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]

WINDOW_SECONDS = 86_400.0
LEAST_PLAYS = 60
"""A window with fewer says too little about anybody."""

_PAUSE = 600.0  # a longer one ends a stretch of play
_NEXT = 60.0  # intervals up to here are of one action after the other
_GRAIN = 0.04  # seconds: intervals alike to this much are the same
_RUN = 8  # so many intervals in a row, the same as before, are no accident, even of a steady hand


@dataclass(frozen=True, slots=True)
class Play:
    """One completed action; Unix seconds of the server's clock."""

    action_type: str
    issued_at: float
    completed_at: float


@dataclass(frozen=True, slots=True)
class Feature:
    """Its name, what it means in `words`, how it `shows`, and the `least` difference that means anything."""

    name: str
    words: str
    shows: str
    least: float


FEATURES = (
    Feature("awake", "the day without its longest break", "{:.1f} h", 1.0),
    Feature("stretch", "the longest play without a break of ten minutes", "{:.1f} h", 0.5),
    Feature("unhesitating", "actions for each hesitation (powers of ten)", "{:.1f}", 0.3),
    Feature("repeats", "intervals that repeat an earlier run of the player's own", "{:.0%}", 0.05),
    Feature("in step", "intervals that repeat a run of another player's", "{:.0%}", 0.05),
)
NAMES = tuple(feature.name for feature in FEATURES)


@dataclass(frozen=True, slots=True)
class World:
    """What a player is compared with: the minimum of each action type, and in how many windows each run occurs."""

    min_seconds: Mapping[str, float]
    runs: Mapping[int, int]


def features(plays: Sequence[Play], world: World, until: float) -> Vector | None:
    """One number for each of FEATURES, for the WINDOW_SECONDS up to `until`; None for too few plays.

    `plays` are the player's in that window, in the order of completion.
    """
    if len(plays) < LEAST_PLAYS:
        return None
    completed = np.array([play.completed_at for play in plays])
    gaps = np.diff(completed)
    edges = [max(0.0, completed[0] - (until - WINDOW_SECONDS)), max(0.0, until - completed[-1])]
    own = runs_of(plays)
    return np.array(
        [
            (WINDOW_SECONDS - max(float(gaps.max()), *edges)) / 3600,
            _stretch(completed, gaps),
            _unhesitating(gaps),
            1 - len(set(own)) / len(own) if own else 0.0,
            sum(run in world.runs for run in own) / len(own) if own else 0.0,
        ]
    )


def runs_of(plays: Sequence[Play]) -> list[int]:
    """Each run of _RUN intervals in a row, rounded, as one number."""
    ticks = np.round(np.diff(np.array([play.completed_at for play in plays])) / _GRAIN).astype(np.int64)
    if len(ticks) < _RUN:
        return []
    rows = np.lib.stride_tricks.sliding_window_view(ticks, _RUN)
    rows = rows[(rows < _PAUSE / _GRAIN).all(axis=1)]
    mixed = np.zeros(len(rows), dtype=np.int64)
    for column in range(_RUN):
        mixed = mixed * 60_013 + rows[:, column]
    return [int(run) for run in mixed]


def count_runs(windows: Sequence[Sequence[Play]]) -> dict[int, int]:
    """In how many of these windows each run occurs that occurs in more than one."""
    seen: dict[int, int] = {}
    for plays in windows:
        for run in set(runs_of(plays)):
            seen[run] = seen.get(run, 0) + 1
    return {run: count for run, count in seen.items() if count > 1}


def _stretch(completed: Vector, gaps: Vector) -> float:
    """The longest stretch without a pause, in hours."""
    cuts = np.concatenate(([0], np.flatnonzero(gaps > _PAUSE) + 1, [len(completed)]))
    lengths = completed[cuts[1:] - 1] - completed[cuts[:-1]]
    return float(lengths.max()) / 3600


def _unhesitating(gaps: Vector) -> float:
    """Actions for each interval that is 1 to 60 s longer than usual: people look away."""
    near = gaps[gaps <= _NEXT]
    usual = float(np.median(near)) if len(near) else 0.0
    hesitations = int(np.sum((gaps > usual + 1) & (gaps <= usual + 60)))
    return math.log10(len(gaps) / (1 + hesitations))
