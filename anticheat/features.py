"""A player's day of play in numbers, each of which grows with what a machine does and a person doesn't.

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
"""A window with fewer says too little about anybody."""

_PAUSE = 600.0  # a longer one ends a stretch of play
_NEXT = 60.0  # intervals up to here are of one action after the other
_SET_BACK = 1.0  # further back than requests overtake each other, the clock itself was set back
_GRAIN = 0.04  # seconds: intervals alike to this much are the same
_RUN = 8  # so many intervals in a row, the same as before, are no accident, even of a steady hand
_QUICKEST = 0.1  # of everybody's completions of an action type, this part is called quick


@dataclass(frozen=True, slots=True)
class Plays:
    """A player's completions in a window, oldest first: of what, issued and completed when, in Unix seconds."""

    action_types: Sequence[str]
    issued_at: Vector
    completed_at: Vector


@dataclass(frozen=True, slots=True)
class Feature:
    """Its name, what it is in `words`, how a value `shows`, and the `least` difference that means anything."""

    name: str
    words: str
    shows: Callable[[float], str]
    least: float


def _hours(value: float) -> str:
    return f"{value:.1f} h"


def _part(value: float) -> str:
    return f"{value:.0%}"


FEATURES = (
    Feature("awake", "the day without its longest break", _hours, 2.0),
    Feature("stretch", "play without a break of ten minutes", _hours, 1.0),
    Feature("rate", "actions in an hour of play", lambda value: f"{2**value:,.0f}", 1.0),
    Feature("quick", "completed as fast as everybody's fastest tenth", _part, 0.4),
    Feature("even", "how far the middle half of the intervals differ", lambda value: f"{10**-value:.1%}", 0.4),
    Feature("unhesitating", "actions to one hesitation", lambda value: f"{10**value:,.0f}", 0.5),
    Feature("one kind", "actions of the kind played most", _part, 0.5),
    Feature("repeats", "intervals that repeat a run of the player's own", _part, 0.1),
    Feature("in step", "intervals that repeat a run of another player's", _part, 0.1),
)


@dataclass(frozen=True, slots=True)
class Population:
    """What a player is compared with: how long the fastest tenth of each action type took in seconds, and the runs of
    intervals that occurred with more than one player, sorted."""

    quick: Mapping[str, float]
    shared: Runs


def world_of(windows: Sequence[Plays]) -> Population:
    """Everybody's play at the same time, in one window each; those who played too little are left out."""
    windows = [plays for plays in windows if len(plays.completed_at) >= LEAST_PLAYS]
    times: dict[str, list[Vector]] = {}
    for plays in windows:
        took, kinds = plays.completed_at - plays.issued_at, np.array(plays.action_types)
        for kind in set(plays.action_types):
            times.setdefault(kind, []).append(took[kinds == kind])
    quick = {kind: float(np.quantile(np.concatenate(parts), _QUICKEST)) for kind, parts in times.items()}
    seen = [np.unique(_runs(plays.completed_at)) for plays in windows]
    runs, counts = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *seen]), return_counts=True)
    return Population(quick, runs[counts > 1])


def features(plays: Plays, world: Population, until: float) -> Vector | None:
    """One number for each of FEATURES, for the WINDOW_SECONDS up to `until`; None for too few plays."""
    completed = plays.completed_at
    if len(completed) < LEAST_PLAYS:
        return None
    gaps = np.diff(completed)
    gaps[gaps < -_SET_BACK] = 2 * _PAUSE  # nobody knows how long it was
    edges = (max(0.0, completed[0] - (until - WINDOW_SECONDS)), max(0.0, until - completed[-1]))
    stretches, near = _stretches(completed, gaps), gaps[gaps <= _NEXT]
    runs = _runs(completed)
    of_kind = [plays.action_types.count(kind) for kind in set(plays.action_types)]
    quick = np.array([world.quick.get(kind, 0.0) for kind in plays.action_types])
    return np.array(
        [
            (WINDOW_SECONDS - max(float(gaps.max()), *edges)) / 3600,
            float(stretches.max()) / 3600,
            math.log2(len(completed) / max(float(stretches.sum()), 60.0) * 3600),
            float(np.mean(completed - plays.issued_at <= quick)),
            _evenness(near),
            _unhesitating(near),
            max(of_kind) / len(completed),
            1 - len(np.unique(runs)) / len(runs) if len(runs) else 0.0,
            float(np.mean(np.isin(runs, world.shared))) if len(runs) else 0.0,
        ]
    )


def _runs(completed: Vector) -> Runs:
    """Each run of _RUN intervals in a row, rounded, as one number."""
    ticks = np.round(np.diff(completed) / _GRAIN).astype(np.int64)
    if len(ticks) < _RUN:
        return np.zeros(0, dtype=np.int64)
    rows = np.lib.stride_tricks.sliding_window_view(ticks, _RUN)
    rows = rows[(rows < _PAUSE / _GRAIN).all(axis=1)]
    mixed = np.zeros(len(rows), dtype=np.int64)
    for column in range(_RUN):
        mixed = mixed * 60_013 + rows[:, column]
    return mixed


def _stretches(completed: Vector, gaps: Vector) -> Vector:
    """How long each stretch of play without a pause was, in seconds."""
    cuts = np.concatenate(([0], np.flatnonzero(gaps > _PAUSE) + 1, [len(completed)]))
    lengths: Vector = completed[cuts[1:] - 1] - completed[cuts[:-1]]
    return lengths


def _evenness(near: Vector) -> float:
    """How much longer the usual interval is than what the middle half of them differ by."""
    if len(near) < LEAST_PLAYS // 2:
        return 0.0
    low, middle, high = np.quantile(near, [0.25, 0.5, 0.75])
    return math.log10(max(float(middle), 0.01) / max(float(high - low), 0.001))


def _unhesitating(near: Vector) -> float:
    """Actions for each interval that is more than a second longer than usual: people look away."""
    usual = float(np.median(near)) if len(near) else 0.0
    return math.log10((1 + len(near)) / (1 + int(np.sum(near > usual + 1))))
