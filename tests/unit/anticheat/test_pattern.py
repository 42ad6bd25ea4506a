import random
from dataclasses import replace

import pytest

from anticheat.history import Completion
from anticheat.rules import ActionTypeLimits
from anticheat.verdict import Thresholds
from tests.unit.anticheat.plays import FREE, PACED, at, one_by_one, outcomes, verdicts

LEVELS = Thresholds(flag=30, reject=60, critical=100, half_life=1800)


def noisy(seed: int, count: int, interval: float, sd: float) -> list[float]:
    rng = random.Random(seed)
    return [max(0.0, rng.gauss(interval, sd)) for _ in range(count)]


def jittered(seed: int, count: int, interval: float) -> list[float]:
    rng = random.Random(seed)
    return [interval + rng.uniform(0.001, 0.008) for _ in range(count)]


@pytest.mark.parametrize("interval", [0.5, 1.0, 3.1, 20.5, 60.0])
def test_a_clockwork_player_is_flagged_then_rejected_then_suspended_by_the_twentieth(interval: float) -> None:
    play_outcomes = outcomes(one_by_one([interval] * 20), PACED)
    assert play_outcomes[:13] == ["clean"] * 13
    assert 13 < at(play_outcomes, "flag") < at(play_outcomes, "reject") < at(play_outcomes, "critical") <= 20


@pytest.mark.parametrize("seed", range(20))
def test_a_sleep_that_jitters_by_up_to_eight_milliseconds_hides_nobody(seed: int) -> None:
    critical = first_critical(jittered(seed, 25, 3.05))
    assert critical is not None
    assert critical <= 25


def first_critical(intervals: list[float]) -> int | None:
    names = [str(outcome) for outcome in outcomes(one_by_one(intervals), PACED)]
    return names.index("critical") + 1 if "critical" in names else None


@pytest.mark.parametrize("seed", range(20))
def test_an_expert_who_reacts_within_thirty_milliseconds_of_their_mean_adds_nothing(seed: int) -> None:
    assert all(not verdict.signals for verdict in verdicts(one_by_one(noisy(seed, 300, 3.2, 0.030)), PACED))


@pytest.mark.parametrize("seed", range(20))
def test_a_drummer_who_taps_twice_a_second_adds_nothing(seed: int) -> None:
    assert all(not verdict.signals for verdict in verdicts(one_by_one(noisy(seed, 120, 0.5, 0.012)), PACED))


def test_the_signal_says_how_alike_the_intervals_were() -> None:
    last = verdicts(one_by_one([3.05] * 13), PACED)[-1]
    (signal,) = last.signals
    assert (signal.rule, signal.added) == ("pattern", 14)
    assert signal.seen == "10 of the last 12 intervals within 0.0 ms of each other, around 3.05 s"
    assert signal.expected == "a hand spreads them over 8.0 ms or more"


def test_two_hiccups_in_twelve_do_not_hide_a_machine() -> None:
    steps = [3.05, 3.05, 3.4, 3.05, 3.05, 3.05, 3.05, 2.9, 3.05, 3.05, 3.05, 3.05, 3.05]
    assert verdicts(one_by_one(steps), PACED)[-1].signals


def test_a_person_who_takes_over_from_a_machine_adds_nothing() -> None:
    play = one_by_one([3.05] * 13 + noisy(1, 40, 3.6, 0.05))
    assert all(not verdict.signals for verdict in verdicts(play, PACED)[13:])


def test_a_pause_of_more_than_ten_minutes_starts_anew() -> None:
    play = one_by_one([3.05] * 12 + [601.0] + [3.05] * 11)
    assert all(not verdict.signals for verdict in verdicts(play, PACED))


def test_times_kept_in_whole_milliseconds_tell_a_hand_from_a_machine_just_the_same() -> None:
    hand = [round(step, 3) for step in noisy(3, 200, 3.2, 0.030)]
    assert all(not verdict.signals for verdict in verdicts(one_by_one(hand), PACED))
    assert first_critical([round(step, 3) for step in jittered(3, 25, 3.05)]) is not None


def test_intervals_are_those_of_one_action_type() -> None:
    clockwork = one_by_one([4.0] * 13, "tap")
    between = [
        Completion("puzzle", completion.issued_at, completion.issued_at + 1 + n % 3)
        for n, completion in enumerate(clockwork)
    ]
    play = sorted([*clockwork, *between], key=lambda completion: completion.completed_at)
    signals = [
        (completion.action_type, verdict.signals)
        for completion, verdict in zip(play, verdicts(play, PACED), strict=True)
    ]
    assert [kind for kind, added in signals if added] == ["tap"]


def test_an_action_type_may_switch_the_rule_off() -> None:
    play = one_by_one([3.05] * 60)
    for limits in (FREE, PACED):
        assert all(not verdict.signals for verdict in verdicts(play, replace(limits, steadiest_hand=0)))
        assert any(verdict.signals for verdict in verdicts(play, limits))


def test_where_nothing_has_to_be_waited_for_only_a_long_run_says_anything() -> None:
    judged = verdicts(one_by_one([1.0] * 60))
    assert all(not verdict.signals for verdict in judged[:48])
    (signal,) = judged[48].signals
    assert (signal.rule, signal.added, signal.is_hard) == ("pattern", 0.08, False)
    assert signal.seen.startswith("40 of the last 48 intervals")


def test_a_script_that_taps_once_a_second_is_flagged_within_ten_minutes_and_never_held() -> None:
    judged = [verdict.outcome for verdict in verdicts(one_by_one([1.0] * 7200), FREE, LEVELS)]
    assert at(judged, "flag") < 600
    assert set(judged) == {"clean", "flag"}


@pytest.mark.parametrize("interval", [0.3, 0.5, 0.7, 1.0])
def test_a_switch_that_repeats_by_itself_is_not_even_flagged_in_four_hours(interval: float) -> None:
    """Hold it for 5 to 60 s, pause, and hold it again; the rate limit lets 60 through in each minute."""
    rng = random.Random(f"{interval}")
    now, taps = 0.0, list[float]()
    while now < 4 * 3600:
        held_until = now + rng.uniform(5, 60)
        while now < held_until:
            if sum(tap // 60 == now // 60 for tap in taps[-60:]) < 60:
                taps.append(now)
            now += interval
        now += rng.uniform(2, 40)
    play = [Completion("tap", tap, tap + rng.uniform(0.02, 0.023)) for tap in taps]
    assert {verdict.outcome for verdict in verdicts(play, FREE, LEVELS)} == {"clean"}


@pytest.mark.parametrize("size", [10, 5])
@pytest.mark.parametrize("limits", [FREE, ActionTypeLimits(3.0, parallel=10)])
def test_a_line_that_delivers_many_at_once_sets_no_rhythm(limits: ActionTypeLimits, size: int) -> None:
    """Deliver every half a minute what was played meanwhile."""
    play = [Completion("tap", 30 * batch, 30 * batch + 10 + n / 200) for batch in range(60) for n in range(size)]
    assert all(not verdict.signals for verdict in verdicts(play, limits, LEVELS))


@pytest.mark.parametrize(("interval", "sd"), [(0.5, 0.008), (0.5, 0.012), (1.0, 0.008), (1.0, 0.012)])
@pytest.mark.parametrize("seed", range(3))
def test_a_musician_on_an_action_without_a_minimum_is_not_even_flagged(interval: float, sd: float, seed: int) -> None:
    play = one_by_one(noisy(seed, 3600, interval, sd))
    assert {verdict.outcome for verdict in verdicts(play, FREE, LEVELS)} == {"clean"}
