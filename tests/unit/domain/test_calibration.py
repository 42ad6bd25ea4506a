"""Proposals for an action type's times."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.domain.calibration import (
    LEAST_COMPLETIONS,
    LEAST_PLAYERS,
    CompletionTimes,
    ResultSpread,
    all_bins,
    bounds,
    propose,
    propose_plausible,
)

NOTHING = {"min_seconds": 0.0, "expected_median_seconds": None, "expected_p95_seconds": None}


def completion_times(
    fastest: float, median: float = 10.0, p95: float = 30.0, completions: int = 1000, players: int = 50
) -> CompletionTimes:
    return CompletionTimes(completions, players, fastest, median, p95, [(3, 5), (5, 1)])


@pytest.mark.parametrize("found", [None, completion_times(5.0, completions=499), completion_times(5.0, players=19)])
def test_of_too_few_nothing_is_proposed(found: CompletionTimes | None) -> None:
    proposal = propose(found, NOTHING)
    assert proposal.values == {}
    assert proposal.reason == "too few completions: at least 500 by at least 20 players are needed"


@pytest.mark.parametrize(
    ("fastest", "now", "least"),
    [
        (5.0, 0.0, 4.5),
        (12.39, 0.0, 11.0),
        (12.39, 3.0, 11.0),
        (0.55, 0.0, 0.0),
        (0.56, 0.0, 0.5),
        (3.05, 3.0, 3.0),
        (2.0, 3.0, 3.0),
        (150.0, 0.0, 130.0),
    ],
)
def test_the_least_time_is_a_little_below_the_fastest(fastest: float, now: float, least: float) -> None:
    proposal = propose(completion_times(fastest, 200.0, 300.0), {**NOTHING, "min_seconds": now})
    assert proposal.values.get("min_seconds", now) == pytest.approx(least)


def test_where_people_wait_for_the_minimum_it_stays_and_that_is_said() -> None:
    proposal = propose(completion_times(3.02), {**NOTHING, "min_seconds": 3.0})
    assert "min_seconds" not in proposal.values
    assert "players wait for the minimum of 3 s" in proposal.reason


def test_expected_times_are_rounded_and_in_order_and_what_is_right_is_not_changed() -> None:
    proposal = propose(completion_times(5.0, 10.449, 10.46), NOTHING)
    assert proposal.values == {"min_seconds": 4.5, "expected_median_seconds": 10.0, "expected_p95_seconds": 10.0}
    now: dict[str, Any] = {"min_seconds": 4.5, "expected_median_seconds": 10.0, "expected_p95_seconds": 10.0}
    assert propose(completion_times(5.0, 10.449, 10.46), now).values == {}


def test_the_histogram_has_its_empty_bins_too() -> None:
    bins = all_bins([(3, 5), (5, 1)])
    assert [count for _, _, count in bins] == [5, 0, 1]
    assert bins[0][1] == bins[1][0] == bounds(4)[0]
    assert bounds(-10)[0] == pytest.approx(0.1)
    assert all_bins([]) == []


def test_the_limit_of_plausible_results_leaves_the_honest_a_margin() -> None:
    spread = ResultSpread(LEAST_COMPLETIONS, LEAST_PLAYERS, per_second=9.0, seconds_away=1.8)
    assert propose_plausible(spread, {"max_per_second": None}, is_duration=False) == {"max_per_second": 10.0}
    assert propose_plausible(spread, {"slack_seconds": 5.0}, is_duration=True) == {"slack_seconds": 2.0}
    assert propose_plausible(spread, {"slack_seconds": 2.0}, is_duration=True) == {}
    assert propose_plausible(replace(spread, players=LEAST_PLAYERS - 1), {}, is_duration=True) == {}
    assert propose_plausible(None, {}, is_duration=True) == {}
