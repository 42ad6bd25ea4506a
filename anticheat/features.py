"""A player's last day and last week of play as numbers, each of which grows with the behaviour of machines.

A number of too few plays is NaN: it says nothing. Needs numpy, which comes with the extra `model`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from anticheat import habits, rhythm
from anticheat.plays import HandPlays, Plays, Vector, hand_plays

DAY, WEEK = 86_400.0, 7 * 86_400.0
LEAST_PLAYS = 30
"""A window with fewer plays says too little about a player."""

_PROMPT = 0.1  # seconds after the minimum
_MOST_INTERVALS = 4_000  # the latest of a window; more would say the same about its rhythm
_FEWEST = 10  # plays of an action type, for its usual times


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature: its group (features of a group count once), its window, and how to say a value in words.

    `least_difference` is the smallest difference that means anything; `is_of_game`: usual values differ by game.
    """

    name: str
    group: str
    window: float
    words: str
    format_value: Callable[[float], str]
    least_difference: float
    is_of_game: bool = False

    def say(self, value: float) -> str:
        """Return the value in words; NaN is one of too few plays."""
        return "–" if math.isnan(value) else self.format_value(value)


def root_of(hours: float) -> float:
    """Return hours as the features count them: the cube root, so that differences count more among small numbers."""
    return math.cbrt(hours)


def _hours(value: float) -> str:
    return f"{value**3:.1f} h"


def _share(value: float) -> str:
    return f"{value:.0%}"


def _milliseconds(value: float) -> str:
    return f"{1000 * 2**-value:,.0f} ms"


def _decimal(value: float) -> str:
    return f"{value:.2f}"


def _times(value: float) -> str:
    return f"{2**value:.1f}"


def _in_both(
    name: str, group: str, words: str, format_value: Callable[[float], str], least: float, is_of_game: bool = False
) -> tuple[Feature, Feature]:
    return (
        Feature(name, group, DAY, f"{words}, in a day", format_value, least, is_of_game),
        Feature(f"{name} in a week", group, WEEK, f"{words}, in a week", format_value, least, is_of_game),
    )


FEATURES: tuple[Feature, ...] = (
    *_in_both("hours", "hours", "play without its breaks", _hours, 0.15),
    *_in_both("stretch", "hours", "play without a break of ten minutes", _hours, 0.15),
    Feature("awake", "hours", WEEK, "time without a break of four hours", _hours, 0.3),
    Feature("no night", "hours", WEEK, "play in the quietest six hours of the day, 1 for a quarter", _decimal, 0.1),
    *_in_both("points", "hours", "points", lambda value: f"{2**value:,.0f}", 0.5, True),
    *_in_both("pace", "speed", "actions to one of the usual pace", _times, 0.3, True),
    *_in_both("quick", "speed", "completed as fast as the fastest tenth of a player's completions", _share, 0.1, True),
    *_in_both("prompt", "speed", "completed within 0.1 s of the first moment", _share, 0.1, True),
    *_in_both("steady", "rhythm", "difference in the middle half of the delays", _milliseconds, 0.4, True),
    *_in_both("steady press", "rhythm", "difference in the middle half of the reactions", _milliseconds, 0.4),
    *_in_both("unhesitating", "rhythm", "actions to one hesitation", lambda value: f"{10**value:,.0f}", 0.3),
    *_in_both("symmetric", "rhythm", "how few delays are much longer than usual, 1 for none", _decimal, 0.15),
    *_in_both("forgetful", "memory", "how like chance the delays vary, 1 for a generator of numbers", _times, 0.3),
    *_in_both("repeats", "similarity", "intervals that repeat a run of the player's own", _share, 0.05),
    *_in_both("echo", "similarity", "likeness of the delays to earlier ones, in standard errors", _times, 0.3),
    Feature(
        "punctual",
        "routine",
        WEEK,
        "spread of the time of day at which play begins",
        lambda value: f"{2**-value:.1f} h",
        0.5,
    ),
    Feature("same sessions", "routine", WEEK, "how alike sessions are in length", _decimal, 0.4),
    Feature("same days", "routine", WEEK, "how alike days are in actions", _decimal, 0.4),
)
GROUPS = tuple(dict.fromkeys(feature.group for feature in FEATURES))
LIFE = ("hours", "routine")
"""The groups that tell of a player's life; the others tell of a hand."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The usual times of each action type, in seconds: the fastest tenth of reactions, and the gap between two."""

    quick: Mapping[str, float]
    gap: Mapping[str, float]


