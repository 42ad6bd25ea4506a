"""Honest people and cheats over days: their hours of play, and their timings.

The people are models: their play follows from the numbers here, which are assumptions. Every player has random numbers
of their own, by seed, kind and number.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from anticheat.history import Completion
from bench.fairness.players import HOUR, MINIMUM, START, Person, bad_network, busy, machine, network, normal, slow

DAY: Final = 86_400.0
MIDNIGHT = START - START % DAY
WEEK_DAYS = 7

Timeline = Callable[[random.Random], Iterator[Completion]]


@dataclass(frozen=True)
class Kind:
    """One kind of player. `share`: of all honest players. `held_out`: never used to choose a number or to train.

    `beyond`: its play cannot be told from a person's; it has a row of its own, and no part in the areas.
    """

    name: str
    timeline: Timeline
    share: float = 0.0
    held_out: bool = False
    naive: bool = False
    beyond: bool = False
    accounts_per_group: int = 1  # accounts that play the same


@dataclass(frozen=True)
class Habit:
    """Sessions a week, and their usual length in minutes."""

    least: int
    most: int
    minutes: float


CASUAL, KEEN = Habit(2, 7, 15), Habit(7, 14, 40)


def week_of(person: Person, habit: Habit, housemates: int = 0) -> Timeline:
    """Return sessions around the same hour of most days, with a night in between; housemates take turns."""

    def timeline(rng: random.Random) -> Iterator[Completion]:
        evening = rng.gauss(19.5, 2.5) * HOUR
        pace = replace(person, mood=0.05, lapse=person.lapse or 0.02)
        free_at = 0.0
        days = sorted(rng.choices(range(WEEK_DAYS), k=rng.randint(habit.least, habit.most)))
        for day in days:
            start = MIDNIGHT + day * DAY + evening + max(-3.5, min(3.5, rng.gauss(0, 1.5))) * HOUR
            start = max(start, free_at)
            seconds = min(3 * HOUR, 60 * slow(habit.minutes, 0.6)(rng))
            for turn in range(1 + 3 * housemates):  # each player has the device for a while, then another one
                length = seconds if not housemates else seconds / 3
                yield from pace.session(rng, start + turn * 2 * length, length)
            free_at = start + seconds * (1 + 6 * housemates) + 600

    return timeline


def between_servers(play: Timeline) -> Timeline:
    """Return a play whose requests are timed by several servers, with clocks that differ and jump by up to 20 ms.

    A client's own clock may jump freely: no request asks for it.
    """

    def timeline(rng: random.Random) -> Iterator[Completion]:
        for completion in play(rng):
            issued = completion.issued_at + rng.uniform(-0.02, 0.02)
            yield Completion(
                completion.action_type, issued, max(issued, completion.completed_at + rng.uniform(-0.02, 0.02))
            )

    return timeline


def until(seconds: float, endless: Timeline) -> Timeline:
    """Return the first `seconds` of an endless play, from some time of the first day on."""

    def timeline(rng: random.Random) -> Iterator[Completion]:
        shift = rng.uniform(0, 12) * HOUR - (START - MIDNIGHT)
        for play in endless(rng):
            if play.completed_at >= START + seconds:
                return
            yield Completion(play.action_type, play.issued_at + shift, play.completed_at + shift)

    return timeline


def noisy(rng: random.Random) -> Iterator[Completion]:
    """Yield a script's play with noise that its author thinks human: a normal delay, drawn anew each time for hours."""
    delay = normal(rng.uniform(0.2, 0.5), rng.uniform(0.04, 0.1), 0.02)
    return machine("quick-match", 3.05, delay)(rng)


def around_the_clock(rng: random.Random) -> Iterator[Completion]:
    """Yield a play with human timings and long pauses, but no night."""
    script = Person(slow(0.35, 0.2), lambda own: slow(0.9, 0.4)(own) + own.uniform(10, 40))
    return script.session(rng, START, DAY)


def replaying(rng: random.Random) -> Iterator[Completion]:
    """Yield ten minutes of a human's play, over and over, with the network's jitter."""
    recorded = list(Person(slow(0.35, 0.2), slow(0.9, 0.4)).session(rng, 0.0, 600))
    length = recorded[-1].completed_at + 2
    for repetition in itertools.count():
        start = START + repetition * length
        for play in recorded:
            yield Completion(
                play.action_type, start + play.issued_at + network(rng), start + play.completed_at + network(rng)
            )


