"""People's weeks: sleep, work and school, free evenings, weekends, holidays; and the hours at which they play."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from anticheat.history import Completion
from bench.fairness.clients import Client, Place, account, anywhere, lognormal, registration
from bench.fairness.people import Hand, Session, hand
from bench.fairness.world import DAY, HOUR, MIDNIGHT, WEEK, Account

Span = tuple[float, float]

ZONES: Final = ((-8, 4), (-7, 2), (-6, 4), (-5, 9), (-3, 8), (0, 8), (1, 16), (2, 7), (3, 8), (5.5, 12), (7, 6), (8, 8))
"""Offsets from UTC in hours, and their parts of the players; the Pacific's are added by `zone`."""


def zone(rng: random.Random) -> float:
    """Draw a person's offset from UTC in hours."""
    zones = (*ZONES, (9, 9), (10, 3), (12, 1))
    return float(rng.choices([offset for offset, _ in zones], [part for _, part in zones])[0])


@dataclass(frozen=True)
class Routine:
    """A person's week. Hours are local; a bedtime above 24 is after midnight."""

    zone: float
    wake: float
    bed: float
    busy: Span | None  # on weekdays
    daily: float  # sessions on a usual weekday
    weekend: float  # times as many on a free day
    minutes: float
    minutes_spread: float = 0.6
    night_spread: float = 0.8  # hours by which nights vary
    favourite: float | None = None  # an hour at which they like to play
    monday: int = 0  # the day of the simulated week that is a Monday
    is_on_holiday: bool = False
    binges: bool = False


def routine(rng: random.Random, daily: float, minutes: float) -> Routine:
    """Draw a worker, a pupil, or a person without fixed hours, who plays about so often and so long."""
    job = rng.choices(("work", "school", "free", "late"), (0.45, 0.25, 0.18, 0.12))[0]
    busy = {"work": (8.7, 17.3), "school": (8.0, 15.0), "free": None, "late": (13.5, 22.0)}[job]
    if busy:
        busy = (busy[0] + rng.gauss(0, 0.5), busy[1] + rng.gauss(0, 0.8))
    wake = {"work": 7.0, "school": 6.8, "free": 8.5, "late": 9.0}[job] + rng.gauss(0, 0.8)
    bed = {"work": 23.3, "school": 22.3, "free": 24.3, "late": 25.3}[job] + rng.gauss(0, 1.0)
    return Routine(
        zone(rng),
        wake,
        bed,
        busy,
        lognormal(rng, daily, 0.4),
        rng.uniform(0.8, 2.2),
        lognormal(rng, minutes, 0.35),
        rng.uniform(0.3, 0.9),
        rng.uniform(0.2, 1.4),
        rng.choice((None, rng.uniform(17, 23))),
        rng.randrange(7),
        rng.random() < 0.05,
        rng.random() < 0.05,
    )


def sessions(rng: random.Random, person: Routine) -> list[Span]:
    """Draw a week's sessions, in Unix seconds and in order, none within another."""
    spans: list[Span] = []
    for day in range(-1, 9):
        weekday = (day - person.monday) % 7
        is_free = weekday >= 5 or person.is_on_holiday
        midnight = MIDNIGHT + day * DAY - person.zone * HOUR
        wake = person.wake + abs(rng.gauss(0, person.night_spread)) + (1.0 if is_free else 0.0)
        bed = person.bed + rng.gauss(0, person.night_spread) + (0.8 if weekday in (4, 5) else 0.0)
        rate = person.daily * (person.weekend if is_free else 1.0) * (1.6 if person.is_on_holiday else 1.0)
        is_binge = person.binges and weekday >= 5
        for _ in range(poisson(rng, rate * (2 if is_binge else 1))):
            start = _start(rng, person, wake, bed, is_free)
            if start is None:
                continue
            hours = lognormal(rng, person.minutes * (2.5 if is_binge else 1.0), person.minutes_spread) / 60
            end = min(start + hours, bed + 0.2, start + 6.0)
            if person.busy and not is_free and start < person.busy[0]:
                end = min(end, person.busy[0])
            spans.append((midnight + start * HOUR, midnight + end * HOUR))
    return in_order(spans)


def _start(rng: random.Random, person: Routine, wake: float, bed: float, is_free: bool) -> float | None:
    for _ in range(6):
        if person.favourite is not None and rng.random() < 0.6:
            start = rng.gauss(person.favourite, 0.9)
        else:
            start = rng.triangular(wake, bed, wake + 0.8 * (bed - wake))
        is_busy = person.busy is not None and not is_free and person.busy[0] < start < person.busy[1]
        if wake <= start < bed and not is_busy:
            return start
    return None


def poisson(rng: random.Random, mean: float) -> int:
    """Draw a count."""
    limit, count, product = math.exp(-mean), 0, rng.random()
    while product > limit:
        count, product = count + 1, product * rng.random()
    return count


def in_order(spans: Sequence[Span], gap: float = 300.0) -> list[Span]:
    """Return the spans within the week, in order, cut so that none begins within `gap` seconds of the last one."""
    ordered: list[Span] = []
    free_at = MIDNIGHT
    for start, end in sorted(spans):
        begin, stop = max(start, free_at), min(end, MIDNIGHT + WEEK)
        if stop - begin > 60:
            ordered.append((begin, stop))
            free_at = stop + gap
    return ordered


def play_week(rng: random.Random, person: Hand, place: Place, spans: Sequence[Span]) -> list[Completion]:
    """Return a person's plays in these sessions; the next one begins after the last one's end."""
    client, now = Client(rng, place.line), 0.0
    for start, end in spans:
        session = Session(rng, person, client, max(start, now + 1))
        now = session.play(end)
    return client.plays


Week = Callable[[random.Random], Sequence[Account]]


def person_kind(
    daily: float,
    minutes: float,
    *,
    speed: float = 1.0,
    care: float = 1.0,
    where: Callable[[random.Random], Place] = anywhere,
    habits: Callable[[random.Random, Routine], Routine] = lambda rng, usual: usual,
    style: Callable[[random.Random, Hand], Hand] = lambda rng, usual: usual,
) -> Week:
    """Return the accounts of single people who play about `daily` sessions of `minutes` on a weekday."""

    def accounts(rng: random.Random) -> Sequence[Account]:
        place, person = where(rng), style(rng, hand(rng, speed, care))
        spans = sessions(rng, habits(rng, routine(rng, daily, minutes)))
        return [account(play_week(rng, person, place, spans), place, registration(rng))]

    return accounts


def changed(**values: object) -> Callable[[random.Random, Routine], Routine]:
    """Return a change of these numbers of a routine."""
    return lambda rng, usual: replace(usual, **values)  # type: ignore[arg-type]
