"""Unusual honest kinds for tuning: weeks, households and places that are not like others'."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from anticheat.history import Completion
from bench.fairness.clients import (
    Place,
    account,
    anywhere,
    campus,
    device,
    fixed_line,
    home,
    lognormal,
    mobile,
    registration,
    settled,
)
from bench.fairness.people import Hand, hand
from bench.fairness.routines import Routine, Span, changed, in_order, person_kind, play_week, routine, sessions, zone
from bench.fairness.world import DAY, HOUR, MIDNIGHT, WEEK, Account, Kind


def _night_shift(rng: random.Random, usual: Routine) -> Routine:
    return replace(
        usual, wake=15.5, bed=32.5, busy=(21.5, 30.5), favourite=rng.uniform(17, 20), monday=rng.randrange(7)
    )


def _insomniac(rng: random.Random, usual: Routine) -> Routine:
    return replace(usual, wake=5.5, bed=28.5, night_spread=2.5, busy=None, favourite=rng.uniform(24, 28))


def _jet_lag(rng: random.Random) -> Sequence[Account]:
    """Return a traveller who changes zones in the middle of the week, and networks with them."""
    before, place = routine(rng, 2.0, 30), mobile(rng)
    after = replace(before, zone=before.zone + rng.choice((-9, -6, 6, 8, 11)))
    leave = MIDNIGHT + rng.uniform(1.5, 5) * DAY
    spans = [span for span in sessions(rng, before) if span[1] < leave]
    spans.append((leave + 600, leave + rng.uniform(1, 7) * HOUR))  # on the plane
    spans += [span for span in sessions(rng, after) if span[0] > leave + 10 * HOUR]
    return [account(play_week(rng, hand(rng), place, in_order(spans)), place, registration(rng))]


def _marathon(rng: random.Random) -> Sequence[Account]:
    """Return a streamer who plays for charity for a day and a night, with short breaks."""
    place, person, usual = home(rng), hand(rng, 1.4), routine(rng, 1.5, 60)
    begin, length = MIDNIGHT + rng.uniform(0.5, 5.5) * DAY, rng.uniform(16, 30) * HOUR
    spans, now = (
        [span for span in sessions(rng, usual) if not begin - 7200 < span[0] < begin + length + 12 * HOUR],
        begin,
    )
    while now < begin + length:
        end = now + lognormal(rng, 2500, 0.5)
        spans.append((now, end))
        now = end + lognormal(rng, 420, 0.8)
    return [account(play_week(rng, person, place, in_order(spans, 1)), place, registration(rng))]


def _home_for_a_week(rng: random.Random, usual: Routine) -> Routine:
    return replace(usual, is_on_holiday=True, busy=None, daily=rng.uniform(3, 7), minutes=rng.uniform(50, 100))


def _shared_account(rng: random.Random) -> Sequence[Account]:
    """Return one account on which a whole family plays, sometimes two at the same time."""
    place, base = home(rng), routine(rng, 1.0, 25)
    plays: list[Completion] = []
    for _ in range(rng.randint(2, 5)):
        own = replace(routine(rng, 1.2, 25), zone=base.zone, monday=base.monday)
        plays += play_week(rng, hand(rng), place, sessions(rng, own))
    return [account(settled(plays, rng, most_open=2), place, registration(rng))]


def _siblings(rng: random.Random) -> Sequence[Account]:
    """Return two or three children who take turns on one device for a few minutes each."""
    place, usual = home(rng), routine(rng, 1.2, 50)
    count = rng.choice((2, 2, 3))
    turns: list[list[Span]] = [[] for _ in range(count)]
    for start, end in sessions(rng, usual):
        now, turn = start, rng.randrange(count)
        while now < end:
            length = lognormal(rng, 240, 0.5)
            turns[turn].append((now, min(end, now + length)))
            now, turn = now + length + rng.uniform(5, 40), (turn + 1) % count
    return [
        account(play_week(rng, hand(rng, 0.9, 1.2), place, in_order(spans, 1)), place, registration(rng))
        for spans in turns
    ]


def _offline_batches(rng: random.Random) -> Sequence[Account]:
    """Return a commuter under the ground: a station's connection every few minutes, and then all at once."""
    place, person = mobile(rng), hand(rng)
    usual = replace(routine(rng, 1.5, 30), favourite=rng.choice((8.0, 18.0)), minutes_spread=0.3)
    wishes: list[Completion] = []
    for start, end in sessions(rng, usual):
        now = start
        while now < end:
            stations, count = now + rng.uniform(60, 240), rng.randint(2, 8)
            issued = [now + 0.1 * number + place.line.way(rng) for number in range(count)]
            wishes += [
                Completion("puzzle", at, stations + number * 0.3 + place.line.way(rng))
                for number, at in enumerate(issued)
            ]
            now = stations + 8.5 * count + lognormal(rng, person.pause * 5, 0.6)
    return [account(settled(wishes, rng), place, registration(rng))]


