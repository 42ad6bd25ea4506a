"""Limits of gain from honest accounts, and what follows for a player above them."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anticheat.gain import (
    GainEvidence,
    GainLimits,
    assess_gain,
    gain_limits,
    podium_places,
    points_to_next,
    tireless_points_per_hour,
)

TIRELESS = 1200.0
NORMAL = GainEvidence(suspicion=0.0, flag=30.0, hand=1.0)
LIMITS = GainLimits(usual=1000, high=1200, ceiling=1500, accounts=500, own_share=1.0)
EVIDENCE = st.builds(
    GainEvidence,
    suspicion=st.floats(0, 120),
    flag=st.just(30.0),
    has_case=st.booleans(),
    hand=st.none() | st.floats(0, 3),
)


def _accounts(number: int, seed: int = 1) -> list[list[float]]:
    """Return the days of so many honest accounts: each has a day of its own size, and plays on some days."""
    rng = random.Random(seed)
    return [
        [rng.lognormvariate(size, 0.4) for _ in range(rng.randint(1, 14))]
        for size in (rng.gauss(5.5, 0.7) for _ in range(number))
    ]


def _percentile(accounts: list[list[float]], part: float) -> float:
    days = sorted(points for account in accounts for points in account)
    return days[math.ceil(part * len(days)) - 1]


@given(EVIDENCE, st.floats(0, 10**9), st.none() | st.integers(1, 10))
def test_no_play_that_stays_unnoticed_earns_more_than_the_ceiling(
    evidence: GainEvidence, points: float, place: int | None
) -> None:
    assessment = assess_gain(points, place, LIMITS, evidence)
    if points > 1.5 * LIMITS.usual:
        assert assessment.outcome != "nothing"
    assert (assessment.outcome == "hold") == bool(assessment.unusual)


@pytest.mark.parametrize("points", [1, 1200])
def test_an_ordinary_gain_off_the_podium_is_not_even_assessed(points: int) -> None:
    assert assess_gain(points, None, LIMITS, replace(NORMAL, has_case=True, suspicion=99)).outcome == "nothing"


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (replace(NORMAL, suspicion=10.0), "suspicion is 10"),
        (replace(NORMAL, hand=3.0), "the hand as much like a machine's as it counts"),
        (replace(NORMAL, has_case=True), "a case is open"),
    ],
)
def test_anything_unusual_holds_an_entrant_and_a_high_gain(evidence: GainEvidence, words: str) -> None:
    for assessment in (assess_gain(5, 10, LIMITS, evidence), assess_gain(1201, None, LIMITS, evidence)):
        assert assessment.outcome == "hold"
        assert words in " ".join(assessment.unusual)


@pytest.mark.parametrize(
    "evidence",
    [
        NORMAL,
        replace(NORMAL, suspicion=9.9),
        replace(NORMAL, hand=2.9),
        replace(NORMAL, hand=None),
    ],
)
def test_a_keen_honest_player_may_enter_the_podium_and_have_a_great_day(evidence: GainEvidence) -> None:
    assert assess_gain(1500, 1, LIMITS, evidence).outcome == "nothing"
    assert assess_gain(1501, None, LIMITS, evidence).outcome == "case"


def test_what_a_person_has_cleared_is_not_asked_again_but_more_is() -> None:
    assert assess_gain(4000, None, LIMITS, NORMAL, accepted=4000).outcome == "nothing"
    assert assess_gain(4001, None, LIMITS, NORMAL, accepted=4000).outcome == "case"
    assert assess_gain(4000, None, LIMITS, replace(NORMAL, hand=3.0), accepted=4000).outcome == "hold"


@pytest.mark.parametrize(("points", "further"), [(0, 1200), (1200, 1), (1300, 200), (1500, 1), (9000, 1500)])
def test_the_next_look_waits_for_the_next_limit(points: int, further: int) -> None:
    assert points_to_next(points, LIMITS) == further


@pytest.mark.parametrize(
    ("players", "places"), [(0, 0), (8, 0), (9, 0), (10, 1), (50, 5), (99, 9), (100, 10), (10**6, 10)]
)
def test_a_place_among_few_is_no_podium(players: int, places: int) -> None:
    assert podium_places(players) == places


@pytest.mark.parametrize("seed", range(5))
def test_with_many_accounts_the_limits_are_their_own(seed: int) -> None:
    accounts = _accounts(2000, seed)
    limits = gain_limits(accounts, TIRELESS)
    assert limits.usual == pytest.approx(_percentile(accounts, 0.99), rel=0.2)
    assert limits.ceiling == pytest.approx(1.3 * limits.usual)
    assert limits.usual <= limits.high <= limits.ceiling
    assert limits.own_share == 1.0
    assert 1990 <= limits.accounts <= 2000


@pytest.mark.parametrize("share", [0.01, 0.03, 0.05])
def test_a_few_cheats_that_no_one_noticed_hardly_raise_the_limits(share: float) -> None:
    honest = _accounts(2000)
    cheats = [[60_000.0] * 14 for _ in range(int(share * len(honest)))]
    clean, mixed = gain_limits(honest, TIRELESS), gain_limits([*honest, *cheats], TIRELESS)
    assert mixed.usual < 1.1 * clean.usual
    assert _percentile([*honest, *cheats], 0.99) == 60_000


@pytest.mark.parametrize("share", [0.02, 0.05])
def test_cheats_that_earn_twice_an_honest_great_day_do_not_double_the_limits(share: float) -> None:
    honest = _accounts(2000)
    great = _percentile(honest, 0.99)
    rng = random.Random(2)
    cheats = [[great * rng.uniform(0.7, 3.0)] * 7 for _ in range(int(share * len(honest)))]
    assert gain_limits(honest, TIRELESS).usual == pytest.approx(great, rel=0.15)
    assert gain_limits([*honest, *cheats], TIRELESS).usual < 1.15 * great


def test_an_account_that_plays_every_day_counts_like_one_that_played_once() -> None:
    rare = [[100.0]] * 990
    daily = [[5_000.0] * 14] * 5
    assert gain_limits([*rare, *daily], TIRELESS).usual == pytest.approx(100)


def test_without_accounts_the_limits_are_what_a_tireless_person_could_score() -> None:
    limits = gain_limits([], TIRELESS)
    assert (limits.usual, limits.high, limits.ceiling) == (3600, 4680, 4680)
    assert "tireless" in limits.source


@pytest.mark.parametrize("accounts", [5, 20, 50, 199])
def test_on_a_small_server_one_cheat_does_not_set_the_limits(accounts: int) -> None:
    honest = _accounts(accounts)
    limits = gain_limits([*honest, [10**6] * 3], TIRELESS)
    assert limits.usual == pytest.approx(gain_limits(honest, TIRELESS).usual)
    assert f"{accounts} honest accounts (weight" in limits.source


def test_days_without_points_count_nothing() -> None:
    assert gain_limits([[0.0], []], TIRELESS).accounts == 0


def test_a_tireless_person_waits_for_the_action_and_for_the_hand() -> None:
    assert tireless_points_per_hour([]) == 0
    assert tireless_points_per_hour([(1, 0, None)]) == 1200
    assert tireless_points_per_hour([(1, 0, None), (100, 20, None)]) == 18_000
    assert tireless_points_per_hour([(100, 20, 30)]) == 12_000
