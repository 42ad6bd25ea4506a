"""Simulated players, honest and cheating, who play for an hour: reaction times, networks, scripts.

Each player draws from random numbers of their own, so that a run can be repeated to the digit.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from anticheat.history import Completion

MINIMUM = {"tap": 0.0, "quick-match": 3.0, "puzzle": 8.0, "boss-fight": 20.0}
START = 1_800_000_000.0
HOUR = 3600.0
RATE_LIMIT = 60  # completions a minute, the default of RATE_LIMIT_ACTIONS

Draw = Callable[[random.Random], float]
Play = Callable[[random.Random], Iterator[Completion]]


def normal(mean: float, sd: float, minimum: float = 0.0) -> Draw:
    """Draw seconds from a normal distribution, again while below `minimum` (no person reacts sooner)."""

    def draw(rng: random.Random) -> float:
        while (value := rng.gauss(mean, sd)) < minimum:
            pass
        return value

    return draw


def slow(median: float, spread: float) -> Draw:
    """Draw seconds from a log-normal distribution: mostly near the median, sometimes much longer."""
    return lambda rng: median * math.exp(rng.gauss(0, spread))


def network(rng: random.Random) -> float:
    """Draw the seconds of one way through an ordinary connection."""
    return 0.015 + rng.expovariate(1 / 0.003)


def bad_network(rng: random.Random) -> float:
    """Draw the seconds of one way through a bad connection: slow, with resends after 2 s and stalls of up to 10 s."""
    seconds = 0.15 + rng.expovariate(1 / 0.1)
    if rng.random() < 0.05:
        seconds += 2.0
    return seconds + (rng.uniform(3, 10) if rng.random() < 0.02 else 0.0)


@dataclass(frozen=True)
class Person:
    """A person at the page: start, wait for the countdown, press complete, see the points, start again."""

    press: Draw  # from the countdown's end to pressing complete
    pause: Draw  # from the answer to pressing start
    types: tuple[str, ...] = tuple(MINIMUM)
    way: Draw = network
    rest: float = 0.002  # the chance of a break of 1 to 20 minutes after an action
    mood: float = 0.0  # how much their speed varies over minutes: 0.05 is 20% up and down
    lapse: float = 0.0  # the chance of looking away for some seconds

    def __call__(self, rng: random.Random) -> Iterator[Completion]:
        return self.session(rng, START + rng.random(), HOUR)

    def session(self, rng: random.Random, start: float, seconds: float) -> Iterator[Completion]:
        """Play for `seconds` from `start` on."""
        now, kind, mood = start, rng.choice(self.types), 0.0
        limit = RateLimit()
        while now < start + seconds:
            if rng.random() < 0.03:
                kind = rng.choice(self.types)
            mood = 0.97 * mood + (rng.gauss(0, self.mood) if self.mood else 0.0)
            pace = math.exp(mood)
            issued = now + self.way(rng)
            ready = issued + self.way(rng) + MINIMUM[kind]
            completed = limit.earliest(ready + pace * self.press(rng) + self.way(rng))
            yield Completion(kind, issued, completed)
            now = completed + self.way(rng) + pace * self.pause(rng)
            if self.lapse and rng.random() < self.lapse:
                now += rng.uniform(1.5, 8)
            now += rng.uniform(60, 1200) if rng.random() < self.rest else 0.0


@dataclass
class RateLimit:
    """The rate limit in front of the rules: a full clock minute delays the player to the next one."""

    minute: int = 0
    used: int = 0

    def earliest(self, moment: float) -> float:
        minute = int(moment // 60)
        if minute == self.minute and self.used >= RATE_LIMIT:
            moment = (minute + 1) * 60 + (moment % 1)
            minute += 1
        self.used = self.used + 1 if minute == self.minute else 1
        self.minute = minute
        return moment


def stalled_taps(rng: random.Random) -> Iterator[Completion]:
    """Yield the taps of a client that doesn't await answers; every few minutes the line stalls for up to 10 s."""
    now, arrivals = START, []
    stall_until = START
    while now < START + HOUR:
        now += max(0.2, rng.gauss(1.1, 0.15))
        if now > stall_until and rng.random() < 0.005:
            stall_until = now + rng.uniform(2, 10)
        arrivals.append(Completion("tap", now - 0.2, max(now, stall_until) + rng.expovariate(1 / 0.02)))
    yield from sorted(arrivals, key=lambda tap: tap.completed_at)


