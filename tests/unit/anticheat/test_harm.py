"""The order in which a person should look at open cases."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anticheat.harm import CaseFacts, expected_harm

CASE = CaseFacts(
    points=500,
    usual_points=1000,
    place=None,
    suspicion=30,
    reject=60,
    is_hard=False,
    sources={"live"},
    cleared_before=0,
    is_held=False,
    is_suspended=False,
    has_appeal=False,
    days=1,
)
CASES = st.builds(
    CaseFacts,
    points=st.floats(0, 10**9),
    usual_points=st.none() | st.floats(1, 10**6),
    place=st.none() | st.integers(1, 100),
    suspicion=st.floats(0, 200),
    reject=st.just(60.0),
    is_hard=st.booleans(),
    sources=st.sets(st.sampled_from(["live", "review", "model", "linked", "gain"])),
    cleared_before=st.integers(0, 5),
    is_held=st.booleans(),
    is_suspended=st.booleans(),
    has_appeal=st.booleans(),
    days=st.floats(0, 100),
)


@pytest.mark.parametrize(
    "worse",
    [
        replace(CASE, points=5000),
        replace(CASE, place=1),
        replace(CASE, place=90),
        replace(CASE, suspicion=59),
        replace(CASE, is_hard=True),
        replace(CASE, sources={"live", "model"}),
        replace(CASE, sources={"live", "linked"}),
        replace(CASE, has_appeal=True),
        replace(CASE, is_held=True, days=5),
        replace(CASE, is_suspended=True, days=5),
    ],
)
def test_points_places_certainty_and_waiting_raise_the_harm(worse: CaseFacts) -> None:
    assert expected_harm(worse).score > expected_harm(CASE).score


def test_a_player_who_was_cleared_before_is_less_certain() -> None:
    assert expected_harm(replace(CASE, cleared_before=1)).certainty == pytest.approx(
        expected_harm(CASE).certainty / 2, abs=0.001
    )


def test_a_cheat_on_the_podium_comes_before_one_that_is_held_and_before_a_small_one() -> None:
    podium = replace(CASE, place=2, points=4000, sources={"live", "model"})
    held = replace(podium, is_held=True, days=0.1)
    assert expected_harm(podium).score > expected_harm(held).score > expected_harm(CASE).score


def test_an_honest_player_who_waits_and_appeals_comes_before_a_small_cheat() -> None:
    waiting = replace(CASE, points=0, suspicion=0, is_suspended=True, has_appeal=True, days=2)
    assert expected_harm(waiting).score > expected_harm(replace(CASE, is_hard=True)).score


@given(CASES)
def test_the_parts_give_the_score_and_stay_in_their_bounds(facts: CaseFacts) -> None:
    harm = expected_harm(facts)
    parts = harm.certainty * (harm.points + harm.place) + (1 - harm.certainty) * harm.waiting
    assert harm.score == pytest.approx(parts, abs=0.001)
    assert 0 <= harm.certainty < 1
    assert min(harm.points, harm.place, harm.waiting, harm.score) >= 0