def reference_of(accounts: Sequence[Plays]) -> Reference:
    """Return the usual times of these accounts; each account counts once."""
    quick: dict[str, list[float]] = {}
    gaps: dict[str, list[float]] = {}
    for plays in map(hand_plays, accounts):
        for code, name in enumerate(plays.type_names):
            chosen = plays.type_code == code
            if np.sum(chosen) >= _FEWEST:
                quick.setdefault(name, []).append(float(np.quantile(plays.press[chosen], 0.1)))
            chosen &= plays.is_consecutive
            if np.sum(chosen) >= _FEWEST:
                gaps.setdefault(name, []).append(float(np.median(plays.gap[chosen])))
    return Reference(_medians(quick), _medians(gaps))


def _medians(values: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {name: float(np.median(values[name])) for name in sorted(values)}


class Profile:
    """One account's plays, prepared for vectors of several moments."""

    def __init__(self, plays: Plays, reference: Reference) -> None:
        self._plays, self._hands = plays, hand_plays(plays)
        names = self._hands.type_names
        quick = np.array([reference.quick.get(name, -1.0) for name in names])[self._hands.type_code]
        self._is_quick = self._hands.press <= quick
        self._usual_gap = np.array([reference.gap.get(name, math.nan) for name in names])[self._hands.type_code]

    def vector(self, until: float) -> Vector | None:
        """Return one number for each of FEATURES, for the day and the week before `until`; `None` for too few plays."""
        week = self._window(until, WEEK)
        if week is None:
            return None
        day = self._window(until, DAY) or {}
        windows = {DAY: day, WEEK: week}
        return np.array(
            [windows[feature.window].get(feature.name.removesuffix(" in a week"), math.nan) for feature in FEATURES]
        )

    def _window(self, until: float, length: float) -> dict[str, float] | None:
        first, last = np.searchsorted(self._plays.completed_at, [until - length, until])
        if last - first < LEAST_PLAYS:
            return None
        values = {"points": math.log2(1 + float(self._plays.points[first:last].sum()))}
        hands = self._hands.between(until - length, until)
        if len(hands.at) < LEAST_PLAYS:
            return values
        part = slice(*np.searchsorted(self._hands.at, [until - length, until]))
        _, lengths = habits.stretches(hands.at, hands.gap)
        values |= {
            "hours": root_of(float(lengths.sum()) / 3600),
            "stretch": root_of(float(lengths.max()) / 3600),
        }
        latest = hands.between(hands.at[-min(len(hands.at), _MOST_INTERVALS)], math.inf)
        values |= self._speed(hands, part, float(lengths.sum())) | _rhythm(latest)
        return values | (_routine(hands) if length == WEEK else {})

    def _speed(self, hands: HandPlays, part: slice, seconds: float) -> dict[str, float]:
        usual = self._usual_gap[part][hands.is_consecutive]
        return {
            "pace": math.log2(float(usual.sum()) / seconds) if len(usual) and seconds > 60 else math.nan,
            "quick": float(np.mean(self._is_quick[part])),
            "prompt": float(np.mean(hands.press <= _PROMPT)),
        }


def _rhythm(hands: HandPlays) -> dict[str, float]:
    consecutive = np.flatnonzero(hands.is_consecutive)
    chain = hands.chosen(consecutive)
    residuals = rhythm.residuals_of(chain) if len(consecutive) else np.zeros(0)
    pauses = np.flatnonzero(np.diff(consecutive) > 1) + 1
    return {
        "steady": rhythm.steadiness(chain.delay),
        "steady press": rhythm.steadiness(hands.press),
        "unhesitating": rhythm.hesitation(chain.delay),
        "symmetric": rhythm.symmetry(residuals),
        "forgetful": rhythm.forgetfulness(residuals, pauses),
        "repeats": rhythm.repeats(hands),
        "echo": rhythm.echo(residuals),
    }


def _routine(hands: HandPlays) -> dict[str, float]:
    return {
        "awake": root_of(habits.hours_awake(hands.at, hands.gap)),
        "no night": habits.sleeplessness(hands.at),
        "punctual": habits.punctuality(hands.at, hands.gap),
        "same sessions": habits.sameness(hands.at, hands.gap),
        "same days": habits.daily_sameness(hands.at),
    }
