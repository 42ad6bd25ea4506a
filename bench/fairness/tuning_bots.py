"""Cheats for tuning: scripts on one account, from a naive loop to noise that is drawn like a person's."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

from anticheat.history import Completion
from bench.fairness.clients import Client, Line, account, anywhere, fixed_line, home, lognormal, registration, settled
from bench.fairness.people import BY_HAND, Drift, hand
from bench.fairness.routines import Span, play_week
from bench.fairness.world import ACTIONS, DAY, HOUR, MIDNIGHT, WEEK, Account, Kind

Delay = Callable[[], float]
Script = Callable[[random.Random], tuple[Delay, Delay]]
"""Draw a script: the seconds from the countdown's end to completing, and from the answer to starting again."""
Schedule = Callable[[random.Random], Sequence[Span]]
"""Draw the hours at which a script runs."""


def begin(rng: random.Random) -> float:
    """Draw the time of a cheat's first play: within the first day."""
    return MIDNIGHT + rng.uniform(0, 20) * HOUR


def always(rng: random.Random) -> Sequence[Span]:
    """Run around the clock."""
    return [(begin(rng), MIDNIGHT + WEEK)]


def daily(least: float, most: float) -> Schedule:
    """Return a schedule of some hours a day, at about the same time."""

    def schedule(rng: random.Random) -> Sequence[Span]:
        start, hours = rng.uniform(0, 22), rng.uniform(least, most)
        spans = []
        for day in range(7):
            at = MIDNIGHT + day * DAY + (start + rng.uniform(-0.5, 0.5)) * HOUR
            spans.append((max(at, MIDNIGHT), min(at + hours * HOUR * rng.uniform(0.8, 1.1), MIDNIGHT + WEEK)))
        return spans

    return schedule


def run(
    rng: random.Random, line: Line, spans: Sequence[Span], script: tuple[Delay, Delay], action: str
) -> list[Completion]:
    """Run a script in these hours."""
    client, (wait, gap), now = Client(rng, line), script, 0.0
    for start, end in spans:
        now = max(now, start)
        while now < end:
            now = client.act(action, now, wait()) + gap()
    return client.plays


def bot(
    script: Script, schedule: Schedule, actions: Sequence[str] = BY_HAND[1:]
) -> Callable[[random.Random], Sequence[Account]]:
    """Return the accounts of single scripts of this form, each of one action type."""

    def accounts(rng: random.Random) -> Sequence[Account]:
        place, action = home(rng), rng.choice(actions)
        plays = run(rng, place.line, schedule(rng), script(rng), action)
        return [account(plays, place, registration(rng))]

    return accounts


def _too_fast(rng: random.Random) -> tuple[Delay, Delay]:
    early = rng.choice((-60.0, -rng.uniform(0.5, 3.0)))  # at once, or before the countdown's end
    return lambda: early, lambda: rng.uniform(0, 0.1)


def _fixed(rng: random.Random) -> tuple[Delay, Delay]:
    jitter, pause = rng.choice((0.001, 0.003, 0.008)), rng.choice((0.0, 0.1, 1.0))
    return lambda: 0.05 + rng.uniform(0, jitter), lambda: pause + rng.uniform(0, jitter)


def _flood(rng: random.Random) -> tuple[Delay, Delay]:
    return lambda: 0.0, lambda: 0.0


def _busy(rng: random.Random) -> tuple[Delay, Delay]:
    spikes = rng.uniform(0.02, 0.2)
    return (
        lambda: 0.06 + abs(rng.gauss(0, 0.005)) + (rng.uniform(0, 0.2) if rng.random() < spikes else 0.0),
        lambda: 0.02 + abs(rng.gauss(0, 0.004)),
    )


def _uniform(rng: random.Random) -> tuple[Delay, Delay]:
    most = rng.uniform(0.3, 3.0)
    return lambda: rng.uniform(0.06, most), lambda: rng.uniform(0.05, most)


def _lognormal(rng: random.Random) -> tuple[Delay, Delay]:
    reaction, pause, spread = rng.uniform(0.25, 0.5), rng.uniform(0.5, 1.5), rng.uniform(0.15, 0.5)
    return lambda: lognormal(rng, reaction, spread), lambda: lognormal(rng, pause, spread)


def _gamma(rng: random.Random) -> tuple[Delay, Delay]:
    shape, mean = rng.uniform(2, 12), rng.uniform(0.4, 1.5)
    return lambda: rng.gammavariate(shape, mean / shape / 2), lambda: rng.gammavariate(shape, mean / shape)


def _just_above(rng: random.Random) -> tuple[Delay, Delay]:
    spread = rng.uniform(0.025, 0.06)
    return lambda: 0.02 + abs(rng.gauss(0, spread)), lambda: 0.02 + abs(rng.gauss(0, spread))


def _ticks(rng: random.Random) -> tuple[Delay, Delay]:
    """Look at the screen in fixed intervals, as a reader of pixels does."""
    tick = rng.choice((0.1, 0.25, 0.5))
    return lambda: tick * rng.choice((1, 1, 1, 2)), lambda: tick * rng.choice((1, 2, 2, 3))


def _drifting(rng: random.Random) -> tuple[Delay, Delay]:
    """Draw moods with a long memory, but never hesitate."""
    drift, reaction, pause = Drift(rng, rng.uniform(0.1, 0.3)), rng.uniform(0.25, 0.5), rng.uniform(0.4, 1.2)
    return lambda: lognormal(rng, reaction, 0.2) * drift.pace(), lambda: lognormal(rng, pause, 0.3) * drift.pace()


