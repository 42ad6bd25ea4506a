import random

import pytest

from anticheat.history import Completion
from anticheat.rules import ActionTypeLimits, frequency
from anticheat.verdict import Thresholds
from tests.unit.anticheat.plays import FREE, at, one_by_one, outcomes, verdicts

LEVELS = Thresholds(flag=30, reject=60, critical=100, half_life=1800)


def completions_before(*ages: float, action_type: str = "tap") -> list[Completion]:
    return [Completion(action_type, 1000 - age, 1000 - age) for age in ages]


NOW = Completion("tap", 1000, 1000)


def test_ten_opened_and_completed_at_once_add_nothing() -> None:
    play = [Completion("tap", 1000, 1000 + n / 1000) for n in range(10)]
    assert all(not verdict.signals for verdict in verdicts(play))


@pytest.mark.parametrize(("earlier", "added"), [(15, 0), (16, 0.9), (17, 7.2), (19, 57.6)])
def test_the_nth_above_sixteen_in_a_second_adds_nine_tenths_of_its_cube(earlier: int, added: float) -> None:
    signal = frequency(NOW, FREE, completions_before(*[0.9] * earlier))
    assert (signal.added if signal else 0) == pytest.approx(added)


def test_the_signal_says_how_many_there_were() -> None:
    signal = frequency(NOW, FREE, completions_before(*[0.9] * 16))
    assert signal is not None
    assert (signal.rule, signal.seen, signal.expected) == ("frequency", "17 completions in 1 s", "at most 16")
    signal = frequency(NOW, ActionTypeLimits(0, burst=5), completions_before(*[2.9] * 6))
    assert signal is not None
    assert (signal.seen, signal.expected) == ("7 completions in 3 s", "at most 5")
    assert signal.added == pytest.approx(7.2)


def test_without_a_ceiling_a_flood_ends_suspended_after_a_flag_and_a_rejection() -> None:
    play_outcomes = outcomes(one_by_one([0.03, 0.01, 0.05, 0.02] * 6))
    assert 15 < at(play_outcomes, "flag") < at(play_outcomes, "reject") < at(play_outcomes, "critical") <= 22


@pytest.mark.parametrize("rate", [20, 30, 60, 200])
def test_what_no_hand_can_do_is_held_within_twenty_actions_and_never_refused(rate: int) -> None:
    judged = [verdict.outcome for verdict in verdicts(one_by_one([1 / rate] * 60), FREE, LEVELS)]
    assert at(judged, "hold") <= 20
    assert set(judged) <= {"clean", "flag", "hold"}


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("rate", [5, 6.5, 8])
def test_a_child_who_taps_as_fast_as_it_can_adds_nothing(rate: float, seed: int) -> None:
    rng = random.Random(seed)
    taps = [max(0.03, rng.gauss(1 / rate, 0.2 / rate)) for _ in range(300)]
    assert all(not verdict.signals for verdict in verdicts(one_by_one(taps)))


@pytest.mark.parametrize("seed", range(10))
def test_presses_that_bounce_in_a_hand_with_a_tremor_add_nothing(seed: int) -> None:
    """Press twice or three times a second; each press counts two or three times within a tenth of a second."""
    rng = random.Random(seed)
    taps: list[float] = []
    for _ in range(200):
        bounces = [rng.uniform(0.02, 0.05) for _ in range(rng.choice([1, 2]))]
        taps += [rng.uniform(0.25, 0.45), *bounces]
    assert all(not verdict.signals for verdict in verdicts(one_by_one(taps)))


@pytest.mark.parametrize("seed", range(10))
def test_ten_from_a_tunnel_among_a_childs_taps_are_not_even_flagged(seed: int) -> None:
    rng = random.Random(seed)
    taps = [rng.gauss(0.14, 0.02) for _ in range(60)]
    play = one_by_one([*taps, 30.0, *[0.002] * 9, *taps])
    assert {verdict.outcome for verdict in verdicts(play, FREE, LEVELS)} == {"clean"}


def test_completions_a_second_ago_no_longer_count() -> None:
    assert frequency(NOW, FREE, completions_before(*[1.0] * 30)) is None
    assert frequency(NOW, ActionTypeLimits(0, burst=5), completions_before(*[3.0] * 30)) is None


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
    earlier = completions_before(*[0.9] * 16, action_type="other")
    assert frequency(NOW, ActionTypeLimits(min_seconds=0, burst=5), earlier) is None
    assert frequency(NOW, ActionTypeLimits(min_seconds=0, burst=50, per_minute=5), earlier) is None
    assert frequency(NOW, FREE, earlier) is not None
