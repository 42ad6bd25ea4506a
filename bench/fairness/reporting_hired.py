"""Cheats by people for hire: accounts that others play for their owner, by hand."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from bench.fairness.reporting_diary import Diary, merged
from bench.fairness.reporting_hands import draw_hand, play_hand, week_by_hand
from bench.fairness.reporting_hours import Habit, daily, draw_rhythm, draw_zone, sessions
from bench.fairness.reporting_mainstream import ANY_MIX, settle
from bench.fairness.reporting_mimics import keen_hand, keen_rhythm
from bench.fairness.world import DAY, HOUR, MIDNIGHT, WEEK, Account, Kind


def _shift_crew(random_source: random.Random) -> Sequence[Account]:
    """Hand one account on among three paid players, eight hours each, without an end."""
    zone, crew = draw_zone(random_source), []
    for shift in range(3):
        hand = replace(keen_hand(random_source), tiring=0.02, mix={"boss-fight": 1.0, "puzzle": 0.6})
        windows = daily(random_source, zone, 6.0 + 8.0 * shift, 7.8, 0.15)
        crew.append(play_hand(Diary(), hand, windows))
    return settle(random_source, merged(crew))


def _boosted_midweek(random_source: random.Random) -> Sequence[Account]:
    """Hand an account over in the middle of the week: a casual owner before, a paid champion after."""
    rhythm = draw_rhythm(random_source, Habit(20.3, 1.0, 0.8, 0.8, 35.0))
    takeover = MIDNIGHT + DAY * random_source.uniform(2.0, 4.5)
    return_at = min(MIDNIGHT + WEEK, takeover + DAY * random_source.uniform(1.5, 4.0))
    owner = sessions(random_source, rhythm)
    diary = play_hand(Diary(), draw_hand(random_source, ANY_MIX, 1.2), [own for own in owner if own[1] < takeover])
    champion = draw_hand(random_source, {"boss-fight": 1.0}, speed=0.35)
    champion.breaks *= 0.5
    days = daily(random_source, draw_zone(random_source), 9.0, random_source.uniform(11.0, 15.0), 0.6)
    play_hand(diary, champion, [day for day in days if takeover < day[0] and day[1] < return_at])
    return settle(random_source, diary)


def _pilot_abroad(random_source: random.Random) -> Sequence[Account]:
    """Let a pilot on the other side of the world play in the owner's nights."""
    rhythm = keen_rhythm(random_source)
    owner = week_by_hand(random_source, keen_hand(random_source), rhythm)
    pilot_hand = draw_hand(random_source, {"boss-fight": 1.0, "puzzle": 0.6}, speed=0.5)
    abroad = daily(random_source, rhythm.zone, 23.8, random_source.uniform(6.0, 8.5), 0.5)
    nights = [night for night in abroad if random_source.random() < 0.85]
    return settle(random_source, merged([owner, play_hand(Diary(), pilot_hand, nights)]))


def _one_night_boost(random_source: random.Random) -> Sequence[Account]:
    """Buy a single night of a champion's play for a casual account."""
    rhythm = draw_rhythm(random_source, Habit(20.0, 1.0, 0.5, 0.5, 25.0))
    owner = week_by_hand(random_source, draw_hand(random_source, ANY_MIX, 1.3), rhythm)
    champion = draw_hand(random_source, {"boss-fight": 1.0, "duel": 0.2}, speed=0.25)
    champion.breaks, champion.spread = 0.004, 0.2
    start = MIDNIGHT + random_source.uniform(0.2, 6.0) * DAY
    night = (start, start + HOUR * random_source.uniform(8.0, 13.0))
    return settle(random_source, merged([play_hand(Diary(), champion, [night]), owner]))


def _click_workers(random_source: random.Random) -> Sequence[Account]:
    """Spread an account's day over nine workers with an hour or two each and hours of pause between some."""
    zone, workers = draw_zone(random_source), []
    for worker in range(9):
        hand = replace(keen_hand(random_source), breaks=0.002)
        hours = random_source.uniform(1.2, 2.4)
        windows = daily(random_source, zone, 6.0 + 2.2 * worker, hours, 0.3)
        workers.append(play_hand(Diary(), hand, [window for window in windows if random_source.random() < 0.75]))
    return settle(random_source, merged(workers))


HIRED: tuple[Kind, ...] = (
    Kind("shift crew", _shift_crew, False, notes="Three paid players on one account, day and night."),
    Kind("boosted midweek", _boosted_midweek, False, notes="A paid champion takes over a casual's account."),
    Kind("pilot abroad", _pilot_abroad, False, notes="A paid pilot plays in the owner's nights."),
    Kind("one-night boost", _one_night_boost, False, notes="One bought night of a champion's play."),
    Kind("click workers", _click_workers, False, notes="Nine workers share the day of one account."),
)
