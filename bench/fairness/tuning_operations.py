"""Cheats for tuning: by hours, by accounts and by hands; their single actions are a person's, or nearly so."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from anticheat.history import Completion
from bench.fairness.clients import (
    Client,
    Place,
    account,
    anywhere,
    device,
    fixed_line,
    home,
    lognormal,
    mobile,
    registration,
    settled,
)
from bench.fairness.people import BY_HAND, hand
from bench.fairness.routines import Span, in_order, person_kind, play_week, routine, sessions
from bench.fairness.tuning_bots import begin
from bench.fairness.world import DAY, HOUR, MIDNIGHT, WEEK, Account, Kind

_END: Final = MIDNIGHT + WEEK


def _work_and_rest(rng: random.Random, start: float, end: float, work: float, rest: float) -> list[Span]:
    spans, now = list[Span](), start
    while now < end:
        stop = now + lognormal(rng, work, 0.4)
        spans.append((now, min(stop, end)))
        now = stop + lognormal(rng, rest, 0.5)
    return spans


def _sixteen_hours(rng: random.Random) -> Sequence[Account]:
    """Play like a person in sessions and with breaks, but sixteen hours of each day."""
    place, start = home(rng), begin(rng)
    spans = [
        span
        for day in range(7)
        for span in _work_and_rest(rng, start + day * DAY, start + day * DAY + 16 * HOUR, 2400, 420)
    ]
    return [account(play_week(rng, hand(rng, 1.2), place, in_order(spans)), place, registration(rng))]


def _cron(rng: random.Random) -> Sequence[Account]:
    """Run at the same times of each day, to the minute."""
    place, clock = home(rng), sorted(rng.sample(range(24), rng.randint(2, 4)))
    length = rng.uniform(1.0, 2.5) * HOUR
    spans = [
        (MIDNIGHT + day * DAY + hour * HOUR + 5, MIDNIGHT + day * DAY + hour * HOUR + length)
        for day in range(7)
        for hour in clock
    ]
    person = replace(hand(rng, 1.2), lapse=0.0)
    return [account(play_week(rng, person, place, in_order(spans)), place, registration(rng))]


def _hourly(rng: random.Random) -> Sequence[Account]:
    """Run some minutes of each hour, day and night."""
    place, length = home(rng), rng.uniform(4, 15) * 60
    spans, now = list[Span](), begin(rng)
    while now < _END:
        spans.append((now, now + length * rng.uniform(0.8, 1.2)))
        now += HOUR * rng.uniform(0.95, 1.05)
    return [account(play_week(rng, replace(hand(rng), lapse=0.0), place, in_order(spans)), place, registration(rng))]


def _shifts(rng: random.Random) -> Sequence[Account]:
    """Play one account by three or four paid people in turn, around the clock."""
    place, start = home(rng), begin(rng)
    count = rng.choice((3, 4))
    hands, plays = [hand(rng, 1.2) for _ in range(count)], list[Completion]()
    now, turn = start, 0
    while now < _END:
        end = now + 24 / count * HOUR
        spans = _work_and_rest(rng, now + rng.uniform(0, 600), end - 600, 2700, 300)
        plays += play_week(rng, hands[turn % count], replace(place, line=fixed_line(rng)), in_order(spans))
        now, turn = end, turn + 1
    return [account(settled(plays, rng), place, registration(rng))]


def _handed_over(rng: random.Random) -> Sequence[Account]:
    """Play as a casual person, then be sold to a booster who plays twelve hours a day."""
    place, sold = home(rng), MIDNIGHT + rng.uniform(1, 3) * DAY
    spans = [span for span in sessions(rng, routine(rng, 1.0, 15)) if span[1] < sold]
    plays = play_week(rng, hand(rng, 0.8, 1.2), place, spans)
    for day in range(7):
        start = sold + day * DAY + rng.uniform(0, 2) * HOUR
        booster = replace(hand(rng, 1.8, 0.5), tastes=(("boss-fight", 1.0), ("puzzle", 0.2)))
        spans = in_order(_work_and_rest(rng, start, min(start + 12 * HOUR, _END), 3000, 300))
        plays += play_week(rng, booster, replace(place, line=fixed_line(rng)), spans)
    return [account(settled(plays, rng), place, registration(rng))]


def _sleepless(rng: random.Random) -> Sequence[Account]:
    """Play by hand in the evening, and by script while the owner sleeps."""
    place, usual = home(rng), routine(rng, 1.2, 30)
    owner = play_week(rng, hand(rng), place, sessions(rng, usual))
    script = replace(hand(rng, 1.1), lapse=0.0, hesitation=0.0, error=0.0, fatigue=0.0, drift=0.02, tempo=0.0)
    nights = []
    for day in range(-1, 7):
        bed = MIDNIGHT + day * DAY + (usual.bed + 0.7 - usual.zone) * HOUR
        nights.append((bed, bed + rng.uniform(5, 7) * HOUR))
    plays = settled([*owner, *play_week(rng, script, place, in_order(nights))], rng)
    return [account(plays, place, registration(rng))]


def _farm(rng: random.Random, lag: float, size: int, noise: float) -> Sequence[Account]:
    """Record one script's week and play it on each account, `lag` seconds later each."""
    start, site = begin(rng), home(rng)
    spans = _work_and_rest(rng, start, min(start + 5 * DAY, _END), 5400, 5400)
    master = play_week(rng, hand(rng, 1.2), site, in_order(spans))
    accounts = []
    for number in range(size):
        place = Place(site.network if rng.random() < 0.3 else anywhere(rng).network, device(rng), fixed_line(rng))
        shift = number * lag
        plays = [
            Completion(play.action_type, play.issued_at + shift, play.completed_at + shift + abs(rng.gauss(0, noise)))
            for play in master
        ]
        accounts.append(account(settled(plays, rng), place, registration(rng)))
    return accounts


