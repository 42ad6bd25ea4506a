import random

import pytest

from anticheat.history import Completion
from anticheat.rules import ActionTypeLimits
from tests.unit.anticheat.plays import FREE, at, one_by_one, outcomes, verdicts


def noisy(seed: int, count: int, interval: float, sd: float) -> list[float]:
    rng = random.Random(seed)
    return [max(0.0, rng.gauss(interval, sd)) for _ in range(count)]


def jittered(seed: int, count: int, interval: float) -> list[float]:
    rng = random.Random(seed)
    return [interval + rng.uniform(0.001, 0.008) for _ in range(count)]


@pytest.mark.parametrize("interval", [0.5, 1.0, 3.1, 20.5, 60.0])
def test_a_clockwork_player_is_flagged_then_rejected_then_suspended_by_the_twentieth(interval: float) -> None:
    play_outcomes = outcomes(one_by_one([interval] * 20))
    assert play_outcomes[:13] == ["clean"] * 13
    assert 13 < at(play_outcomes, "flag") < at(play_outcomes, "reject") < at(play_outcomes, "critical") <= 20


@pytest.mark.parametrize("seed", range(20))
def test_a_sleep_that_jitters_by_up_to_eight_milliseconds_hides_nobody(seed: int) -> None:
    critical = first_critical(jittered(seed, 25, 3.05))
    assert critical is not None
    assert critical <= 25


def first_critical(intervals: list[float]) -> int | None:
    names = [str(outcome) for outcome in outcomes(one_by_one(intervals))]
    return names.index("critical") + 1 if "critical" in names else None


@pytest.mark.parametrize("seed", range(20))
def test_an_expert_who_reacts_within_thirty_milliseconds_of_their_mean_adds_nothing(seed: int) -> None:
    assert all(not verdict.signals for verdict in verdicts(one_by_one(noisy(seed, 300, 3.2, 0.030))))


@pytest.mark.parametrize("seed", range(20))
def test_a_drummer_who_taps_twice_a_second_adds_nothing(seed: int) -> None:
    assert all(not verdict.signals for verdict in verdicts(one_by_one(noisy(seed, 120, 0.5, 0.012))))


def test_the_signal_says_how_alike_the_intervals_were() -> None:
    last = verdicts(one_by_one([3.05] * 13))[-1]
    (signal,) = last.signals
    assert (signal.rule, signal.added) == ("pattern", 14)
    assert signal.seen == "10 of the last 12 intervals within 0.0 ms of each other, around 3.05 s"
    assert signal.expected == "a hand spreads them over 8.0 ms or more"


def test_two_hiccups_in_twelve_do_not_hide_a_machine() -> None:
    steps = [3.05, 3.05, 3.4, 3.05, 3.05, 3.05, 3.05, 2.9, 3.05, 3.05, 3.05, 3.05, 3.05]
    assert verdicts(one_by_one(steps))[-1].signals


def test_a_person_who_takes_over_from_a_machine_adds_nothing() -> None:
    play = one_by_one([3.05] * 13 + noisy(1, 40, 3.6, 0.05))
    assert all(not verdict.signals for verdict in verdicts(play)[13:])


def test_a_pause_of_more_than_ten_minutes_starts_anew() -> None:
    play = one_by_one([3.05] * 12 + [601.0] + [3.05] * 11)
    assert all(not verdict.signals for verdict in verdicts(play))


def test_times_kept_in_whole_milliseconds_tell_a_hand_from_a_machine_just_the_same() -> None:
    hand = [round(step, 3) for step in noisy(3, 200, 3.2, 0.030)]
    assert all(not verdict.signals for verdict in verdicts(one_by_one(hand)))
    assert first_critical([round(step, 3) for step in jittered(3, 25, 3.05)]) is not None


def test_intervals_are_those_of_one_action_type() -> None:
    clockwork = one_by_one([4.0] * 13, "tap")
    between = [
        Completion("puzzle", completion.issued_at, completion.issued_at + 1 + n % 3)
        for n, completion in enumerate(clockwork)
    ]
    play = sorted([*clockwork, *between], key=lambda completion: completion.completed_at)
    signals = [
        (completion.action_type, verdict.signals) for completion, verdict in zip(play, verdicts(play), strict=True)
    ]
    assert [kind for kind, added in signals if added] == ["tap"]


def test_an_action_type_may_switch_the_rule_off() -> None:
    play = one_by_one([3.05] * 60)
    assert all(not verdict.signals for verdict in verdicts(play, ActionTypeLimits(min_seconds=0, steadiest_hand=0)))
    assert any(verdict.signals for verdict in verdicts(play, FREE))
