import pytest

from anticheat.history import Completion
from anticheat.rules import ActionTypeLimits, timing
from anticheat.suspicion import Suspicion
from anticheat.verdict import judge
from tests.unit.anticheat.plays import FREE, THRESHOLDS, TIMED, one_by_one, outcomes

CALM = Suspicion(0, 0)


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


@pytest.mark.parametrize(("early", "counted"), [(0.049, False), (0.051, True)])
def test_servers_may_disagree_about_the_time_by_fifty_milliseconds(early: float, counted: bool) -> None:
    assert (timing(completion(103 - early), TIMED, []) is not None) is counted


def test_an_action_without_a_minimum_has_no_timing_rule() -> None:
    assert timing(completion(100.0), FREE, [completion(100.0)]) is None


def test_the_time_runs_from_the_previous_completion_when_that_is_later_than_the_issue() -> None:
    signal = timing(completion(110.0), TIMED, [Completion("tap", 90.0, 109.0)])
    assert signal is not None
    assert signal.seen == "completed 1.00 s after the previous completion"
    assert signal.added == pytest.approx(60)


@pytest.mark.parametrize("newest_first", [True, False])
def test_the_previous_completion_is_the_latest_of_them(newest_first: bool) -> None:
    history = [Completion("tap", 90.0 + n, 100.0 + n) for n in range(10)]
    attempt = Completion("quick-match", 95.0, 110.0)
    verdict = judge(attempt, TIMED, history[::-1] if newest_first else history, CALM, THRESHOLDS)
    assert [signal.seen for signal in verdict.signals] == ["completed 1.00 s after the previous completion"]


def test_of_ten_actions_opened_together_and_waited_for_once_only_the_first_scores() -> None:
    play = [Completion("quick-match", 100 + n / 100, 103.2 + n / 100) for n in range(10)]
    play_outcomes = outcomes(play, TIMED)
    assert play_outcomes[0] == "clean"
    assert set(play_outcomes[1:]) == {"reject", "critical"}


def test_a_request_that_was_overtaken_counts_as_instant() -> None:
    signal = timing(completion(110.0), TIMED, [completion(110.2)])
    assert signal is not None
    assert signal.added == 80


def test_a_clock_set_back_since_the_previous_completion_leaves_the_time_since_the_issue() -> None:
    assert timing(completion(103.1), TIMED, []) is None
    assert outcomes([completion(4000.0, issued_at=3990.0), completion(103.1)], TIMED) == ["clean", "clean"]


def test_a_clock_set_back_since_the_issue_measures_nothing() -> None:
    assert timing(completion(100.0, issued_at=160.0), TIMED, []) is None


def test_instant_completions_are_rejected_first_and_suspended_second() -> None:
    assert outcomes(one_by_one([0, 0]), ActionTypeLimits(min_seconds=8)) == ["reject", "critical"]


def test_coming_ten_percent_too_early_twice_is_flagged_but_still_scores() -> None:
    assert outcomes(one_by_one([2.7, 2.7]), TIMED) == ["clean", "flag"]
