"""The mainstream: the kinds of honest people that most players are."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from bench.fairness.reporting_diary import Diary, common_device, home_network, past_registration
from bench.fairness.reporting_hands import draw_hand, play_hand, week_by_hand
from bench.fairness.reporting_hours import Habit, draw_rhythm, sessions
from bench.fairness.world import DAY, MIDNIGHT, WEEK, Account, Kind

ANY_MIX: Final = {"tap": 0.15, "quick-match": 1.0, "puzzle": 1.0, "boss-fight": 0.5, "duel": 0.3}
"""The weights of actions of an ordinary player."""


def settle(random_source: random.Random, diary: Diary) -> Sequence[Account]:
    """Return the account of an ordinary person: a home network, a common device, registered some time ago."""
    device = common_device(random_source)
    return [diary.account(home_network(random_source), device, past_registration(random_source))]


def _evening_casual(random_source: random.Random) -> Sequence[Account]:
    rhythm = draw_rhythm(random_source, Habit(20.3, 1.0, 0.55, 0.6, 32.0), Habit(14.0, 2.0, 0.05, 0.25, 30.0))
    return settle(random_source, week_by_hand(random_source, draw_hand(random_source, ANY_MIX), rhythm))


def _commuter(random_source: random.Random) -> Sequence[Account]:
    rhythm = draw_rhythm(random_source, Habit(8.0, 0.2, 0.85, 0.1, 22.0, 0.3), Habit(17.8, 0.5, 0.8, 0.1, 24.0, 0.3))
    hand = draw_hand(random_source, {"quick-match": 1.0, "puzzle": 1.0, "tap": 0.1})
    hand.latency *= 3.0
    hand.lapses += 0.05  # tunnels, tickets, stops
    diary = week_by_hand(random_source, hand, rhythm)
    network = f"carrier-{random_source.randrange(60)}"
    return [diary.account(network, common_device(random_source), past_registration(random_source))]


def _pocket_moments(random_source: random.Random) -> Sequence[Account]:
    habits = [Habit(random_source.uniform(8.0, 22.5), 1.2, 0.55, 0.6, 4.0, 0.7) for _ in range(9)]
    hand = draw_hand(random_source, {"tap": 0.6, "quick-match": 1.0, "puzzle": 0.4})
    return settle(random_source, week_by_hand(random_source, hand, draw_rhythm(random_source, *habits)))


def _lunch_breaker(random_source: random.Random) -> Sequence[Account]:
    rhythm = draw_rhythm(random_source, Habit(12.4, 0.3, 0.85, 0.1, 28.0, 0.25), Habit(15.6, 0.7, 0.4, 0.0, 8.0))
    diary = week_by_hand(random_source, draw_hand(random_source, ANY_MIX), rhythm)
    network = f"office-{int(random_source.paretovariate(0.6)) % 300}"
    return [diary.account(network, common_device(random_source), past_registration(random_source))]


def _student(random_source: random.Random) -> Sequence[Account]:
    rhythm = draw_rhythm(
        random_source,
        Habit(15.8, 1.3, 0.6, 0.5, 40.0),
        Habit(19.5, 1.3, 0.5, 0.5, 45.0),
        Habit(23.3, 0.9, 0.55, 0.7, 50.0),
    ).moved(1.5)
    hand = draw_hand(random_source, {"quick-match": 1.0, "boss-fight": 0.8, "duel": 0.8, "puzzle": 0.3}, speed=0.8)
    return settle(random_source, week_by_hand(random_source, hand, rhythm))


def _weekend_player(random_source: random.Random) -> Sequence[Account]:
    rhythm = draw_rhythm(random_source, Habit(11.0, 1.5, 0.03, 0.6, 80.0), Habit(18.5, 2.0, 0.1, 0.8, 110.0))
    return settle(random_source, week_by_hand(random_source, draw_hand(random_source, ANY_MIX), rhythm))


def _keen_regular(random_source: random.Random) -> Sequence[Account]:
    rhythm = draw_rhythm(
        random_source,
        Habit(8.2, 0.6, 0.4, 0.5, 20.0),
        Habit(13.0, 1.0, 0.35, 0.6, 45.0),
        Habit(19.3, 0.7, 0.92, 0.9, 130.0, 0.4),
    )
    hand = draw_hand(random_source, {"quick-match": 0.7, "puzzle": 1.0, "boss-fight": 1.0, "duel": 0.5}, speed=0.7)
    return settle(random_source, week_by_hand(random_source, hand, rhythm))


def _newcomer(random_source: random.Random) -> Sequence[Account]:
    rhythm = draw_rhythm(random_source, Habit(12.5, 2.5, 0.5, 0.6, 20.0), Habit(20.0, 1.2, 0.75, 0.8, 45.0))
    hand = draw_hand(random_source, ANY_MIX, speed=1.1)
    hand.learning = random_source.uniform(0.4, 1.2)
    week = [window for window in sessions(random_source, rhythm) if window[0] > MIDNIGHT]
    latest = MIDNIGHT + random_source.random() * (WEEK - 2.5 * DAY)
    later = [window for window in week if window[0] >= latest] or week[-3:]
    diary = play_hand(Diary(), hand, later)
    registered_at = min((play.issued_at for play in diary.plays), default=latest) - random_source.uniform(40.0, 900.0)
    device = common_device(random_source)
    return [diary.account(home_network(random_source), device, registered_at)]


def _music_and_quiz(random_source: random.Random) -> Sequence[Account]:
    rhythm = draw_rhythm(random_source, Habit(9.0, 1.5, 0.4, 0.3, 40.0), Habit(20.0, 1.5, 0.6, 0.6, 60.0))
    hand = draw_hand(random_source, {"song": 1.0, "quiz-round": 1.0, "puzzle": 0.4})
    return settle(random_source, week_by_hand(random_source, hand, rhythm))


MAINSTREAM: tuple[Kind, ...] = (
    Kind("evening casual", _evening_casual, True, share=0.27, notes="Half an hour on some evenings."),
    Kind("commuter", _commuter, True, share=0.14, notes="Two rides a working day over a mobile network with gaps."),
    Kind("pocket moments", _pocket_moments, True, share=0.16, notes="A few minutes, many times a day."),
    Kind("lunch breaker", _lunch_breaker, True, share=0.10, notes="Colleagues' lunch hours behind one office network."),
    Kind("student", _student, True, share=0.12, notes="Afternoons and late nights with fast hands."),
    Kind("weekend player", _weekend_player, True, share=0.09, notes="Two long days and hardly anything between."),
    Kind("keen regular", _keen_regular, True, share=0.05, notes="Two to three hours nearly every day, well practised."),
    Kind("newcomer", _newcomer, True, share=0.04, notes="Registers within the week and gets faster by practice."),
    Kind("music and quiz", _music_and_quiz, True, share=0.03, notes="Songs in a row, and rounds that a bell ends."),
)
