"""Unusual honest kinds for tuning: hands, devices and clients that look like machines."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from anticheat.history import Completion
from bench.fairness.clients import (
    Client,
    Line,
    Place,
    account,
    anywhere,
    home,
    lognormal,
    mobile,
    registration,
    settled,
)
from bench.fairness.people import BY_HAND, Drift, Hand, hand
from bench.fairness.routines import Span, person_kind, routine, sessions
from bench.fairness.world import ACTIONS, DAY, HOUR, MIDNIGHT, WEEK, Account, Kind

Sitting = Callable[[Span], list[Completion]]
"""Return the plays of one session, in the order of completion."""
Habit = Callable[[random.Random, Line], Sitting]
"""Draw a person, whose sessions the result plays."""


def sitting_kind(
    habit: Habit, daily: float, minutes: float, where: Callable[[random.Random], Place] = anywhere
) -> Callable[[random.Random], Sequence[Account]]:
    """Return the accounts of single people with such a habit, with the weeks of people."""

    def accounts(rng: random.Random) -> Sequence[Account]:
        place = where(rng)
        sitting, plays = habit(rng, place.line), list[Completion]()
        for start, end in sessions(rng, routine(rng, daily, minutes)):
            begin = max(start, plays[-1].completed_at + 2 if plays else start)
            if begin < end:
                plays += sitting((begin, end))
        return [account(plays, place, registration(rng))]

    return accounts


def _rushing_child(rng: random.Random, line: Line) -> Sitting:
    """Tap as fast as two thumbs can: start, complete, start; the rate limit ends each rush."""
    beat, spread, breath = rng.uniform(0.06, 0.2), rng.uniform(0.06, 0.3), rng.uniform(3, 40)

    def sitting(span: Span) -> list[Completion]:
        client, now = Client(rng, line), span[0]
        drift = Drift(rng, 0.15)
        while now < span[1]:
            end = now + lognormal(rng, 15, 0.6)
            while now < end:
                pace = beat * drift.pace()
                now = client.act("tap", now, lognormal(rng, pace, spread)) + lognormal(rng, pace, spread)
            now += lognormal(rng, breath, 0.8)
        return client.plays

    return sitting


def _tabs(rng: random.Random, line: Line) -> Sitting:
    """Play in two or three tabs at once: start in each, complete in any order."""
    count, action, person = rng.choice((2, 2, 3)), rng.choice(BY_HAND[1:]), hand(rng)

    def sitting(span: Span) -> list[Completion]:
        wishes: list[Completion] = []
        now = span[0]
        while now < span[1]:
            starts = [now := now + lognormal(rng, 1.2, 0.4) for _ in range(count)]
            least = ACTIONS[action].limits.min_seconds
            ends = [start + least + lognormal(rng, person.reaction, 0.4) + 2 * line.way(rng) for start in starts]
            wishes += [Completion(action, start, end) for start, end in zip(starts, ends, strict=True)]
            now = max(ends) + least * (count - 1) + lognormal(rng, person.pause, 0.5)
        return settled(wishes, rng)

    return sitting


def _rhythm_game(rng: random.Random, line: Line) -> Sitting:
    """Play songs in a row: the next one starts by itself, and the client completes it at its end."""
    lengths = [rng.uniform(15.5, 90) for _ in range(rng.randint(1, 25))]
    countdown, favourites = rng.choice((0.5, 1.0, 3.0)), rng.random()

    def sitting(span: Span) -> list[Completion]:
        client, now = Client(rng, line), span[0]
        while now < span[1]:
            length = lengths[0] if rng.random() < favourites else rng.choice(lengths)
            now = client.act("song", now, length - 15.0) + countdown
            if rng.random() < 0.04:
                now += lognormal(rng, 30, 1.0)
        return client.plays

    return sitting


def _quiz_night(rng: random.Random) -> Sequence[Account]:
    """Return the guests of two quiz evenings: all clients answer at the bell of the same host."""
    host = random.Random(rng.random())
    evenings = [MIDNIGHT + day * DAY + host.uniform(17, 20) * HOUR for day in host.sample(range(6), 2)]
    bells: list[tuple[float, float]] = []
    for evening in evenings:
        now = evening
        for _ in range(host.randint(30, 90)):
            bells.append((now, now + 10.0))
            now += 10.0 + host.choice((5.0, 5.0, 5.0, 8.0, 60.0))
    guests = []
    for _ in range(rng.randint(3, 12)):
        place, presence = anywhere(rng), rng.uniform(0.8, 1.0)
        plays = [
            Completion("quiz-round", start + place.line.base, max(start + place.line.base, end) + place.line.way(rng))
            for start, end in bells
            if rng.random() < presence
        ]
        guests.append(account(settled(plays, rng), place, registration(rng)))
    return guests


def _tournament(rng: random.Random) -> Sequence[Account]:
    """Return a knock-out's players: the client ends each round by itself, those who lose leave."""
    begin, rounds = MIDNIGHT + rng.uniform(0.6, 5) * DAY, rng.randint(3, 6)
    length, players = rng.choice((60.0, 90.0, 120.0)), []
    for number in range(rng.choice((4, 8))):
        place, fans = anywhere(rng), list[Completion]()
        for match in range(min(rounds, 1 + number // 2)):
            start = begin + match * 900
            for part in range(10):
                issued = start + part * length + place.line.way(rng)
                fans.append(Completion("quiz-round", issued, start + part * length + length - 3 + place.line.way(rng)))
        players.append(account(settled(fans, rng), place, registration(rng)))
    return players


def _tracker(rng: random.Random) -> Sequence[Account]:
    """Return a watch that reports steps every few minutes: all day, or day and night."""
    place, every = mobile(rng), rng.choice((120.0, 300.0, 300.0, 600.0))
    sleeps, zone = rng.random() < 0.6, rng.uniform(0, 24)
    wishes, now = list[Completion](), MIDNIGHT + rng.uniform(0, every)
    while now < MIDNIGHT + WEEK - every:
        local = ((now - MIDNIGHT) / HOUR + zone) % 24
        report = now + every
        if not (sleeps and local < 7) and rng.random() > 0.03:  # the phone is out of reach
            wishes.append(Completion("steps", now + place.line.way(rng), report + place.line.way(rng)))
        now = report + 0.2
    return [account(settled(wishes, rng), place, registration(rng))]


def _repeating_switch(rng: random.Random, line: Line) -> Sitting:
    """Hold an assistive switch that repeats the press at a fixed interval, for as long as it is held."""
    every, jitter = rng.uniform(0.4, 2.5), rng.uniform(0.0003, 0.004)

    def sitting(span: Span) -> list[Completion]:
        client, now = Client(rng, line), span[0]
        while now < span[1]:
            end = now + lognormal(rng, 60, 0.8)
            while now < end:
                answer = client.act("tap", now, 0.05)
                now = max(answer, now + every + rng.gauss(0, jitter))
            now += lognormal(rng, 25, 1.0)
        return client.plays

    return sitting


def _tunnel(rng: random.Random, line: Line) -> Sitting:
    """Play a prefetched stock of actions without a connection; all arrive at once behind the tunnel."""
    action, person, dark = rng.choice(("tap", "quick-match", "puzzle")), hand(rng), rng.uniform(0.1, 0.6)

    def sitting(span: Span) -> list[Completion]:
        wishes, now = list[Completion](), span[0]
        least = ACTIONS[action].limits.min_seconds
        while now < span[1]:
            stock = rng.randint(3, 8)
            issued = [now + number * 0.05 + line.way(rng) for number in range(stock)]
            played = max(issued)
            ends = [played := played + least + lognormal(rng, person.pause + person.reaction, 0.4) for _ in issued]
            exit_at = played + lognormal(rng, 20, 0.7) if rng.random() < dark else 0.0
            wishes += [
                Completion(action, start, max(end, exit_at) + line.way(rng))
                for start, end in zip(issued, ends, strict=True)
            ]
            now = max(played, exit_at) + least + lognormal(rng, 4, 0.8)
        return settled(wishes, rng)

    return sitting


def _tremor(rng: random.Random, line: Line) -> Sitting:
    """Press with a trembling hand: many presses bounce and start or complete a second tap at once."""
    person, bounce = hand(rng, 0.7, 1.4), rng.uniform(0.1, 0.6)

    def sitting(span: Span) -> list[Completion]:
        client, now = Client(rng, line), span[0]
        while now < span[1]:
            now = client.act("tap", now, lognormal(rng, person.reaction, 0.5)) + lognormal(rng, person.pause, 0.5)
            while rng.random() < bounce:
                now = client.act("tap", now, rng.uniform(0.0, 0.08)) + rng.uniform(0.01, 0.09)
        return client.plays

    return sitting


def _metronome(rng: random.Random, line: Line) -> Sitting:
    """Tap to a metronome or like a drummer: the spread is 1.5% to 4% of the beat, and drifts are corrected."""
    beat, spread = rng.uniform(0.5, 1.2), rng.uniform(0.015, 0.04)

    def sitting(span: Span) -> list[Completion]:
        client, now = Client(rng, line), span[0]
        while now < span[1]:
            bars, grid = rng.randint(16, 100), now
            for _ in range(bars):
                grid += beat
                now = client.act("tap", max(now, grid + rng.gauss(0, spread * beat)), 0.3 * beat)
            now += lognormal(rng, 20, 0.8)
        return client.plays

    return sitting


def _presser(rng: random.Random, usual: Hand) -> Hand:
    action = rng.choice(BY_HAND[1:])
    return replace(usual, ahead=rng.uniform(0.9, 1), tastes=((action, 1.0),), pause=0.2, pause_spread=0.12)


def _speed_run(rng: random.Random, line: Line) -> Sitting:
    """Repeat the same route of actions as fast as the game allows, and start over after each mistake."""
    route = rng.choices(BY_HAND, k=rng.randint(8, 30))
    reaction, spread = rng.uniform(0.15, 0.23), rng.uniform(0.08, 0.16)

    def sitting(span: Span) -> list[Completion]:
        client, now = Client(rng, line), span[0]
        while now < span[1]:
            for action in route:
                react = max(0.1, lognormal(rng, reaction, spread))
                now = client.act(action, now, react) + max(0.08, lognormal(rng, reaction, spread))
                if rng.random() < 0.03:
                    break
            now += lognormal(rng, 3, 0.7)
        return client.plays

    return sitting


def _screen_reader(rng: random.Random, line: Line) -> Sitting:
    """Play by ear: each press follows a spoken sentence of fixed length."""
    spoken, reaction = {name: rng.uniform(0.8, 2.5) for name in BY_HAND}, rng.uniform(0.2, 0.4)
    action = rng.choice(BY_HAND)

    def sitting(span: Span) -> list[Completion]:
        client, now, drift = Client(rng, line), span[0], Drift(rng, 0.15)
        while now < span[1]:
            react = spoken[action] + lognormal(rng, reaction * drift.pace(), 0.2)
            now = client.act(action, now, react) + spoken[action] + lognormal(rng, reaction, 0.25)
        return client.plays

    return sitting


def _stalled_taps(rng: random.Random, line: Line) -> Sitting:
    """Tap without awaiting answers on a line that stalls for seconds, and then delivers all at once."""
    pace, stalls = rng.uniform(0.9, 1.6), rng.uniform(0.003, 0.03)

    def sitting(span: Span) -> list[Completion]:
        wishes, now, stalled_until = list[Completion](), span[0], span[0]
        while now < span[1]:
            now += max(0.2, lognormal(rng, pace, 0.2))
            if now > stalled_until and rng.random() < stalls:
                stalled_until = now + rng.uniform(2, 9)
            wishes.append(Completion("tap", now - 0.2, max(now, stalled_until) + line.way(rng)))
        return settled(wishes, rng)

    return sitting


HANDS: Final = tuple(
    Kind(name, accounts, True, is_unusual=True)
    for name, accounts in (
        ("child tapping as fast as it can", sitting_kind(_rushing_child, 1.0, 12)),
        ("two or three tabs", sitting_kind(_tabs, 1.0, 25)),
        ("rhythm game", sitting_kind(_rhythm_game, 1.0, 40)),
        ("quiz night", _quiz_night),
        ("tournament", _tournament),
        ("step tracker", _tracker),
        ("assistive auto-repeat switch", sitting_kind(_repeating_switch, 1.0, 20, home)),
        ("tunnel and prefetched actions", sitting_kind(_tunnel, 1.4, 25, mobile)),
        ("tremor, presses bounce", sitting_kind(_tremor, 0.8, 20)),
        ("musician with a metronome", sitting_kind(_metronome, 1.0, 20)),
        ("presses at the countdown", person_kind(1.5, 30, speed=1.5, care=0.7, style=_presser)),
        ("speed-runner", sitting_kind(_speed_run, 1.5, 60)),
        ("screen reader", sitting_kind(_screen_reader, 0.8, 25)),
        ("stalled taps", sitting_kind(_stalled_taps, 1.0, 15, mobile)),
    )
)
