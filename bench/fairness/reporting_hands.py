"""The hand of a person: how long actions and the time between them take, from minute to minute and day to day."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, sqrt
from typing import Final, Protocol

from bench.fairness.reporting_diary import MINIMUM, Diary
from bench.fairness.reporting_hours import Rhythm, Window, sessions
from bench.fairness.world import HOUR, MIDNIGHT

_EFFORT: Final = {"tap": 0.05, "quick-match": 5.0, "puzzle": 20.0, "boss-fight": 38.0, "duel": 6.0, "turn": 9.0}
"""The median seconds beyond the minimum that an action takes an average person."""
_CLIENT_SECONDS: Final = {"steps": 60.0, "arcade-round": 45.0, "lesson-item": 20.0, "field-note": 3.0}
_SONGS: Final = tuple(95.0 + 195.0 * (0.618034 * index % 1.0) for index in range(60))
_SCALES: Final = ((25.0, 0.5), (240.0, 0.6), (2400.0, 0.7), (30_000.0, 0.8))
"""Time constants of a pace's drift in seconds, and their relative amplitudes: together nearly 1/f noise."""


class Pace(Protocol):
    """A hand or a script that plays: which action next, how long it takes, and how long until the one after it."""

    def choose(self, now: float) -> str: ...

    def seconds(self, action_type: str, now: float) -> float: ...

    def gap(self, action_type: str, now: float) -> float: ...


class Drift:
    """A slow wandering of the log pace, as a sum of mean-reverting walks from seconds to half a day."""

    def __init__(self, random_source: random.Random, amplitude: float) -> None:
        self._random = random_source
        self._levels = [random_source.gauss(0.0, amplitude * weight) for _, weight in _SCALES]
        self._times = [MIDNIGHT] * len(_SCALES)
        self._amplitude = amplitude

    def at(self, now: float) -> float:
        """Return the log of the relative pace; `now` does not go back."""
        for index, (scale, weight) in enumerate(_SCALES):
            elapsed = now - self._times[index]
            if elapsed > 0.15 * scale:
                memory = exp(-elapsed / scale)
                noise = self._amplitude * weight * sqrt(1.0 - memory * memory)
                self._levels[index] = memory * self._levels[index] + self._random.gauss(0.0, noise)
                self._times[index] = now
        return sum(self._levels)


@dataclass
class Hand:
    """A person's pace. Times of the server include the network: `latency` in seconds, with a right tail.

    `speed` scales the effort, `spread` is the deviation of its log, `lapses` the chance of a moment's absence per
    action, `breaks` of a break; `tiring` is the log slow-down an hour; `restless` the chance to change the action,
    `failures` the chance to end it early; `is_gamma`: the law of the spread is a gamma law, not a lognormal one.
    """

    random_source: random.Random
    mix: dict[str, float]
    speed: float
    spread: float
    think: float
    lapses: float
    breaks: float
    tiring: float
    restless: float
    latency: float
    round_seconds: float
    drift: Drift
    failures: float
    is_gamma: bool
    has_failed: bool = False
    learning: float = 0.0
    action_type: str = ""
    actions: int = 0
    rested_at: float = MIDNIGHT

    def choose(self, now: float) -> str:
        if not self.action_type or self.random_source.random() < self.restless:
            self.action_type = self.random_source.choices(list(self.mix), list(self.mix.values()))[0]
        return self.action_type

    def network(self) -> float:
        """Return the seconds of one request and its reply."""
        return self.latency * self.random_source.lognormvariate(0.0, 0.35)

    def pace(self, now: float) -> float:
        """Return the relative time that things take now: drift, fatigue and, for a newcomer, practice."""
        hours = min(6.0, max(0.0, now - self.rested_at) / HOUR)
        practice = self.learning / (1.0 + self.actions / 40.0)
        return exp(self.drift.at(now) + self.tiring * hours + practice)

    def variation(self) -> float:
        """Return the relative effort of one action: the law is the person's own, with a right tail."""
        if self.is_gamma:
            return self.random_source.gammavariate(1.0 / self.spread**2, self.spread**2)
        return self.random_source.lognormvariate(0.0, self.spread)

    def seconds(self, action_type: str, now: float) -> float:
        self.actions += 1
        chance = self.random_source
        if action_type == "song":
            return chance.choice(_SONGS) + self.network()
        if action_type == "quiz-round":
            return self.round_seconds + self.network()
        if action_type in _CLIENT_SECONDS:
            return _CLIENT_SECONDS[action_type] + self.network()
        effort = _EFFORT[action_type] * self.speed * self.pace(now) * self.variation()
        if self.has_failed:
            effort *= 1.12  # people are slower after an error
        self.has_failed = chance.random() < self.failures
        if self.has_failed:
            effort *= chance.uniform(0.15, 1.1)
        if chance.random() < self.lapses:
            effort += chance.expovariate(1.0 / (4.0 + 0.5 * effort))
        return MINIMUM[action_type] + effort + self.network()

    def gap(self, action_type: str, now: float) -> float:
        chance = self.random_source
        if chance.random() < self.breaks:
            rest = min(1500.0, 20.0 * chance.paretovariate(1.0))
            if rest > 300.0:
                self.rested_at = now + 0.7 * rest
            return rest
        if action_type in ("song", "quiz-round", "steps", "lesson-item"):
            return 0.4 + self.network()
        think = self.think * (0.45 if action_type == "tap" else 1.0)
        reaction = 0.18 + chance.expovariate(1.0 / 0.12)
        return reaction + think * self.drift_of_thought(now) * chance.lognormvariate(0.0, 0.3 + self.spread)

    def drift_of_thought(self, now: float) -> float:
        return exp(0.6 * self.drift.at(now))


def draw_hand(random_source: random.Random, mix: dict[str, float], speed: float = 1.0) -> Hand:
    """Return the pace of some person; the mix of actions is the person's own variation of the given one."""
    chance = random_source
    return Hand(
        random_source=chance,
        mix={name: weight * chance.lognormvariate(0.0, 0.8) for name, weight in mix.items()},
        speed=speed * chance.lognormvariate(0.0, 0.35),
        spread=max(0.14, chance.gauss(0.38, 0.1)),
        think=chance.lognormvariate(0.5, 0.5),
        lapses=chance.uniform(0.01, 0.08),
        breaks=chance.uniform(0.004, 0.03),
        tiring=chance.uniform(-0.03, 0.12),
        restless=chance.choice((0.02, 0.05, 0.1, 0.3)),
        latency=0.05 * chance.lognormvariate(0.0, 0.7),
        round_seconds=chance.choice((12.0, 15.0, 20.0, 30.0)),
        drift=Drift(chance, chance.uniform(0.08, 0.22)),
        failures=chance.uniform(0.02, 0.2),
        is_gamma=chance.random() < 0.4,
    )


def play_session(diary: Diary, pace: Pace, window: Window) -> None:
    """Play from the start to the end of a window; the last action may end a little later."""
    now, end = window
    while now < end:
        action_type = pace.choose(now)
        completed_at = diary.play(action_type, now, pace.seconds(action_type, now))
        now = completed_at + pace.gap(action_type, completed_at)


def play_hand(diary: Diary, hand: Hand, windows: Iterable[Window]) -> Diary:
    """Play all sessions by one hand, rested at the start of each; return the diary."""
    for window in windows:
        hand.rested_at = window[0]
        play_session(diary, hand, window)
    return diary


def week_by_hand(random_source: random.Random, hand: Hand, rhythm: Rhythm) -> Diary:
    """Return an ordinary week of one person."""
    return play_hand(Diary(), hand, sessions(random_source, rhythm))
