"""Reported results against the time that the server measured."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anticheat.history import Completion
from anticheat.rules import ActionTypeLimits, plausibility
from anticheat.suspicion import Suspicion
from anticheat.verdict import Outcome, judge
from tests.unit.anticheat.plays import THRESHOLDS

COINS = ActionTypeLimits(min_seconds=0, max_per_second=10.0)
RACE = ActionTypeLimits(min_seconds=0, slack_seconds=2.0)


def reported(result: int | None, seconds: float) -> Completion:
    return Completion("run", 100.0, 100.0 + seconds, result)


@pytest.mark.parametrize("result", [None, -5, 0, 100])
def test_a_result_that_the_time_allows_adds_nothing(result: int | None) -> None:
    assert plausibility(reported(result, 10.0), COINS, []) is None


def test_a_result_beyond_the_time_is_hard_evidence_with_its_numbers() -> None:
    signal = plausibility(reported(1006, 10.0), COINS, [])
    assert signal is not None
    assert (signal.rule, signal.is_hard) == ("plausibility", True)
    assert signal.added == pytest.approx(74, abs=0.1)
    assert (signal.seen, signal.expected) == ("reported 1006 after 10.00 s", "at most 10 a second")


def test_the_tolerances_of_clocks_apply() -> None:
    assert plausibility(reported(100, 9.945), COINS, []) is None
    assert plausibility(reported(101, 10.0), COINS, []) is not None


@pytest.mark.parametrize(("result", "is_plausible"), [(8_000, True), (12_000, True), (7_900, False), (12_100, False)])
def test_a_duration_may_be_off_by_the_slack_on_either_side(result: int, is_plausible: bool) -> None:
    assert (plausibility(reported(result, 10.0), RACE, []) is None) == is_plausible


def test_a_run_that_claims_to_be_faster_than_it_was_says_both_times() -> None:
    signal = plausibility(reported(1_000, 60.0), RACE, [])
    assert signal is not None
    assert signal.seen == "reported a duration of 1.000 s after 60.00 s"
    assert signal.expected == "no more than 2 s from the time measured"


def test_it_is_one_of_the_rules_that_judge_and_no_type_without_bounds_has_it() -> None:
    verdict = judge(reported(10**6, 1.0), COINS, [], Suspicion(0, 0), THRESHOLDS)
    assert [signal.rule for signal in verdict.signals] == ["plausibility"]
    assert verdict.outcome is Outcome.REJECT
    assert judge(reported(10**6, 1.0), ActionTypeLimits(0), [], Suspicion(0, 0), THRESHOLDS).signals == ()


def test_nothing_is_measured_across_a_step_back_of_the_clock() -> None:
    attempt = Completion("run", math.inf, 100.0, 10**6)
    assert judge(attempt, COINS, [], Suspicion(0, 0), THRESHOLDS).signals == ()


@given(st.integers(-(2**53), 2**53), st.floats(0, 86_400), st.floats(0.001, 1e9), st.floats(0, 1e5))
def test_any_signal_adds_between_twenty_and_eighty(result: int, seconds: float, rate: float, slack: float) -> None:
    limits = ActionTypeLimits(0, max_per_second=rate, slack_seconds=slack)
    signal = plausibility(reported(result, seconds), limits, [])
    assert signal is None or 20 <= signal.added <= 80 + 1e-9


@given(st.floats(0, 86_400), st.floats(0.001, 1e6), st.floats(0, 1))
def test_whoever_stays_within_the_rate_is_never_accused(seconds: float, rate: float, share: float) -> None:
    limits = ActionTypeLimits(0, max_per_second=rate)
    assert plausibility(reported(math.floor(rate * seconds * share), seconds), limits, []) is None
