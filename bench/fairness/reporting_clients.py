"""Unusual honest clients: aids for the disabled, bad networks, and programs with ways of their own."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from math import ceil

from bench.fairness.reporting_diary import MINIMUM, Diary, home_network, past_registration
from bench.fairness.reporting_hands import draw_hand, play_hand, week_by_hand
from bench.fairness.reporting_hours import Habit, draw_rhythm, draw_zone, local_midnight, sessions
from bench.fairness.reporting_mainstream import ANY_MIX, settle
from bench.fairness.world import HOUR, Account, Kind


def _eye_gaze(random_source: random.Random) -> Sequence[Account]:
    """Choose by looking: each choice takes the same dwell time, and a puzzle takes some choices."""
    rhythm = draw_rhythm(random_source, Habit(11.0, 1.0, 0.8, 0.8, 60.0), Habit(16.0, 1.2, 0.6, 0.6, 50.0))
    hand, dwell, diary = draw_hand(random_source, ANY_MIX, speed=1.2), random_source.uniform(0.7, 1.6), Diary()
    action_types = ("puzzle", "quick-match")
    for window in sessions(random_source, rhythm):
        now = hand.rested_at = window[0]
        while now < window[1]:
            action_type = random_source.choices(action_types, (1.0, 0.4))[0]
            choices = 1 + int(random_source.expovariate(0.3)) + (4 if action_type == "puzzle" else 1)
            search = sum(random_source.lognormvariate(-0.4, 0.6) for _ in range(choices)) * hand.pace(now)
            now = diary.play(action_type, now, MINIMUM[action_type] + choices * dwell + search + hand.network())
            now += dwell + hand.gap(action_type, now)
    return settle(random_source, diary)


def _switch_scanner(random_source: random.Random) -> Sequence[Account]:
    """Press one switch while a cursor steps at a fixed rate: times are whole steps, a missed step costs a round."""
    rhythm = draw_rhythm(random_source, Habit(10.5, 1.0, 0.7, 0.7, 75.0), Habit(15.5, 1.2, 0.7, 0.6, 60.0))
    hand, step, diary = draw_hand(random_source, ANY_MIX), random_source.uniform(0.8, 2.0), Diary()
    for window in sessions(random_source, rhythm):
        now = window[0]
        while now < window[1]:
            steps = sum(random_source.randrange(1, 9) for _ in range(random_source.randrange(1, 4)))
            while random_source.random() < 0.12:
                steps += 8
            wait = ceil(8.0 / step) * step if random_source.random() < 0.9 else 8.0
            pressed = random_source.gauss(0.0, 0.08 * step)
            now = diary.play("puzzle", now, max(8.05, wait + steps * step + pressed) + hand.network())
            now += random_source.randrange(1, 5) * step + 0.2 * random_source.random()
            if random_source.random() < hand.breaks:
                now += min(1500.0, 30.0 * random_source.paretovariate(1.0))
    return settle(random_source, diary)


def _tremor(random_source: random.Random) -> Sequence[Account]:
    """Press more often than meant: many taps come twice or thrice, and other presses start actions for nothing."""
    rhythm = draw_rhythm(random_source, Habit(10.0, 1.0, 0.7, 0.7, 30.0), Habit(19.0, 1.0, 0.6, 0.6, 30.0))
    hand, diary = draw_hand(random_source, {"tap": 1.5, "quick-match": 1.0, "puzzle": 0.4}, speed=1.7), Diary()
    for window in sessions(random_source, rhythm):
        now = window[0]
        while now < window[1]:
            action_type = hand.choose(now)
            if random_source.random() < 0.15:
                now = diary.abandon(now) + random_source.uniform(0.08, 0.25)
            now = diary.play(action_type, now, hand.seconds(action_type, now))
            while action_type == "tap" and random_source.random() < 0.4:
                now = diary.play("tap", now + random_source.gauss(0.19, 0.025), hand.network())
            now += hand.gap(action_type, now)
    return settle(random_source, diary)


def _satellite(random_source: random.Random) -> Sequence[Account]:
    """Play over a link that stalls: requests of half a minute arrive together when it comes back."""
    rhythm = draw_rhythm(random_source, Habit(19.5, 1.0, 0.7, 0.8, 70.0))
    hand, diary = draw_hand(random_source, ANY_MIX), Diary()
    hand.latency = 0.65
    for window in sessions(random_source, rhythm):
        now, stall = window[0], window[0] + random_source.expovariate(1 / 120.0)
        while now < window[1]:
            action_type = hand.choose(now)
            end = now + hand.seconds(action_type, now)
            if end > stall:
                end, stall = stall + random_source.lognormvariate(2.2, 0.9), end + random_source.expovariate(1 / 120.0)
            now = diary.play(action_type, now, max(end - now, MINIMUM[action_type] + hand.network()))
            now += hand.gap(action_type, now)
    return settle(random_source, diary)


def _offline_first(random_source: random.Random) -> Sequence[Account]:
    """Collect notes in the field with tokens taken in advance, and upload them all when there is a network again."""
    rhythm = draw_rhythm(random_source, Habit(10.0, 1.0, 0.8, 0.5, 90.0), Habit(15.0, 1.5, 0.8, 0.4, 80.0))
    hand, diary = draw_hand(random_source, ANY_MIX), Diary()
    for window in sessions(random_source, rhythm):
        now = window[0]
        while now < window[1]:
            starts = [now + 0.3 * index + hand.network() for index in range(random_source.randrange(3, 11))]
            upload = now + random_source.uniform(60.0, 540.0)
            for index, start in enumerate(starts):
                diary.play("field-note", start, upload + 0.25 * index + hand.network() - start)
            now = upload + 4.0 + random_source.expovariate(1 / 100.0)
    return settle(random_source, diary)


def _throttled_tab(random_source: random.Random) -> Sequence[Account]:
    """Play in a tab in the background: the browser wakes its timers at whole seconds, later at whole minutes."""
    rhythm = draw_rhythm(random_source, Habit(10.0, 1.5, 0.7, 0.2, 90.0), Habit(15.0, 1.5, 0.7, 0.3, 90.0))
    hand, diary = draw_hand(random_source, {"quiz-round": 1.0, "puzzle": 0.6, "quick-match": 0.3}), Diary()
    for window in sessions(random_source, rhythm):
        now, offset, tick = window[0], random_source.random(), 1.0
        while now < window[1]:
            if random_source.random() < 0.05:
                tick = random_source.choices((1.0, 60.0), (0.8, 0.2))[0]
            action_type = "quiz-round" if tick > 1.0 else hand.choose(now)
            end = ceil((now + hand.seconds(action_type, now) - offset) / tick) * tick + offset
            now = diary.play(action_type, now, end - now + random_source.expovariate(1 / 0.03))
            gap = hand.gap(action_type, now)
            now += gap if tick == 1.0 else 0.1 + hand.network()
    return settle(random_source, diary)


def _optimistic_client(random_source: random.Random) -> Sequence[Account]:
    """Use a client that starts the next action before the last one is complete, and completes again when refused."""
    rhythm = draw_rhythm(random_source, Habit(13.0, 1.5, 0.4, 0.5, 30.0), Habit(20.0, 1.0, 0.7, 0.8, 60.0))
    hand, diary = draw_hand(random_source, {"quick-match": 1.0, "puzzle": 0.5, "duel": 1.0}, speed=0.6), Diary()
    for window in sessions(random_source, rhythm):
        now = hand.rested_at = window[0]
        while now < window[1]:
            action_type = hand.choose(now)
            ahead = random_source.uniform(0.2, 2.5)
            now = diary.play(action_type, now - ahead, ahead + hand.seconds(action_type, now) - 0.3)
            now += 0.02 + (hand.gap(action_type, now) if random_source.random() < 0.3 else 0.0)
    return settle(random_source, diary)


def _turn_based(random_source: random.Random) -> Sequence[Account]:
    """Keep several slow games: a turn is taken when the opponent has moved, minutes later."""
    rhythm = draw_rhythm(random_source, *(Habit(hour, 1.0, 0.7, 0.8, 25.0) for hour in (8.0, 12.5, 18.0, 21.0)))
    hand, diary = draw_hand(random_source, ANY_MIX), Diary()
    for start, end in sessions(random_source, rhythm):
        games = random_source.randrange(2, 9)
        for _ in range(max(1, int((end - start) / 100.0 * games))):
            at = random_source.uniform(start, end)
            diary.plan("turn", at, 2.0 + random_source.lognormvariate(4.2, 1.2) + hand.network())
    diary.play_planned()
    return settle(random_source, diary)


def _songs_all_night(random_source: random.Random) -> Sequence[Account]:
    """Leave the songs on: the client starts the next one by itself, by day and by night."""
    hand, zone, diary = draw_hand(random_source, {"song": 1.0}), draw_zone(random_source), Diary()
    off = {day for day in range(-1, 8) if random_source.random() < 0.25}
    for day in range(-1, 8):
        if day not in off:
            start = local_midnight(day, zone) + HOUR * random_source.gauss(9.0, 1.0)
            hours = random_source.choice((3.0, 14.0, 22.5)) * random_source.uniform(0.8, 1.0)
            hand.breaks = 0.002
            play_hand(diary, hand, [(start, start + HOUR * hours)])
    return settle(random_source, diary)


def _wearable(random_source: random.Random) -> Sequence[Account]:
    """Wear a tracker that reports each minute with movement, all day and on a restless night."""
    hand, zone, diary = draw_hand(random_source, {"steps": 1.0}), draw_zone(random_source), Diary()
    for day in range(-1, 8):
        now = local_midnight(day, zone) + HOUR * random_source.gauss(7.0, 0.8)
        bed = now + HOUR * random_source.gauss(15.5, 0.6)
        while now < bed:
            end = now + 60.0 * random_source.paretovariate(0.9)
            play_hand(diary, hand, [(now, min(end, now + 5400.0, bed))])
            now = max(diary.free_at, now) + 60.0 * random_source.lognormvariate(2.6, 0.9)
    return settle(random_source, diary)


def _cabinet(random_source: random.Random) -> Sequence[Account]:
    """Stand in a shop: all customers play on the account of the cabinet, in its opening hours, at its clock's pace."""
    zone, opens, diary = draw_zone(random_source), random_source.choice((9.0, 10.0, 11.0)), Diary()
    bustle = random_source.uniform(0.15, 0.8)
    for day in range(-1, 8):
        now = local_midnight(day, zone) + HOUR * opens
        close = now + HOUR * random_source.choice((10.0, 11.0, 12.0))
        while now < close:
            hand = draw_hand(random_source, {"arcade-round": 1.0, "quick-match": 0.2})
            stay = 60.0 * random_source.lognormvariate(1.8, 0.8)
            play_hand(diary, hand, [(now, min(close, now + stay))])
            now = max(diary.free_at, now) + random_source.expovariate(bustle / 240.0)
    return settle(random_source, diary)


