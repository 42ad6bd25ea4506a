"""A player's plays as arrays, prepared once for all that the learned model measures of them. Needs numpy."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from anticheat.history import Completion
from anticheat.rules import ActionTypeLimits

Vector = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

PAUSE = 600.0
"""Seconds: a longer break ends a stretch of play."""
_SET_BACK = 1.0  # seconds: requests overtake each other by less, so a larger step back is a clock that was set back
_LEAST_DELAY = 0.02  # seconds: shorter delays differ by the network only


@dataclass(frozen=True, slots=True)
class Plays:
    """A player's completions, the oldest first, in Unix seconds; `by_hand`: a person sets the pace of the action."""

    action_types: Sequence[str]
    issued_at: Vector
    completed_at: Vector
    min_seconds: Vector
    by_hand: Flags
    points: Vector

    @staticmethod
    def of(
        completions: Iterable[Completion], limits: Mapping[str, ActionTypeLimits], points: Mapping[str, float]
    ) -> Plays:
        """Return the plays of these completions; an action type without `limits` or `points` has none."""
        ordered = sorted(completions, key=lambda completion: completion.completed_at)
        names = [completion.action_type for completion in ordered]
        return Plays.from_arrays(
            names,
            np.array([completion.issued_at for completion in ordered], dtype=np.float64),
            np.array([completion.completed_at for completion in ordered], dtype=np.float64),
            limits,
            np.array([points.get(name, 0.0) for name in names], dtype=np.float64),
        )

    @staticmethod
    def from_arrays(
        names: Sequence[str],
        issued_at: Vector,
        completed_at: Vector,
        limits: Mapping[str, ActionTypeLimits],
        points: Vector,
    ) -> Plays:
        """Return the plays of these columns, which are in the order of completion."""
        of_name = {name: limits.get(name, ActionTypeLimits(0.0)) for name in set(names)}
        min_seconds = np.array([of_name[name].min_seconds for name in names], dtype=np.float64)
        by_hand = np.array([of_name[name].cadence == "player" for name in names], dtype=np.bool_)
        return Plays(names, issued_at, completed_at, min_seconds, by_hand, points)


@dataclass(frozen=True, slots=True)
class HandPlays:
    """The plays of which a person sets the pace, with the seconds between them.

    `gap`: since the player's previous completion, infinite where it is unknown. `press`: since the player could have
    completed, which is the later of the own issue plus the minimum, and the previous completion. `delay`: the gap
    without the minimum. `type_code` numbers `type_names`.
    """

    at: Vector
    gap: Vector
    press: Vector
    delay: Vector
    type_code: Codes
    type_names: Sequence[str]

    def between(self, since: float, until: float) -> HandPlays:
        """Return the plays from `since` to before `until`."""
        part = slice(*np.searchsorted(self.at, [since, until]))
        gap = self.gap[part].copy()
        gap[:1] = np.inf
        return replace(self._at(part), gap=gap)

    def chosen(self, indices: Codes) -> HandPlays:
        """Return the plays with these indices."""
        return self._at(indices)

    def _at(self, chosen: slice | Codes) -> HandPlays:
        return HandPlays(
            self.at[chosen],
            self.gap[chosen],
            self.press[chosen],
            self.delay[chosen],
            self.type_code[chosen],
            self.type_names,
        )

    @property
    def is_consecutive(self) -> Flags:
        """Return for each play whether it followed the previous one without a pause."""
        flags: Flags = self.gap <= PAUSE
        return flags


def hand_plays(plays: Plays) -> HandPlays:
    """Return the plays of which a person sets the pace."""
    chosen = np.flatnonzero(plays.by_hand)
    at, issued, least = plays.completed_at[chosen], plays.issued_at[chosen], plays.min_seconds[chosen]
    gap = np.diff(at, prepend=-np.inf)
    gap[gap < -_SET_BACK] = np.inf
    before = np.concatenate(([-np.inf], at[:-1]))[: len(at)]
    press = np.maximum(0.0, at - np.maximum(issued + least, np.minimum(before, at)))
    names = sorted({plays.action_types[index] for index in chosen.tolist()})
    codes = {name: code for code, name in enumerate(names)}
    type_code = np.array([codes[plays.action_types[index]] for index in chosen.tolist()], dtype=np.int64)
    return HandPlays(at, gap, press, np.maximum(_LEAST_DELAY, gap - least), type_code, names)


def plausible_growth(count: int) -> float:
    """Return the factor by which the true variance may exceed that of `count` values: of 20 samples, 1 exceeds it.

    So a likeness of few values, which may be chance, is no evidence. (Wilson and Hilferty's quantile of chi-squared.)
    """
    freedom = count - 1
    return float((1 - 2 / (9 * freedom) - 1.645 * math.sqrt(2 / (9 * freedom))) ** -3)
