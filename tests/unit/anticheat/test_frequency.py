import pytest

from anticheat.history import Completion
from anticheat.rules import ActionTypeLimits, frequency
from tests.unit.anticheat.plays import FREE, at, one_by_one, outcomes, verdicts


def completions_before(*ages: float, action_type: str = "tap") -> list[Completion]:
    return [Completion(action_type, 1000 - age, 1000 - age) for age in ages]


NOW = Completion("tap", 1000, 1000)


def test_ten_opened_and_completed_at_once_add_nothing() -> None:
    play = [Completion("tap", 1000, 1000 + n / 1000) for n in range(10)]
    assert all(not verdict.signals for verdict in verdicts(play))


@pytest.mark.parametrize(("earlier", "added"), [(11, 0), (12, 3), (13, 6), (19, 24)])
def test_the_nth_above_twelve_adds_three_times_n(earlier: int, added: float) -> None:
    signal = frequency(NOW, FREE, completions_before(*[1.0] * earlier))
    assert (signal.added if signal else 0) == added


def test_the_signal_says_how_many_there_were() -> None:
    signal = frequency(NOW, FREE, completions_before(*[1.0] * 12))
    assert signal is not None
    assert (signal.rule, signal.seen, signal.expected) == ("frequency", "13 completions in 3 s", "at most 12")


def test_twenty_at_once_end_suspended_after_a_flag_and_a_rejection() -> None:
    play_outcomes = outcomes(one_by_one([0.03, 0.01, 0.05, 0.02] * 5))
    assert 12 < at(play_outcomes, "flag") < at(play_outcomes, "reject") < at(play_outcomes, "critical") <= 20


def test_completions_three_seconds_ago_no_longer_count() -> None:
    assert frequency(NOW, FREE, completions_before(*[3.0] * 30)) is None


def test_three_presses_a_second_up_to_the_rate_limit_add_nothing() -> None:
    steps = [0.30, 0.36, 0.33, 0.41, 0.29, 0.38] * 10
    assert all(not verdict.signals for verdict in verdicts(one_by_one(steps)))


def test_an_hour_of_one_press_a_second_adds_nothing() -> None:
    steps = [1.0, 0.9, 1.12, 0.95, 1.06, 0.97] * 600
    assert all(not verdict.signals for verdict in verdicts(one_by_one(steps)))


@pytest.mark.parametrize(("earlier", "counted"), [(2, False), (3, True)])
def test_an_action_type_may_set_its_own_burst(earlier: int, counted: bool) -> None:
    limits = ActionTypeLimits(min_seconds=0, burst=3)
    assert (frequency(NOW, limits, completions_before(*[1.0] * earlier)) is not None) is counted


@pytest.mark.parametrize(("earlier", "counted"), [(19, False), (20, True)])
def test_an_action_type_may_say_how_many_a_minute_it_allows(earlier: int, counted: bool) -> None:
    limits = ActionTypeLimits(min_seconds=0, per_minute=20)
    ages = [4.0 + 2.5 * n for n in range(earlier)]
    assert (frequency(NOW, limits, completions_before(*ages)) is not None) is counted


def test_a_number_of_its_own_counts_only_that_action_type() -> None:
    earlier = completions_before(*[1.0] * 12, action_type="other")
    assert frequency(NOW, ActionTypeLimits(min_seconds=0, burst=5), earlier) is None
    assert frequency(NOW, FREE, earlier) is not None