def _old_phone(random_source: random.Random) -> Sequence[Account]:
    """Play on a slow phone in a crowded cell: answers hang for seconds, and the battery ends many sessions."""
    rhythm = draw_rhythm(random_source, Habit(13.0, 2.5, 0.6, 0.6, 25.0), Habit(19.0, 2.0, 0.8, 0.8, 35.0))
    hand = draw_hand(random_source, ANY_MIX, speed=1.3)
    hand.latency, hand.lapses = random_source.uniform(0.5, 2.0), 0.2
    diary = week_by_hand(random_source, hand, replace(rhythm, irregularity=1.1))
    return [diary.account(home_network(random_source), "model-slow", past_registration(random_source, 50.0))]


CLIENTS: tuple[Kind, ...] = (
    Kind("eye gaze", _eye_gaze, True, True, notes="Chooses by looking, each choice costs the same dwell time."),
    Kind("switch scanner", _switch_scanner, True, True, notes="One switch and a stepping cursor: whole steps of time."),
    Kind("tremor", _tremor, True, True, notes="Presses twice or thrice without meaning to."),
    Kind("satellite", _satellite, True, True, notes="A link that stalls and then delivers all at once."),
    Kind("offline first", _offline_first, True, True, notes="Uploads up to ten notes together, when it has a network."),
    Kind("throttled tab", _throttled_tab, True, True, notes="A background tab, its timers run at whole seconds."),
    Kind("optimistic client", _optimistic_client, True, True, notes="Starts the next action before the last one ends."),
    Kind("turn-based", _turn_based, True, True, notes="Several slow games open at the same time."),
    Kind("songs all night", _songs_all_night, True, True, notes="The client plays on by itself while all sleep."),
    Kind("wearable", _wearable, True, True, notes="A tracker that reports every minute of movement."),
    Kind("cabinet", _cabinet, True, True, notes="All customers of a shop on one account, in opening hours."),
    Kind("old phone", _old_phone, True, True, notes="Seconds of latency, lapses and an empty battery."),
)