def _school_class(rng: random.Random) -> Sequence[Account]:
    """Return a class that registers together on the school's network, and plays in the same lessons and breaks."""
    school, days = campus(rng), rng.sample(range(5), rng.randint(1, 3))
    begins = sorted(MIDNIGHT + day * DAY + rng.uniform(7, 13) * HOUR for day in days)
    lessons = [(begin, begin + rng.choice((900, 2700))) for begin in begins]
    registered, machine = begins[0] - 900, device(rng)
    children = []
    for _ in range(rng.randint(6, 24)):
        place = replace(school, device=machine, line=fixed_line(rng))
        spans = [
            (start + rng.uniform(0, 120), end - rng.uniform(0, 200)) for start, end in lessons if rng.random() < 0.9
        ]
        usual = replace(routine(rng, 0.3, 15), busy=(7.0, 15.0))
        spans += [span for span in sessions(rng, usual) if span[0] > begins[0] + 5 * HOUR]
        plays = play_week(rng, hand(rng, 0.9, 1.2), place, in_order(spans))
        children.append(account(plays, place, registered + rng.uniform(0, 600)))
    return children


def _audience(rng: random.Random) -> Sequence[Account]:
    """Return the viewers of a stream who register within minutes and play while it runs, evening after evening."""
    offset = zone(rng)
    shows = [MIDNIGHT + day * DAY + (19 - offset) * HOUR for day in sorted(rng.sample(range(1, 7), 3))]
    viewers = []
    for _ in range(rng.randint(5, 20)):
        place, person = anywhere(rng), hand(rng)
        spans = [
            (show + rng.uniform(60, 1500), show + rng.uniform(0.6, 2.5) * HOUR) for show in shows if rng.random() < 0.7
        ]
        plays = play_week(rng, person, place, in_order(spans))
        viewers.append(account(plays, place, shows[0] + rng.uniform(0, 900)))
    return viewers


def _gaming_cafe(rng: random.Random) -> Sequence[Account]:
    """Return friends who play in a café from one address on equal machines, through a night of the weekend."""
    cafe = Place(f"cafe-{rng.getrandbits(32):08x}", device(rng), fixed_line(rng))
    begin = MIDNIGHT + rng.uniform(3, 5.5) * DAY
    friends = []
    for _ in range(rng.randint(4, 12)):
        person, now = hand(rng, 1.3), begin + rng.uniform(0, 1) * HOUR
        spans, end = list[Span](), begin + rng.uniform(5, 16) * HOUR
        while now < end:
            stop = now + lognormal(rng, 2400, 0.6)
            spans.append((now, stop))
            now = stop + lognormal(rng, 900, 0.7)
        friends.append(account(play_week(rng, person, cafe, in_order(spans, 1)), cafe, registration(rng)))
    return friends


def _clock_steps(rng: random.Random) -> Sequence[Account]:
    """Return a player in whose week the server's clock is set back, or forward, by seconds or an hour."""
    place, usual = anywhere(rng), routine(rng, 1.5, 40)
    plays = play_week(rng, hand(rng), place, sessions(rng, usual))
    steps = sorted((MIDNIGHT + rng.uniform(0, WEEK), _step(rng)) for _ in range(rng.randint(1, 4)))
    if plays:
        steps.append((rng.choice(plays).completed_at - 1.0, _step(rng)))

    def shifted(play: Completion) -> Completion:
        # The server notices a step back within an action, and measures nothing: here, as if it had happened before.
        offset = sum(step for since, step in steps if since <= play.completed_at)
        ahead = sum(step for since, step in steps if step > 0 and play.issued_at < since <= play.completed_at)
        return Completion(play.action_type, play.issued_at + offset - ahead, play.completed_at + offset)

    return [account([shifted(play) for play in plays], place, registration(rng))]


def _step(rng: random.Random) -> float:
    return rng.choice((-1, -1, 1)) * rng.choice((0.4, 1.0, 3.0, 30.0, 3600.0))


def _slow(rng: random.Random, usual: Hand) -> Hand:
    return replace(usual, reaction=lognormal(rng, 1.6, 0.4), pause=lognormal(rng, 7, 0.5), hesitation=0.2, fatigue=0.3)


def _one_boss(rng: random.Random, usual: Hand) -> Hand:
    return replace(usual, tastes=(("boss-fight", 1.0),), reaction_spread=0.25, lapse=0.001, hesitation=0.01)


WEEKS: Final = tuple(
    Kind(name, accounts, True, is_unusual=True)
    for name, accounts in (
        ("night-shift worker", person_kind(2.0, 40, habits=_night_shift)),
        ("insomniac", person_kind(4.0, 45, habits=_insomniac)),
        ("traveller", _jet_lag),
        ("marathon for charity", _marathon),
        ("home for a week", person_kind(4.0, 60, habits=_home_for_a_week)),
        ("family on one account", _shared_account),
        ("siblings take turns", _siblings),
        ("commuter, offline batches", _offline_batches),
        ("school class", _school_class),
        ("audience of a stream", _audience),
        ("friends in a gaming café", _gaming_cafe),
        ("clock steps", _clock_steps),
        ("elderly and slow", person_kind(1.5, 40, style=_slow, where=home)),
        ("one boss while watching series", person_kind(1.2, 120, style=_one_boss)),
        ("no fixed hours", person_kind(6.0, 20, habits=changed(busy=None, night_spread=3.0, favourite=None))),
    )
)
