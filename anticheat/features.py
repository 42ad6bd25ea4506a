"""A player's day of play as numbers, each of which grows with behaviour that a machine shows and a person doesn't.

Needs numpy, which comes with the extra `model`; of this package only anticheat/model.py imports this module.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Runs = npt.NDArray[np.int64]

WINDOW_SECONDS = 86_400.0
LEAST_PLAYS = 60
"""A window with fewer plays says too little about a player."""

_PAUSE = 600.0  # seconds: a longer break ends a stretch of play
_LONGEST_INTERVAL = 60.0  # seconds: intervals up to this are between consecutive actions
_SET_BACK = 1.0  # seconds: requests overtake each other by less, so a larger step back is a clock that was set back
_GRAIN = 0.04  # seconds: intervals that differ by less count as the same
_RUN_LENGTH = 8  # this many intervals in a row that repeat earlier ones are no accident, even of a steady hand
_QUICK_SHARE = 0.1  # this share of all players' completions of an action type is called quick


@dataclass(frozen=True, slots=True)
class Plays:
    """A player's completions in a window, oldest first: action types, issue and completion times in Unix seconds."""

    action_types: Sequence[str]
    issued_at: Vector
    completed_at: Vector


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature's name, its meaning in `words`, `format_value`, and the `least_difference` that means anything."""

    name: str
    words: str
    format_value: Callable[[float], str]
    least_difference: float


def _format_hours(value: float) -> str:
    return f"{value:.1f} h"


def _format_share(value: float) -> str:
    return f"{value:.0%}"


FEATURES = (
    Feature("awake", "the day without its longest break", _format_hours, 2.0),
    Feature("stretch", "play without a break of ten minutes", _format_hours, 1.0),
    Feature("rate", "actions in an hour of play", lambda value: f"{2**value:,.0f}", 1.0),
    Feature("quick", "completed as fast as the fastest tenth of all completions", _format_share, 0.4),
    Feature("even", "how far the middle half of the intervals differ", lambda value: f"{10**-value:.1%}", 0.4),
    Feature("unhesitating", "actions to one hesitation", lambda value: f"{10**value:,.0f}", 0.5),
    Feature("one kind", "actions of the kind played most", _format_share, 0.5),
    Feature("repeats", "intervals that repeat a run of the player's own", _format_share, 0.1),
    Feature("in step", "intervals that repeat a run of another player's", _format_share, 0.1),
)


@dataclass(frozen=True, slots=True)
class Population:
    """The play that a player is compared with.

    `quick`: the seconds in which the fastest tenth of each action type was completed; `shared`: the runs of intervals
    that occurred with more than one player, sorted.
    """

    quick: Mapping[str, float]
    shared: Runs


def population_of(windows: Sequence[Plays]) -> Population:
    """Return the population of all players' windows of the same time; those with too few plays are left out."""
    windows = [plays for plays in windows if len(plays.completed_at) >= LEAST_PLAYS]
    times: dict[str, list[Vector]] = {}
    for plays in windows:
        durations, action_types = plays.completed_at - plays.issued_at, np.array(plays.action_types)
        for action_type in set(plays.action_types):
            times.setdefault(action_type, []).append(durations[action_types == action_type])
    quick = {
        action_type: float(np.quantile(np.concatenate(parts), _QUICK_SHARE)) for action_type, parts in times.items()
    }
    player_runs = [np.unique(_runs(plays.completed_at)) for plays in windows]
    runs, counts = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *player_runs]), return_counts=True)
    return Population(quick, runs[counts > 1])


def features(plays: Plays, population: Population, until: float) -> Vector | None:
    """Return one number for each of FEATURES, for the WINDOW_SECONDS up to `until`; `None` for too few plays."""
    completed = plays.completed_at
    if len(completed) < LEAST_PLAYS:
        return None
    gaps = np.diff(completed)
    gaps[gaps < -_SET_BACK] = 2 * _PAUSE  # the real length is unknown
    edges = (max(0.0, completed[0] - (until - WINDOW_SECONDS)), max(0.0, until - completed[-1]))
    stretches, intervals = _stretches(completed, gaps), gaps[gaps <= _LONGEST_INTERVAL]
    runs = _runs(completed)
    type_counts = [plays.action_types.count(action_type) for action_type in set(plays.action_types)]
    quick = np.array([population.quick.get(action_type, 0.0) for action_type in plays.action_types])
    return np.array(
        [
            (WINDOW_SECONDS - max(float(gaps.max()), *edges)) / 3600,
            float(stretches.max()) / 3600,
            math.log2(len(completed) / max(float(stretches.sum()), 60.0) * 3600),
            float(np.mean(completed - plays.issued_at <= quick)),
            _evenness(intervals),
            _unhesitating(intervals),
            max(type_counts) / len(completed),
            1 - len(np.unique(runs)) / len(runs) if len(runs) else 0.0,
            float(np.mean(np.isin(runs, population.shared))) if len(runs) else 0.0,
        ]
    )


def _runs(completed: Vector) -> Runs:
    """Return each run of _RUN_LENGTH intervals in a row, rounded, as one number."""
    ticks = np.round(np.diff(completed) / _GRAIN).astype(np.int64)
    if len(ticks) < _RUN_LENGTH:
        return np.zeros(0, dtype=np.int64)
    rows = np.lib.stride_tricks.sliding_window_view(ticks, _RUN_LENGTH)
    rows = rows[(rows < _PAUSE / _GRAIN).all(axis=1)]
    numbers = np.zeros(len(rows), dtype=np.int64)
    for column in range(_RUN_LENGTH):
        numbers = numbers * 60_013 + rows[:, column]
    return numbers


def _stretches(completed: Vector, gaps: Vector) -> Vector:
    """Return the length of each stretch of play without a pause, in seconds."""
    cuts = np.concatenate(([0], np.flatnonzero(gaps > _PAUSE) + 1, [len(completed)]))
    lengths: Vector = completed[cuts[1:] - 1] - completed[cuts[:-1]]
    return lengths


def _evenness(intervals: Vector) -> float:
    """Return the log10 of the usual interval over the spread of the middle half; 0 for too few intervals."""
    if len(intervals) < LEAST_PLAYS // 2:
        return 0.0
    low, middle, high = np.quantile(intervals, [0.25, 0.5, 0.75])
    return math.log10(max(float(middle), 0.01) / max(float(high - low), 0.001))


def _unhesitating(intervals: Vector) -> float:
    """Return the log10 of the actions per interval over a second longer than usual: people look away."""
    usual = float(np.median(intervals)) if len(intervals) else 0.0
    return math.log10((1 + len(intervals)) / (1 + int(np.sum(intervals > usual + 1))))