def in_step(rng: random.Random) -> Iterator[Completion]:
    """Yield the play of one account of a farm: `rng` gives the same for all but the network's jitter."""
    script = random.Random(rng.random())
    own = random.Random()
    for play in Person(slow(0.35, 0.2), slow(0.9, 0.4)).session(script, START, 3 * HOUR):
        yield Completion(play.action_type, play.issued_at + network(own), play.completed_at + network(own))


def just_below(rng: random.Random) -> Iterator[Completion]:
    """Yield the play of a cheat that knows the rules: just wider than clockwork, just slower than the minimum.

    It takes breaks and sleeps a night.
    """
    delay = normal(0.16, 0.032, 0.03)
    now = START
    for _ in range(5):
        end = now + 2 * HOUR
        while now < end:
            issued = now
            now += MINIMUM["quick-match"] + 0.06 + delay(rng)
            yield Completion("quick-match", issued, now)
            now += 0.01
        now += rng.uniform(15, 40) * 60


def too_fast(rng: random.Random) -> Iterator[Completion]:
    """Yield a play that waits only a part of the time."""
    return machine("quick-match", rng.uniform(0, 2.7), lambda own: own.uniform(0, 0.1))(rng)


def clockwork(rng: random.Random) -> Iterator[Completion]:
    """Yield a play with the same beat each time, as steady as the machine is."""
    jitter = rng.choice([lambda own: own.uniform(0, 0.001), lambda own: own.uniform(0.001, 0.008)])
    return machine("quick-match", 3.05, jitter)(rng)


_REGULAR = Person(slow(0.35, 0.2), slow(0.9, 0.4))
_EXPERT = Person(normal(0.215, 0.03, 0.15), normal(0.3, 0.08, 0.15), ("quick-match",), rest=0.001)
_RUNNER = Person(normal(0.215, 0.03, 0.15), normal(0.215, 0.03, 0.15), ("quick-match", "tap"), rest=0.0005, lapse=0.004)

HONEST = (
    Kind("novice", week_of(Person(slow(0.7, 0.4), slow(2.5, 0.6)), CASUAL), 0.22),
    Kind("regular", week_of(_REGULAR, CASUAL), 0.32),
    Kind("regular who plays much", week_of(_REGULAR, KEEN), 0.10),
    Kind("expert", week_of(_EXPERT, KEEN), 0.05),
    Kind("tired", week_of(Person(slow(0.9, 0.7), slow(4, 1.0), rest=0.01), CASUAL), 0.10),
    Kind("bad network, clocks that jump", between_servers(week_of(replace(_REGULAR, way=bad_network), CASUAL)), 0.08),
    Kind("presses at the countdown", week_of(Person(normal(0.03, 0.025), slow(0.5, 0.3)), CASUAL), 0.03),
    Kind("shares a household", week_of(_REGULAR, CASUAL, housemates=1), 0.07, held_out=True),
    Kind("speed-runner", week_of(_RUNNER, KEEN), 0.03, held_out=True),
)
CHEATS = (
    Kind("too fast", until(HOUR, too_fast), naive=True),
    Kind("clockwork", until(HOUR, clockwork), naive=True),
    Kind("burst", until(HOUR / 6, machine("tap", 0, lambda own: own.uniform(0, 0.05))), naive=True),
    Kind(
        "token stockpiling",
        until(HOUR, machine("quick-match", 3.1, lambda own: own.uniform(0, 0.5), open_actions=10)),
        held_out=True,
    ),
    Kind("clockwork on a busy machine", until(8 * HOUR, machine("quick-match", 3.05, busy))),
    Kind("clockwork with noise", until(8 * HOUR, noisy)),
    Kind("around the clock", until(DAY, around_the_clock)),
    Kind("farm in step", until(DAY, in_step), held_out=True, accounts_per_group=8),
    Kind("replays a human", until(6 * HOUR, replaying), held_out=True),
    Kind("just below the rules", until(DAY, just_below), held_out=True),
    Kind("plays like a person, an hour or two a day", week_of(_REGULAR, KEEN), held_out=True, beyond=True),
)


def accounts(kind: Kind, seed: int, count: int) -> Iterator[tuple[str, list[Completion]]]:
    """Yield `count` groups of accounts of a kind, each account with its plays in the order of completion."""
    for number in range(count):
        for twin in range(kind.accounts_per_group):
            name = f"{seed}/{kind.name}/{number}"
            plays = list(kind.timeline(random.Random(name)))
            yield f"{name}/{twin}", sorted(plays, key=lambda play: play.completed_at)
