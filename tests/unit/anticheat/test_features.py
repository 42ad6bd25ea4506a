"""The features of a day of play."""

from __future__ import annotations

import random

import numpy as np
import pytest

from anticheat.features import FEATURES, LEAST_PLAYS, Plays, features, population_of

UNTIL = 1_800_000_000.0


def played(completed: list[float], seconds: float = 0.5, kind: str = "tap") -> Plays:
    times = UNTIL - 86_400 + np.array(completed)
    return Plays([kind] * len(times), times - seconds, times)


def uneven(count: int, seed: int, begin: float = 0.0) -> list[float]:
    rng, now, times = random.Random(seed), begin, []
    for _ in range(count):
        now += rng.uniform(2, 6)
        times.append(now)
    return times


def features_by_name(plays: Plays, *other_players: Plays) -> dict[str, float]:
    vector = features(plays, population_of([plays, *other_players]), UNTIL)
    assert vector is not None
    return dict(zip((feature.name for feature in FEATURES), vector, strict=True))


def test_too_few_plays_say_nothing() -> None:
    world = population_of([])
    assert features(played(uneven(LEAST_PLAYS - 1, 1)), world, UNTIL) is None
    assert features(played(uneven(LEAST_PLAYS, 1)), world, UNTIL) is not None


def test_an_hour_in_the_middle_of_the_day_is_an_hour() -> None:
    day = features_by_name(played(list(np.linspace(12 * 3600, 13 * 3600, 361))))
    assert day["awake"] == pytest.approx(12.0), "the longest break is before it, or after it"
    assert day["stretch"] == pytest.approx(1.0)
    assert 2 ** day["rate"] == pytest.approx(361)


def test_a_clock_that_was_set_back_makes_nobody_look_faster() -> None:
    usual = list(np.linspace(12 * 3600, 13 * 3600, 361))
    set_back = [*usual[:180], *(time - 1790 for time in usual[180:])]
    assert features_by_name(played(set_back))["rate"] == pytest.approx(features_by_name(played(usual))["rate"], abs=0.1)


def test_a_day_around_the_clock_has_no_long_break_and_one_with_a_night_has() -> None:
    steady = [*np.arange(0, 86_400, 300.0)]
    rested = [time for time in steady if not 3600 <= time < 9 * 3600]
    assert features_by_name(played(steady))["awake"] == pytest.approx(24 - 5 / 60, abs=0.01)
    assert features_by_name(played(rested))["awake"] == pytest.approx(24 - 8, abs=0.1)
    assert features_by_name(played(steady))["stretch"] > 23
    assert features_by_name(played([*np.arange(0, 86_400, 700.0)]))["stretch"] == 0, (
        "a pause over ten minutes ends a stretch"
    )


def test_an_even_beat_is_more_even_than_a_hand_and_hesitates_less() -> None:
    machine, hand = features_by_name(played([5.0 * n for n in range(200)])), features_by_name(played(uneven(200, 2)))
    assert machine["even"] > hand["even"] + 1
    assert machine["unhesitating"] > hand["unhesitating"]


def test_quick_is_as_fast_as_the_fastest_tenth_of_all() -> None:
    other_players = [played(uneven(100, seed), seconds=2.0) for seed in range(20)]
    assert features_by_name(played(uneven(100, 50), seconds=0.4), *other_players)["quick"] == 1.0
    assert features_by_name(other_players[0], played(uneven(1000, 50), seconds=0.4), *other_players)["quick"] == 0.0


def test_what_is_played_over_and_over_is_a_repeat_and_what_others_play_too_is_in_step() -> None:
    once = uneven(100, 3)
    again = [time + 1000 for time in once]
    assert features_by_name(played([*once, *again]))["repeats"] == pytest.approx(0.5, abs=0.05)
    assert features_by_name(played(uneven(200, 4)))["repeats"] == 0
    twin = played([time + 7 for time in once])
    assert features_by_name(played(once), twin)["in step"] == 1.0
    assert features_by_name(played(once), played(uneven(100, 5)))["in step"] == 0.0


def test_the_kinds_of_actions_count_by_the_one_played_most() -> None:
    plays = played(uneven(100, 6))
    mixed = Plays(["tap"] * 60 + ["puzzle"] * 40, plays.issued_at, plays.completed_at)
    assert features_by_name(mixed)["one kind"] == pytest.approx(0.6)
