"""Unusual honest people: bodies, ages, work and habits far from the mainstream's."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from bench.fairness.reporting_diary import Diary, home_network, past_registration, private_network
from bench.fairness.reporting_hands import Drift, draw_hand, play_hand, week_by_hand
from bench.fairness.reporting_hours import (
    Habit,
    draw_rhythm,
    draw_zone,
    is_weekend,
    local_midnight,
    separated,
    sessions,
)
from bench.fairness.reporting_mainstream import ANY_MIX, settle
from bench.fairness.world import DAY, HOUR, MIDNIGHT, WEEK, Account, Kind


def _child(random_source: random.Random) -> Sequence[Account]:
    rhythm = draw_rhythm(random_source, Habit(16.8, 0.15, 0.9, 0.9, 29.0, 0.05), Habit(9.0, 0.3, 0.0, 0.9, 29.0, 0.05))
    rhythm = replace(rhythm, sleep=10.2, irregularity=0.3)
    hand = draw_hand(random_source, {"tap": 2.0, "quick-match": 1.0, "puzzle": 0.1}, speed=1.6)
    hand.spread, hand.restless, hand.think = 0.75, 0.25, hand.think * 0.4
    return settle(random_source, week_by_hand(random_source, hand, rhythm))


def _athlete(random_source: random.Random) -> Sequence[Account]:
    rhythm = draw_rhythm(
        random_source, Habit(10.5, 0.3, 0.95, 0.6, 110.0, 0.15), Habit(14.5, 0.3, 0.95, 0.6, 120.0, 0.15)
    )
    hand = draw_hand(random_source, {"duel": 1.0, "quick-match": 0.3, "boss-fight": 1.2})
    hand.speed = random_source.uniform(0.18, 0.3)
    hand.spread = random_source.uniform(0.13, 0.2)
    hand.think, hand.lapses, hand.tiring, hand.latency = 1.6, 0.01, 0.03, 0.012
    hand.drift, hand.failures = Drift(random_source, 0.07), 0.03
    return settle(random_source, week_by_hand(random_source, hand, rhythm))


def _night_nurse(random_source: random.Random) -> Sequence[Account]:
    rhythm = draw_rhythm(
        random_source,
        Habit(14.0, 0.7, 0.5, 0.5, 40.0),
        Habit(2.5, 0.9, 0.8, 0.8, 25.0),
        Habit(8.3, 0.4, 0.7, 0.7, 30.0),
    )
    nights = replace(rhythm.moved(0.0), wake=15.5, sleep=7.0, habits=rhythm.moved(24.0).habits[1:2])
    days = replace(rhythm, habits=(*rhythm.habits[:1], replace(rhythm.habits[2], hour=20.0)))
    change = MIDNIGHT + DAY * random_source.randrange(2, 5) - rhythm.zone * HOUR + 8 * HOUR
    windows = [window for window in sessions(random_source, nights) if window[1] < change]
    windows += [window for window in sessions(random_source, days) if window[0] > change + 5 * HOUR]
    return settle(random_source, play_hand(Diary(), draw_hand(random_source, ANY_MIX), windows))


def _hyperfocus(random_source: random.Random) -> Sequence[Account]:
    habits = [Habit(random_source.uniform(9.0, 23.0), 2.5, 0.35, 0.4, 7.0, 1.1) for _ in range(7)]
    rhythm = draw_rhythm(random_source, *habits, Habit(14.0, 4.0, 0.2, 0.25, 380.0, 0.3))
    rhythm = replace(rhythm, sleep=6.2, irregularity=1.6)
    hand = draw_hand(random_source, ANY_MIX, speed=0.9)
    hand.spread, hand.lapses, hand.restless = 0.6, 0.12, random_source.choice((0.005, 0.35))
    return settle(random_source, week_by_hand(random_source, hand, rhythm))


def _streamer(random_source: random.Random) -> Sequence[Account]:
    rhythm = draw_rhythm(random_source, Habit(18.0, 0.25, 0.75, 0.9, 400.0, 0.2)).moved(2.0)
    hand = draw_hand(random_source, {"boss-fight": 1.0, "puzzle": 1.0, "duel": 0.6}, speed=0.6)
    hand.breaks, hand.lapses = 0.05, 0.15  # reads the chat aloud
    return settle(random_source, week_by_hand(random_source, hand, rhythm))


def _once_a_year(random_source: random.Random) -> Sequence[Account]:
    hand = draw_hand(random_source, ANY_MIX, speed=1.5)
    start = MIDNIGHT + random_source.random() * (WEEK - 2 * HOUR)
    diary = play_hand(Diary(), hand, [(start, start + HOUR * random_source.uniform(0.7, 1.3))])
    years = DAY * 365.25 * random_source.randrange(1, 4) + DAY * random_source.gauss(0.0, 6.0)
    return [diary.account(home_network(random_source), "model-2019", MIDNIGHT - years)]


def _traveller(random_source: random.Random) -> Sequence[Account]:
    rhythm = draw_rhythm(random_source, Habit(12.8, 1.5, 0.4, 0.6, 30.0), Habit(20.5, 1.0, 0.7, 0.7, 60.0))
    abroad = replace(rhythm, zone=rhythm.zone + random_source.choice((-9.0, -6.0, 6.0, 8.0, 11.0)), irregularity=1.8)
    flight = MIDNIGHT + DAY * random_source.uniform(1.5, 5.0)
    windows = [window for window in sessions(random_source, rhythm) if window[1] < flight]
    aboard = flight + HOUR * random_source.uniform(1.0, 3.0)
    windows.append((aboard, aboard + HOUR * random_source.uniform(1.5, 5.0)))
    windows += [window for window in sessions(random_source, abroad) if window[0] > flight + 12 * HOUR]
    return settle(random_source, play_hand(Diary(), draw_hand(random_source, ANY_MIX), windows))


def _holiday_binge(random_source: random.Random) -> Sequence[Account]:
    zone, first = draw_zone(random_source), random_source.randrange(0, 4)
    windows = []
    for day in range(first, first + random_source.randrange(3, 5)):
        start = local_midnight(day, zone) + HOUR * random_source.gauss(10.5, 1.2)
        meals = sorted(start + HOUR * random_source.uniform(1.0, 12.0) for _ in range(3))
        for meal in [*meals, start + HOUR * random_source.uniform(12.0, 14.0)]:
            windows.append((start, meal))
            start = meal + 60.0 * random_source.uniform(15.0, 80.0)
    hand = draw_hand(random_source, {"boss-fight": 1.0, "puzzle": 0.8, "quick-match": 0.4}, speed=0.8)
    return settle(random_source, play_hand(Diary(), hand, [window for window in windows if window[0] < window[1]]))


def _insomniac(random_source: random.Random) -> Sequence[Account]:
    habits = [Habit(hour, 0.8, 0.6, 0.6, 35.0) for hour in (6.5, 21.0, 23.5, 25.2, 26.5)]
    rhythm = replace(draw_rhythm(random_source, *habits), wake=6.0, sleep=4.7, irregularity=0.5, weekend_lie_in=0.3)
    hand = draw_hand(random_source, {"puzzle": 1.0, "tap": 0.3, "quick-match": 0.4}, speed=1.2)
    return settle(random_source, week_by_hand(random_source, hand, rhythm))


def _retired_solver(random_source: random.Random) -> Sequence[Account]:
    habits = (Habit(9.5, 0.15, 0.97, 0.95, 100.0, 0.1), Habit(14.5, 0.2, 0.95, 0.9, 110.0, 0.1))
    rhythm = replace(draw_rhythm(random_source, *habits), irregularity=0.2, weekend_lie_in=0.0)
    hand = draw_hand(random_source, {"puzzle": 1.0}, speed=1.3)
    hand.spread, hand.breaks, hand.failures = random_source.uniform(0.15, 0.22), 0.006, 0.02
    hand.drift = Drift(random_source, 0.07)
    return settle(random_source, week_by_hand(random_source, hand, rhythm))


def _no_lifer(random_source: random.Random) -> Sequence[Account]:
    rhythm = draw_rhythm(
        random_source, *(Habit(hour, 0.6, 0.9, 0.95, 150.0, 0.4) for hour in (10.0, 13.5, 17.0, 20.0, 23.0))
    )
    rhythm = replace(rhythm.moved(1.5), sleep=7.0)
    hand = draw_hand(random_source, {"boss-fight": 1.0, "puzzle": 0.6, "duel": 0.2}, speed=0.6)
    return settle(random_source, week_by_hand(random_source, hand, rhythm))


def _new_parent(random_source: random.Random) -> Sequence[Account]:
    """Sleep in pieces of two or three hours, and play one-handed while the baby drinks."""
    hand, now, windows = draw_hand(random_source, {"quick-match": 1.0, "puzzle": 0.6}, speed=1.5), MIDNIGHT, []
    while now < MIDNIGHT + WEEK:
        now += HOUR * random_source.uniform(1.8, 3.6)
        if random_source.random() < 0.75:
            windows.append((now, now + 60.0 * random_source.lognormvariate(2.4, 0.4)))
    hand.lapses = 0.15
    return settle(random_source, play_hand(Diary(), hand, windows))


def _speed_runner(random_source: random.Random) -> Sequence[Account]:
    rhythm = draw_rhythm(random_source, Habit(20.5, 0.8, 0.8, 0.9, 190.0, 0.4))
    hand = draw_hand(random_source, {"boss-fight": 1.0})
    best = random_source.uniform(1.6, 4.0)
    diary = Diary()
    for window in sessions(random_source, rhythm):
        now = hand.rested_at = window[0]
        while now < window[1]:
            if random_source.random() < 0.45:  # a bad opening: reset
                now = diary.abandon(now) + random_source.uniform(2.0, 14.0)
                continue
            over = best * (0.25 + hand.pace(now) * random_source.lognormvariate(-0.2, 0.35))
            now = diary.play("boss-fight", now, 20.0 + over + hand.network())
            now += hand.gap("boss-fight", now) * 0.6
    return settle(random_source, diary)


def _musician(random_source: random.Random) -> Sequence[Account]:
    """Tap to a metronome: each tap corrects a part of the last error, which steadies the intervals."""
    rhythm = draw_rhythm(random_source, Habit(17.5, 1.5, 0.7, 0.7, 17.0))
    hand = draw_hand(random_source, ANY_MIX)
    beat = random_source.uniform(1.02, 1.5)
    error_of_hand, correction = beat * random_source.uniform(0.022, 0.045), random_source.uniform(0.3, 0.7)
    diary = Diary()
    for window in sessions(random_source, rhythm):
        now = window[0]
        while now < window[1]:
            target, error = now, 0.0
            for _ in range(int(random_source.lognormvariate(4.0, 0.5))):
                target += beat
                error = (1.0 - correction) * error + random_source.gauss(0.0, error_of_hand)
                now = diary.play("tap", target + error, hand.network())
            now += random_source.lognormvariate(3.3, 0.9)
    return settle(random_source, diary)


def _pomodoro_worker(random_source: random.Random) -> Sequence[Account]:
    zone, first = draw_zone(random_source), random_source.gauss(9.0, 0.4)
    hand, diary = draw_hand(random_source, {"quick-match": 1.0, "puzzle": 0.5}), Diary()
    for day in (day for day in range(7) if not is_weekend(day)):
        bell = local_midnight(day, zone) + HOUR * (first + random_source.gauss(0.0, 0.25))
        for _ in range(random_source.randrange(8, 15)):
            bell += 1500.0
            if random_source.random() < 0.7:
                play_hand(diary, hand, [(bell + random_source.uniform(2.0, 30.0), bell + 280.0)])
            bell += 300.0
    return settle(random_source, diary)


def _couple(random_source: random.Random) -> Sequence[Account]:
    """Draw two people on one sofa who begin and end together, with their own hands and days of their own."""
    network = private_network(random_source)
    rhythm = draw_rhythm(random_source, Habit(20.5, 0.5, 0.8, 0.8, 70.0))
    evenings = sessions(random_source, rhythm)
    accounts = []
    for _ in range(2):
        own = draw_rhythm(random_source, Habit(12.5, 1.5, 0.3, 0.3, 15.0))
        windows = [
            (start + random_source.expovariate(1 / 90.0), end - random_source.expovariate(1 / 120.0))
            for start, end in evenings
            if random_source.random() < 0.9
        ]
        windows += sessions(random_source, replace(rhythm, habits=own.habits))
        diary = play_hand(Diary(), draw_hand(random_source, ANY_MIX), separated(windows))
        device = f"model-{random_source.randrange(9)}"
        accounts.append(diary.account(network, device, past_registration(random_source)))
    return accounts


PEOPLE: tuple[Kind, ...] = (
    Kind("child", _child, True, True, notes="Wild taps for the half hour that the parents allow."),
    Kind("athlete", _athlete, True, True, notes="Trains four hours a day, near the minimum and very steady."),
    Kind("night nurse", _night_nurse, True, True, notes="Night shifts that turn into day shifts within the week."),
    Kind("hyperfocus", _hyperfocus, True, True, notes="Scattered minutes, and some days one session of many hours."),
    Kind("streamer", _streamer, True, True, notes="Plays six hours live and talks to the chat meanwhile."),
    Kind("once a year", _once_a_year, True, True, notes="One hour in the week, the account is years old."),
    Kind("traveller", _traveller, True, True, notes="Flies across many zones in the middle of the week."),
    Kind("holiday binge", _holiday_binge, True, True, notes="Three or four days of twelve hours, then nothing."),
    Kind("insomniac", _insomniac, True, True, notes="Plays in the middle of the night and sleeps under five hours."),
    Kind("retired solver", _retired_solver, True, True, notes="The same puzzles at the same hours, calm and steady."),
    Kind("no-lifer", _no_lifer, True, True, notes="Plays by hand whenever awake, every day."),
    Kind("new parent", _new_parent, True, True, notes="Up every three hours, day and night, for minutes of play."),
    Kind("speed-runner", _speed_runner, True, True, notes="One boss for hours, a bad start is reset."),
    Kind("musician", _musician, True, True, notes="Taps to a metronome with a trained hand."),
    Kind("pomodoro worker", _pomodoro_worker, True, True, notes="Five minutes at the bell after 25 of work."),
    Kind("couple", _couple, True, True, notes="Two people side by side, who start together in the evenings."),
)