def tabs(count: int) -> Play:
    """Return an honest player with several tabs that starts a puzzle in each, one by one, and completes them all."""

    def play(rng: random.Random) -> Iterator[Completion]:
        now = START
        while now < START + HOUR:
            issues = [now + tab * rng.uniform(1, 2) for tab in range(count)]
            completions = [issued + MINIMUM["puzzle"] + 0.05 + slow(0.3, 0.3)(rng) for issued in issues]
            yield from (Completion("puzzle", *times) for times in zip(issues, sorted(completions), strict=True))
            now = max(completions) + rng.uniform(0.5, 2)

    return play


def machine(kind: str, wait: float, jitter: Draw, open_actions: int = 1) -> Play:
    """Return a script: open `open_actions` actions, wait, complete them all, begin again."""

    def play(rng: random.Random) -> Iterator[Completion]:
        now = START + rng.random()
        while True:
            issues = [now := now + 0.004 + rng.expovariate(1 / 0.001) for _ in range(open_actions)]
            now += wait + jitter(rng)
            for issued in issues:
                now += 0.004 + rng.expovariate(1 / 0.001)
                yield Completion(kind, issued, now)

    return play


def busy(rng: random.Random) -> float:
    """Draw the error of a sleep on a busy machine: 5 ms more or less, and now and then 50 ms."""
    return 0.02 + rng.gauss(0, 0.005) + (rng.uniform(0, 0.05) if rng.random() < 0.05 else 0.0)


HONEST: dict[str, Play] = {
    "novice": Person(slow(0.7, 0.4), slow(2.5, 0.6)),
    "regular": Person(slow(0.35, 0.2), slow(0.9, 0.4)),
    "expert, sd 30 ms": Person(normal(0.215, 0.03, 0.15), normal(0.215, 0.03, 0.15), ("quick-match",), rest=0),
    "expert tapper": Person(normal(0.215, 0.03, 0.15), normal(0.215, 0.03, 0.15), ("tap",), rest=0),
    "countdown presser": Person(normal(0.03, 0.025), normal(0.25, 0.03, 0.15), ("quick-match", "puzzle"), rest=0),
    "countdown, starts by itself": Person(normal(0.06, 0.02), lambda _: 0.0, ("quick-match",), rest=0),
    "rhythmic tapper, 1 a second": Person(normal(0.4, 0.018), normal(0.54, 0.018), ("tap",), rest=0),
    "drummer, 2 a second": Person(normal(0.22, 0.008), normal(0.22, 0.008), ("tap",), rest=0),
    "frantic tapper, 3 a second": Person(normal(0.13, 0.02), normal(0.14, 0.02), ("tap",), rest=0),
    "tired": Person(slow(0.9, 0.7), slow(4, 1.0), rest=0.01),
    "bad network": Person(slow(0.35, 0.2), slow(0.9, 0.4), way=bad_network),
    "stalled taps": stalled_taps,
}
OVERLAPPING: dict[str, Play] = {"two tabs": tabs(2), "three tabs": tabs(3)}
CHEATING: dict[str, Play] = {
    "too fast: no wait": machine("quick-match", 0, lambda _: 0.0),
    "too fast: 90% of the wait": machine("quick-match", 2.7, lambda rng: rng.uniform(0, 0.05)),
    "ten opened, one wait": machine("quick-match", 3.1, lambda rng: rng.uniform(0, 0.5), open_actions=10),
    "burst of taps": machine("tap", 0, lambda rng: rng.uniform(0, 0.05)),
    "clockwork": machine("quick-match", 3.05, lambda rng: rng.uniform(0, 0.001)),
    "clockwork, jitter 1-8 ms": machine("quick-match", 3.05, lambda rng: rng.uniform(0.001, 0.008)),
    "clockwork taps, 1 a second": machine("tap", 1, lambda rng: rng.uniform(0, 0.001)),
    "clockwork on a busy machine": machine("quick-match", 3.05, busy),
    "clockwork, normal noise 10 ms": machine("quick-match", 3.1, normal(0.03, 0.01)),
    "script that waits at random": machine("quick-match", 3.05, lambda rng: rng.uniform(0, 1)),
}
