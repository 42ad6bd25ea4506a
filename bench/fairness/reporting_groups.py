"""Unusual honest groups: many people on one account, one network, one device model or at one hour."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from bench.fairness.reporting_diary import (
    Diary,
    common_device,
    merged,
    past_registration,
    private_network,
)
from bench.fairness.reporting_hands import draw_hand, play_hand, week_by_hand
from bench.fairness.reporting_hours import (
    Habit,
    Window,
    daily,
    draw_rhythm,
    draw_zone,
    local_midnight,
    separated,
    sessions,
)
from bench.fairness.reporting_mainstream import ANY_MIX, settle
from bench.fairness.world import DAY, HOUR, MIDNIGHT, WEEK, Account, Kind


def _family(random_source: random.Random) -> Sequence[Account]:
    """Share one account among parents and children: four hands, mixes and days."""
    zone = draw_zone(random_source)
    members = []
    for hours, speed in (((21.0, 22.5), 1.0), ((9.0, 12.5, 20.0), 1.2), ((15.5, 17.5), 0.7), ((16.5, 18.5), 1.6)):
        habits = (Habit(hour, 0.7, 0.5, 0.6, 30.0) for hour in hours)
        rhythm = replace(draw_rhythm(random_source, *habits), zone=zone, sleep=8.0)
        members.append(week_by_hand(random_source, draw_hand(random_source, ANY_MIX, speed), rhythm))
    return settle(random_source, merged(members))


def _school_room(random_source: random.Random) -> Sequence[Account]:
    """Draw a class of pupils: registered in one lesson, equal computers, they start when the teacher says so."""
    network, device, zone = private_network(random_source, "school"), "school-desktop", draw_zone(random_source)
    registration = MIDNIGHT - DAY * random_source.choice((3, 10, 30)) + HOUR * 10
    lessons: list[Window] = []
    for day in random_source.sample((0, 3, 4, 5, 6), 3):
        start = local_midnight(day, zone) + HOUR * random_source.choice((8.5, 9.5, 10.75, 13.5))
        lessons.append((start, start + 60.0 * random_source.uniform(18.0, 32.0)))
    accounts = []
    for _ in range(30):
        hand, diary = draw_hand(random_source, {"puzzle": 1.0, "quick-match": 0.4}, speed=1.2), Diary()
        hand.latency = 0.02
        for start, end in sorted(lessons):
            if random_source.random() < 0.07:
                continue  # ill
            now = start + random_source.lognormvariate(1.5, 0.7)
            for item in range(4):  # the teacher's own questions come first
                diary.play("lesson-item", max(now, start + 30.0 * item), random_source.uniform(20.0, 21.0))
            play_hand(diary, hand, [(max(diary.free_at, now) + hand.gap("puzzle", now), end)])
        accounts.append(diary.account(network, device, registration + random_source.uniform(0.0, 420.0)))
    return accounts


def _care_home(random_source: random.Random) -> Sequence[Account]:
    """Draw old people with equal tablets, set up by a carer in one afternoon; they play together after lunch."""
    network, zone = private_network(random_source, "care"), draw_zone(random_source)
    registered_at, accounts = past_registration(random_source, 60.0), []
    afternoons = daily(random_source, zone, 14.2, 0.9, 0.1)
    for _ in range(8):
        registered_at += 60.0 * random_source.uniform(4.0, 15.0)
        hand = draw_hand(random_source, {"puzzle": 1.0, "quick-match": 0.5, "quiz-round": 0.3}, speed=2.4)
        hand.lapses = 0.15
        windows = [
            (start + 60.0 * random_source.uniform(0.0, 9.0), end - 60.0 * random_source.uniform(0.0, 20.0))
            for start, end in afternoons
            if random_source.random() < 0.85
        ]
        accounts.append(play_hand(Diary(), hand, windows).account(network, "tablet-a", registered_at))
    return accounts


def _lan_party(random_source: random.Random) -> Sequence[Account]:
    """Draw friends who play one night through in one room, and little on the other days."""
    network, zone, accounts = private_network(random_source, "lan"), draw_zone(random_source), []
    night = local_midnight(random_source.randrange(0, 3), zone) + HOUR * random_source.gauss(18.0, 0.7)
    rounds: list[Window] = []
    start = night
    while start < night + HOUR * 17.0:
        rounds.append((start, start + 60.0 * random_source.uniform(25.0, 60.0)))
        start = rounds[-1][1] + 60.0 * random_source.lognormvariate(2.6, 0.6)
    for _ in range(random_source.randrange(6, 13)):
        hand = draw_hand(random_source, {"duel": 1.0, "quick-match": 0.3, "boss-fight": 0.7}, speed=0.8)
        leaves = night + HOUR * random_source.uniform(6.0, 20.0)
        windows = [
            (start + random_source.expovariate(1 / 6.0), min(end, leaves))
            for start, end in rounds
            if random_source.random() < 0.93
        ]
        rhythm = replace(draw_rhythm(random_source, Habit(20.0, 1.5, 0.35, 0.2, 35.0)), zone=zone)
        quiet = night - 10 * HOUR, night + 34 * HOUR
        windows += [own for own in sessions(random_source, rhythm) if own[1] < quiet[0] or own[0] > quiet[1]]
        diary = play_hand(Diary(), hand, separated(windows))
        registered_at = min(past_registration(random_source), night - 300.0)
        accounts.append(diary.account(network, common_device(random_source), registered_at))
    return accounts


def _carrier_nat(random_source: random.Random) -> Sequence[Account]:
    """Draw strangers of one city behind one address, many with the phone of the season."""
    network, zone = private_network(random_source, "carrier"), draw_zone(random_source)
    accounts = []
    for _ in range(14):
        habits = (Habit(random_source.uniform(7.5, 22.0), 1.0, 0.5, 0.5, 18.0) for _ in range(4))
        rhythm = replace(draw_rhythm(random_source, *habits), zone=zone)
        diary = week_by_hand(random_source, draw_hand(random_source, ANY_MIX), rhythm)
        device = "phone-of-the-season" if random_source.random() < 0.5 else common_device(random_source)
        accounts.append(diary.account(network, device, past_registration(random_source)))
    return accounts


def _dormitory(random_source: random.Random) -> Sequence[Account]:
    """Draw freshmen of one house who hear of the game in the same days, and dare each other at night."""
    network, zone = private_network(random_source, "campus"), draw_zone(random_source)
    news = MIDNIGHT - DAY * random_source.uniform(1.0, 6.0)
    dares = [window for window in daily(random_source, zone, 22.5, 1.2, 0.5) if random_source.random() < 0.6]
    accounts = []
    for _ in range(10):
        rhythm = draw_rhythm(random_source, Habit(16.0, 2.5, 0.5, 0.5, 30.0), Habit(21.0, 1.0, 0.3, 0.4, 40.0))
        rhythm = replace(rhythm, zone=zone, wake=10.0, sleep=7.0)
        registered_at = min(news + random_source.expovariate(1 / (1.2 * DAY)), MIDNIGHT - HOUR)
        windows = sessions(random_source, rhythm)
        windows += [
            (start + 60.0 * random_source.uniform(0.0, 12.0), end)
            for start, end in dares
            if random_source.random() < 0.7
        ]
        hand = draw_hand(random_source, {"duel": 1.0, "quick-match": 1.0, "puzzle": 0.3})
        hand.learning = 0.4
        diary = play_hand(Diary(), hand, separated(windows))
        accounts.append(diary.account(network, common_device(random_source), registered_at))
    return accounts


def _charity_marathon(random_source: random.Random) -> Sequence[Account]:
    """Keep one account going for 24 hours by taking turns, once: a club with a roster of friends."""
    start = MIDNIGHT + random_source.random() * (WEEK - 1.2 * DAY)
    shifts = []
    for shift in range(12):
        hand = draw_hand(random_source, {"boss-fight": 1.0, "puzzle": 1.0, "quick-match": 0.3})
        begin = start + 2 * HOUR * shift
        shifts.append(play_hand(Diary(), hand, [(begin + random_source.uniform(20.0, 400.0), begin + 2 * HOUR)]))
    return settle(random_source, merged(shifts))


GROUPS: tuple[Kind, ...] = (
    Kind("family", _family, True, True, notes="Parents and children take turns on one account."),
    Kind("school room", _school_room, True, True, notes="Thirty pupils with equal computers start as told."),
    Kind("care home", _care_home, True, True, notes="Equal tablets, one afternoon of set-up, an hour after lunch."),
    Kind("LAN party", _lan_party, True, True, notes="Friends play one night through behind one address."),
    Kind("carrier NAT", _carrier_nat, True, True, notes="Strangers of one city share an address and a phone model."),
    Kind("dormitory", _dormitory, True, True, notes="Freshmen register in the same days and play at night."),
    Kind(
        "charity marathon", _charity_marathon, True, True, notes="A club keeps one account going for a day, in turns."
    ),
)
