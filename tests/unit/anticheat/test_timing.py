from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anticheat.history import Completion
from anticheat.rules import ActionTypeLimits, timing
from anticheat.suspicion import Suspicion
from anticheat.verdict import Outcome, judge
from tests.unit.anticheat.plays import FREE, THRESHOLDS, TIMED, one_by_one, outcomes

CALM = Suspicion(0, 0)
CALIBRATED = replace(TIMED, min_is_fact=False)


def completion(completed_at: float, issued_at: float = 100.0) -> Completion:
    return Completion("quick-match", issued_at, completed_at)


def test_waiting_the_minimum_adds_nothing() -> None:
    assert timing(completion(103.0), TIMED, []) is None


def test_an_instant_completion_adds_eighty_and_says_what_it_saw() -> None:
    signal = timing(completion(100.0), TIMED, [])
    assert signal is not None
    assert (signal.rule, signal.added) == ("timing", 80)
    assert signal.seen == "completed 0.00 s after its issue"
    assert signal.expected == "3.00 s or more"


def test_nine_tenths_of_the_minimum_adds_twenty_six() -> None:
    signal = timing(completion(102.7), TIMED, [])
    assert signal is not None
    assert signal.added == pytest.approx(26)


@pytest.mark.parametrize(("early", "counted"), [(0.052, False), (0.054, True)])
def test_a_clients_timer_may_be_early_by_fifty_milliseconds_and_a_thousandth(early: float, counted: bool) -> None:
    assert (timing(completion(103 - early), TIMED, []) is not None) is counted


def test_an_action_without_a_minimum_has_no_timing_rule() -> None:
    assert timing(completion(100.0), FREE, [completion(100.0)]) is None


def test_a_declared_minimum_is_hard_evidence_and_a_calibrated_one_is_not() -> None:
    fact, statistic = timing(completion(101.0), TIMED, []), timing(completion(101.0), CALIBRATED, [])
    assert fact is not None
    assert statistic is not None
    assert (fact.is_hard, statistic.is_hard) == (True, False)


def test_a_completion_that_overlaps_waits_and_is_no_evidence() -> None:
    verdict = judge(completion(110.0), TIMED, [Completion("tap", 90.0, 109.0)], CALM, THRESHOLDS)
    assert (verdict.outcome, verdict.signals, verdict.suspicion.value) == (Outcome.TOO_SOON, (), 0)
    assert verdict.wait == pytest.approx(2)
    later = judge(completion(112.0), TIMED, [Completion("tap", 90.0, 109.0)], CALM, THRESHOLDS)
    assert later.outcome is Outcome.CLEAN


@pytest.mark.parametrize("newest_first", [True, False])
def test_the_previous_completion_is_the_latest_of_them(newest_first: bool) -> None:
    history = [Completion("tap", 90.0 + n, 100.0 + n) for n in range(10)]
    attempt = Completion("quick-match", 95.0, 110.0)
    verdict = judge(attempt, TIMED, history[::-1] if newest_first else history, CALM, THRESHOLDS)
    assert verdict.wait == pytest.approx(2)


def test_a_completion_sooner_than_its_own_minimum_is_evidence_even_if_it_overlaps() -> None:
    verdict = judge(completion(101.0), TIMED, [completion(100.5)], CALM, THRESHOLDS)
    assert [signal.rule for signal in verdict.signals] == ["timing"]


def test_of_ten_actions_opened_together_and_waited_for_once_only_the_first_scores() -> None:
    play = [Completion("quick-match", 100 + n / 100, 103.2 + n / 100) for n in range(10)]
    assert outcomes(play, TIMED) == ["clean", *["too_soon"] * 9]


@pytest.mark.parametrize("parallel", [1, 2, 3])
def test_as_many_overlap_as_the_action_type_allows(parallel: int) -> None:
    play = [Completion("quick-match", 100, 103.2 + n / 100) for n in range(5)]
    limits = replace(TIMED, parallel=parallel)
    assert outcomes(play, limits) == [*["clean"] * parallel, *["too_soon"] * (5 - parallel)]


@given(st.lists(st.floats(0, 30), min_size=1, max_size=30), st.integers(1, 3))
def test_waiting_once_scores_no_more_than_one_after_the_other(moments: list[float], parallel: int) -> None:
    """Issue many actions at once, complete them at any times: in each minimum, at most `parallel` score."""
    limits = replace(TIMED, parallel=parallel)
    play = [Completion("quick-match", 0, 3 + moment) for moment in sorted(moments)]
    scored = [
        attempt.completed_at
        for attempt, outcome in zip(play, outcomes(play, limits), strict=True)
        if outcome == "clean"
    ]
    assert len(scored) <= parallel * (1 + (scored[-1] - scored[0]) // (limits.min_seconds - 0.06))


@pytest.mark.parametrize("step", [0.1, 1.0, 3000.0])
def test_a_clock_set_back_since_the_previous_completion_leaves_nothing_to_measure(step: float) -> None:
    history = [Completion("quick-match", 90.0, 110.0 + step)] * 40
    verdict = judge(completion(110.0, issued_at=109.0), TIMED, history, CALM, THRESHOLDS)
    assert (verdict.outcome, verdict.signals) == (Outcome.CLEAN, ())


def test_a_clock_set_back_since_the_issue_measures_nothing() -> None:
    assert timing(completion(100.0, issued_at=160.0), TIMED, []) is None


def test_instant_completions_are_rejected_first_and_suspended_second() -> None:
    assert outcomes(one_by_one([0, 0]), ActionTypeLimits(min_seconds=8)) == ["reject", "critical"]


def test_coming_ten_percent_too_early_twice_is_flagged_but_still_scores() -> None:
    assert outcomes(one_by_one([2.7, 2.7]), TIMED) == ["clean", "flag"]
