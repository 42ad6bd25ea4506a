"""The hours of a week: when a person or an operation is awake, and when it plays."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, TypeAlias

from bench.fairness.world import DAY, HOUR, MIDNIGHT, WEEK

Window: TypeAlias = tuple[float, float]
"""The start and the end of a session, in Unix seconds."""

_DAYS: Final = range(-1, 8)  # local days that touch the week, in any zone
_FIRST_WEEKDAY: Final = 4  # the week begins on a Friday
_ZONES: Final = (-8, -7, -6, -5, -5, -4, -3, -3, 0, 0, 1, 1, 1, 2, 2, 3, 4, 5.5, 5.5, 7, 8, 8, 9, 9, 10, 12)


@dataclass(frozen=True)
class Habit:
    """A time of the day at which a person likes to play: local hour, its spread, its chance, and minutes of play."""

    hour: float
    spread: float
    weekday: float
    weekend: float
    minutes: float
    minutes_spread: float = 0.5


@dataclass(frozen=True)
class Rhythm:
    """The days of a person: local zone in hours, the usual hour of waking, hours of sleep, and habits of play."""

    zone: float
    wake: float
    sleep: float
    habits: tuple[Habit, ...]
    irregularity: float = 0.6
    weekend_lie_in: float = 1.2

    def moved(self, hours: float) -> Rhythm:
        """Return this rhythm with waking and all habits later by some hours, as of a person who works at night."""
        habits = tuple(replace(habit, hour=habit.hour + hours) for habit in self.habits)
        return replace(self, wake=self.wake + hours, habits=habits)


def draw_zone(random_source: random.Random) -> float:
    return random_source.choice(_ZONES)


def draw_rhythm(random_source: random.Random, *habits: Habit) -> Rhythm:
    """Return the days of some person anywhere: larks and owls, with habits shifted and scaled to the person."""
    owl = random_source.gauss(0.0, 0.9)
    vigour = random_source.lognormvariate(0.0, 0.35)
    own_habits = tuple(
        Habit(
            habit.hour + 0.5 * owl + random_source.gauss(0.0, 0.6),
            habit.spread * random_source.uniform(0.5, 1.6),
            min(1.0, habit.weekday * random_source.uniform(0.5, 1.3)),
            min(1.0, habit.weekend * random_source.uniform(0.5, 1.3)),
            habit.minutes * vigour * random_source.lognormvariate(0.0, 0.3),
            habit.minutes_spread,
        )
        for habit in habits
    )
    return Rhythm(
        draw_zone(random_source),
        7.3 + owl,
        min(10.0, max(6.0, random_source.gauss(7.7, 0.8))),
        own_habits,
        random_source.uniform(0.25, 0.9),
        random_source.uniform(0.0, 2.2),
    )


def is_weekend(day: int) -> bool:
    return (_FIRST_WEEKDAY + day) % 7 >= 5


def local_midnight(day: int, zone: float) -> float:
    return MIDNIGHT + day * DAY - zone * HOUR


def waking_hours(random_source: random.Random, rhythm: Rhythm) -> list[Window]:
    """Return when the person is awake on each day; at least four and a half hours of sleep lie between two days."""
    wakes = [
        local_midnight(day, rhythm.zone)
        + HOUR * (rhythm.wake + is_weekend(day) * rhythm.weekend_lie_in)
        + HOUR * max(-1.2, min(1.2, random_source.gauss(0.0, rhythm.irregularity)))
        for day in range(_DAYS.start, _DAYS.stop + 1)
    ]
    windows = []
    for wake, next_wake in pairwise(wakes):
        sleep = max(4.6, rhythm.sleep + random_source.gauss(0.0, rhythm.irregularity))
        windows.append((wake, next_wake - HOUR * sleep))
    return windows


def sessions(random_source: random.Random, rhythm: Rhythm) -> list[Window]:
    """Return the sessions of a week in which the person plays at all, in order and apart from each other."""
    while True:
        windows = _sessions(random_source, rhythm)
        if any(MIDNIGHT <= start < MIDNIGHT + WEEK - HOUR for start, _ in windows):
            return windows


def _sessions(random_source: random.Random, rhythm: Rhythm) -> list[Window]:
    mood = 0.0
    windows: list[Window] = []
    for day, (wake, bed) in zip(_DAYS, waking_hours(random_source, rhythm), strict=True):
        mood = 0.6 * mood + random_source.gauss(0.0, 0.3)
        for habit in rhythm.habits:
            if random_source.random() >= (habit.weekend if is_weekend(day) else habit.weekday):
                continue
            start = local_midnight(day, rhythm.zone) + HOUR * random_source.gauss(habit.hour, habit.spread)
            start = max(start, wake + random_source.uniform(60.0, 1500.0))
            length = 60.0 * habit.minutes * random_source.lognormvariate(mood, habit.minutes_spread)
            end = min(start + length, bed)
            if end > start + 20.0:
                windows.append((start, end))
    return separated(windows)


def separated(windows: Sequence[Window]) -> list[Window]:
    """Return the sessions in order; one that would overlap an earlier one starts a minute after its end."""
    result: list[Window] = []
    for start, end in sorted(windows):
        free_at = max(start, result[-1][1] + 60.0) if result else start
        if end > free_at:
            result.append((free_at, end))
    return result


def daily(random_source: random.Random, zone: float, hour: float, hours: float, jitter: float = 0.0) -> list[Window]:
    """Return one window a day at a local hour, with normal jitter in hours at both ends."""
    windows = []
    for day in _DAYS:
        start = local_midnight(day, zone) + HOUR * (hour + random_source.gauss(0.0, jitter))
        windows.append((start, start + HOUR * (hours + random_source.gauss(0.0, jitter))))
    return separated(windows)