def _helped(rng: random.Random) -> tuple[Delay, Delay]:
    """Start by itself; a person completes."""
    person, drift = hand(rng), Drift(rng, 0.2)
    return (
        lambda: max(0.12, lognormal(rng, person.reaction * drift.pace(), person.reaction_spread)),
        lambda: 0.05 + abs(rng.gauss(0, 0.003)),
    )


def _stockpile(rng: random.Random) -> Sequence[Account]:
    """Open many, wait once, complete all; send again after each `too_soon`."""
    place, now, wishes = home(rng), begin(rng), list[Completion]()
    end = now + rng.uniform(2, 8) * HOUR
    while now < end:
        starts = [now := now + 0.005 + rng.expovariate(1000) for _ in range(8)]
        wishes += [Completion("quick-match", at, now + 3.1 + rng.uniform(0, 0.5)) for at in starts]
        now += 3.1 * 8 + 3
    return [account(settled(wishes, rng), place, registration(rng))]


def _tired_bot(rng: random.Random) -> Sequence[Account]:
    """Slow down over each hour, take breaks, and start fresh; twelve hours a day."""
    place, action = home(rng), rng.choice(BY_HAND[1:])
    client, now = Client(rng, place.line), begin(rng)
    slowing, spread = rng.uniform(0.2, 0.6), rng.uniform(0.1, 0.3)
    while now < MIDNIGHT + WEEK:
        for _ in range(rng.randint(6, 12)):
            start, length = now, rng.uniform(40, 70) * 60
            while now < start + length:
                pace = 1 + slowing * (now - start) / 3600
                now = client.act(action, now, lognormal(rng, 0.3 * pace, spread)) + lognormal(rng, 0.7 * pace, spread)
            now += rng.uniform(8, 20) * 60
        now += rng.uniform(8, 12) * HOUR
    return [account(client.plays, place, registration(rng))]


def _replay(rng: random.Random) -> Sequence[Account]:
    """Repeat a recorded half hour of a person with noise."""
    place, noise = home(rng), rng.uniform(0.0, 0.06)
    recorded = play_week(rng, hand(rng, 1.2), place, [(0.0, rng.uniform(600, 2400))])
    length, start = recorded[-1].completed_at + 3, begin(rng)
    plays: list[Completion] = []
    hours = rng.uniform(6, 16)
    for day in range(7):
        for round_number in range(int(hours * HOUR // length)):
            base = start + day * DAY + round_number * length
            for play in recorded:
                late = abs(rng.gauss(0, noise))
                plays.append(Completion(play.action_type, base + play.issued_at, base + play.completed_at + late))
    return [account(settled(plays, rng), place, registration(rng))]


def _macro(rng: random.Random) -> Sequence[Account]:
    """Repeat a cycle of several action types, with delays drawn anew within a tenth."""
    place = home(rng)
    steps = [(rng.choice(BY_HAND), rng.uniform(0.2, 2), rng.uniform(0.2, 4)) for _ in range(rng.randint(3, 9))]
    client, now = Client(rng, place.line), begin(rng)
    end = MIDNIGHT + WEEK
    while now < end:
        stop = now + rng.uniform(3, 7) * HOUR
        while now < stop:
            for action, react, pause in steps:
                now = client.act(action, now, react * rng.uniform(0.9, 1.1)) + pause * rng.uniform(0.9, 1.1)
        now += rng.uniform(1, 10) * HOUR
    return [account(client.plays, place, registration(rng))]


def _copied_intervals(rng: random.Random) -> Sequence[Account]:
    """Draw each interval from a person's recorded ones, in random order."""
    place = anywhere(rng)
    recorded = play_week(rng, hand(rng), place, [(0.0, 3 * HOUR)])
    gaps = [later.completed_at - earlier.completed_at for earlier, later in pairwise(recorded)]
    action = rng.choice(BY_HAND[1:3])
    least = ACTIONS[action].limits.min_seconds + 0.15
    client, now = Client(rng, fixed_line(rng)), begin(rng)
    while now < MIDNIGHT + WEEK:
        stop = now + rng.uniform(4, 10) * HOUR
        while now < stop:
            now = max(client.act(action, now, 0.1 + rng.random() * 0.2), now + least + math.fmod(rng.choice(gaps), 60))
        now += rng.uniform(4, 12) * HOUR
    return [account(client.plays, place, registration(rng))]


BOTS: Final = (
    Kind("completes before the countdown's end", bot(_too_fast, daily(1, 4)), False, is_naive=True),
    Kind("fixed sleep", bot(_fixed, daily(2, 10)), False, is_naive=True),
    Kind("flood of taps", bot(_flood, daily(1, 4), ("tap",)), False, is_naive=True),
    Kind("fixed sleep on a busy machine", bot(_busy, daily(4, 16)), False),
    Kind("opens many and waits once", _stockpile, False),
    Kind("uniform delays", bot(_uniform, daily(4, 20)), False),
    Kind("lognormal delays", bot(_lognormal, daily(4, 20)), False),
    Kind("gamma delays, around the clock", bot(_gamma, always), False),
    Kind("just above the minimum", bot(_just_above, daily(3, 12)), False),
    Kind("reads the screen in ticks", bot(_ticks, daily(4, 16)), False),
    Kind("moods without hesitation", bot(_drifting, daily(5, 14)), False),
    Kind("auto-start with a person", bot(_helped, daily(2, 6)), False),
    Kind("fake fatigue", _tired_bot, False),
    Kind("replays a person with noise", _replay, False),
    Kind("macro of several actions", _macro, False),
    Kind("a person's intervals, shuffled", _copied_intervals, False),
)