def _farm_of_minutes(rng: random.Random) -> Sequence[Account]:
    return _farm(rng, rng.uniform(30, 900), rng.randint(3, 8), rng.uniform(0.003, 0.02))


def _farm_of_days(rng: random.Random) -> Sequence[Account]:
    return _farm(rng, DAY + rng.uniform(-600, 600), rng.randint(3, 5), rng.uniform(0.003, 0.02))


def _one_network(rng: random.Random) -> Sequence[Account]:
    """Run ten accounts from one network and one kind of client, each with a script and hours of its own."""
    site, accounts, registered = home(rng), [], registration(rng)
    for _ in range(10):
        place, start = replace(site, line=fixed_line(rng)), begin(rng)
        person = replace(hand(rng, 1.1), lapse=0.0, fatigue=0.0)
        spans = [
            span
            for day in range(7)
            for span in _work_and_rest(rng, start + day * DAY, start + day * DAY + 5 * HOUR, 3600, 900)
        ]
        accounts.append(
            account(play_week(rng, person, place, in_order(spans)), place, registered + rng.uniform(0, 5) * DAY)
        )
    return accounts


def _registration_burst(rng: random.Random) -> Sequence[Account]:
    """Register twenty accounts within minutes, from many networks, and play each an hour or two a day."""
    registered, accounts = MIDNIGHT + rng.uniform(0, 0.5) * DAY, []
    hint, hours = device(rng), rng.uniform(0.7, 2)
    for _ in range(20):
        place = replace(mobile(rng), device=hint, line=fixed_line(rng))
        person = replace(hand(rng), lapse=0.001, fatigue=0.0)
        spans = [
            (start, start + hours * HOUR * rng.uniform(0.7, 1.3))
            for start in (registered + 900 + day * DAY + rng.uniform(0, 20) * HOUR for day in range(7))
        ]
        plays = play_week(rng, person, place, in_order(spans))
        accounts.append(account(plays, place, registered + rng.uniform(0, 600)))
    return accounts


def _trickle(rng: random.Random) -> Sequence[Account]:
    """Complete an action every minute or three, day and night."""
    place, action = home(rng), rng.choice(BY_HAND[2:])
    client, now, pause = Client(rng, place.line), begin(rng), rng.uniform(50, 180)
    while now < _END:
        now = client.act(action, now, rng.uniform(0.3, 3)) + pause * rng.uniform(0.6, 1.4)
    return [account(client.plays, place, registration(rng))]


def _mule_accounts(rng: random.Random) -> Sequence[Account]:
    """Play four accounts from one phone, one after the other, so that each seems to rest: a relay."""
    place, now, turn = mobile(rng), begin(rng), 0
    clients = [Client(rng, place.line) for _ in range(4)]
    pause = rng.uniform(0.3, 1.0)
    while now < _END:
        end = now + rng.uniform(60, 100) * 60
        while now < end:
            now = clients[turn % 4].act("boss-fight", now, lognormal(rng, 0.4, 0.4)) + lognormal(rng, pause, 0.5)
        turn += 1
    registered = registration(rng)
    return [account(client.plays, place, registered + number * 400) for number, client in enumerate(clients)]


def _top_of_the_day(rng: random.Random) -> Sequence[Account]:
    """Rest for most of the week and then run for twenty hours at the best rate."""
    place, start = anywhere(rng), MIDNIGHT + rng.uniform(2, 5) * DAY
    client, now = Client(rng, place.line), start
    plays = play_week(rng, hand(rng), place, [s for s in sessions(rng, routine(rng, 0.7, 12)) if s[1] < start])
    while now < start + 20 * HOUR:
        now = client.act("boss-fight", now, lognormal(rng, 0.2, 0.35)) + lognormal(rng, 0.4, 0.5)
        now += lognormal(rng, 300, 0.5) if rng.random() < 0.01 else 0.0
    return [account(settled([*plays, *client.plays], rng), place, registration(rng))]


OPERATIONS: Final = (
    Kind("like a person, sixteen hours a day", _sixteen_hours, False),
    Kind("at the same times of each day", _cron, False),
    Kind("some minutes of every hour", _hourly, False),
    Kind("shift work on one account", _shifts, False),
    Kind("sold to a booster", _handed_over, False),
    Kind("script while the owner sleeps", _sleepless, False),
    Kind("farm at a lag of minutes", _farm_of_minutes, False),
    Kind("farm at a lag of a day", _farm_of_days, False),
    Kind("ten accounts, one network", _one_network, False),
    Kind("registration burst", _registration_burst, False),
    Kind("trickle, day and night", _trickle, False),
    Kind("relay of four accounts", _mule_accounts, False),
    Kind("one day at the best rate", _top_of_the_day, False),
    Kind("like a person, two hours a day", person_kind(2.0, 60), False, notes="nothing tells it from a person"),
)
