import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anticheat.history import Completion
from anticheat.rules import ActionTypeLimits, timing
from anticheat.suspicion import Suspicion
from anticheat.verdict import Outcome, Thresholds, judge
from tests.unit.anticheat.plays import FREE, THRESHOLDS, TIMED, at, one_by_one, outcomes, verdicts

CALM = Suspicion(0, 0)
CALIBRATED = replace(TIMED, min_is_fact=False)
PLAYED_UNEVENLY = replace(TIMED, steadiest_hand=0)
LEVELS = Thresholds(flag=30, reject=60, critical=100, half_life=1800)


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


@pytest.mark.parametrize(("elapsed", "added"), [(0.0, 80), (1.0, 80), (1.5, 60), (1.9, 44)])
def test_the_sooner_the_more_it_adds_and_half_the_minimum_is_rejected_at_once(elapsed: float, added: float) -> None:
    signal = timing(completion(100 + elapsed), TIMED, [])
    assert signal is not None
    assert signal.added == pytest.approx(added)
    assert (signal.is_hard, signal.share) == (True, 1.0)
    assert timing(completion(100 + elapsed), CALIBRATED, []) == replace(signal, is_hard=False)
    outcome = judge(completion(100 + elapsed), TIMED, [], CALM, LEVELS).outcome
    assert (outcome is Outcome.REJECT) is (elapsed <= 1.5)


@pytest.mark.parametrize(
    ("least", "early", "is_little"), [(3, 0.34, True), (3, 0.36, False), (0.4, 0.14, True), (0.4, 0.16, False)]
)
def test_what_a_network_can_make_early_adds_little(least: float, early: float, is_little: bool) -> None:
    """Forgive 50 ms and a thousandth; then 0.3 s, at most a quarter of the minimum, open a case at most."""
    signal = timing(completion(100 + least - early), ActionTypeLimits(least), [])
    assert signal is not None
    assert not signal.is_hard
    assert (0 < signal.added <= 1) is is_little
    assert (signal.share < 1) is is_little


@pytest.mark.parametrize(
    ("least", "early", "is_hard"), [(8, 1.05, False), (8, 1.07, True), (1.5, 0.54, False), (1.5, 0.56, True)]
)
def test_what_was_sent_again_can_be_early_and_is_no_fact(least: float, early: float, is_hard: bool) -> None:
    """A lost packet comes a second later: up to that, at most a third of the minimum, it is soft evidence in full."""
    signal = timing(completion(100 + least - early), ActionTypeLimits(least), [])
    assert signal is not None
    assert signal.is_hard is is_hard
    assert signal.added == pytest.approx(120 * early / least)


@pytest.mark.parametrize("seed", range(5))
def test_on_a_bad_line_such_a_client_is_never_refused(seed: int) -> None:
    """Take 20 ms and an exponential time more each way, and resend one request in fifty after half a second."""
    rng, now, play = random.Random(seed), 0.0, []
    while now < 3600:
        up, down, back = (0.02 + rng.expovariate(10) + 0.5 * (rng.random() < 0.02) for _ in range(3))
        completed_at = max(now + 3, now + up + down) + back
        play.append(Completion("quick-match", now + up, completed_at))
        now = completed_at + down + rng.uniform(0.2, 1.5)
    assert {verdict.outcome for verdict in verdicts(play, TIMED, LEVELS)} <= {"clean", "flag", "hold"}


@pytest.mark.parametrize("seed", range(5))
def test_a_client_whose_countdown_begins_with_the_press_is_not_even_flagged_in_an_hour(seed: int) -> None:
    rng, now, play = random.Random(seed), 0.0, []
    while now < 3600:
        up, down, back = (rng.uniform(0.02, 0.3) for _ in range(3))
        completed_at = max(now + 3, now + up + down) + back
        play.append(Completion("quick-match", now + up, completed_at))
        now = completed_at + down + rng.uniform(0.2, 1.5)
    judged = verdicts(play, TIMED, LEVELS)
    assert sum(bool(verdict.signals) for verdict in judged) > 100
    assert {verdict.outcome for verdict in judged} == {"clean"}


def test_a_script_that_is_always_early_by_a_tenth_is_in_a_case_and_never_held() -> None:
    judged = [verdict.outcome for verdict in verdicts(one_by_one([2.7] * 2000), PLAYED_UNEVENLY, LEVELS)]
    assert at(judged, "flag") <= 60
    assert set(judged) == {"clean", "flag"}


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


@pytest.mark.parametrize("early", [0.06, 0.2, 0.34])
def test_coming_a_little_early_scores_no_second_action(early: float) -> None:
    """The network makes that early, so it is no evidence, and no way around the wait."""
    play = [Completion("quick-match", 100 + n / 100, 103 - early + n / 100) for n in range(4)]
    assert outcomes(play, TIMED) == ["clean", *["too_soon"] * 3]


@pytest.mark.parametrize(
    ("other", "every", "took"), [("tap", 1.0, 0.1), ("quick-match", 3.4, 3.2), ("puzzle", 9.0, 8.2)]
)
def test_what_is_played_in_another_tab_delays_and_never_starves(other: str, every: float, took: float) -> None:
    """One tab has an action of 8 s, and tries again as it is told; the other goes on with quicker ones, or as slow."""
    limits = {"tap": FREE, "quick-match": TIMED, "puzzle": ActionTypeLimits(8)}
    second_tab = [Completion(other, 100 + n * every, 100 + n * every + took) for n in range(60)]
    history: list[Completion] = []
    tries, attempt = 0, Completion("puzzle", 100.0, 108.1)
    for completion in second_tab:
        while attempt.completed_at <= completion.completed_at:
            verdict = judge(attempt, limits["puzzle"], history[-50:], CALM, THRESHOLDS)
            tries += 1
            if verdict.outcome is Outcome.CLEAN:
                assert attempt.completed_at < 100 + 60 * 8
                return
            attempt = replace(attempt, completed_at=attempt.completed_at + verdict.wait + 0.1)
        history.append(completion)
    raise AssertionError(f"it never scored in {tries} tries")


@given(st.lists(st.tuples(st.sampled_from([3.0, 8.0]), st.floats(0, 60)), min_size=1, max_size=30))
def test_actions_of_several_types_that_were_opened_at_once_are_waited_for_one_by_one(
    tries: list[tuple[float, float]],
) -> None:
    history: list[Completion] = []
    earned = 0.0
    for seconds, moment in sorted(tries, key=lambda entry: entry[1]):
        attempt = Completion(f"of {seconds} s", 0.0, moment)
        if moment >= seconds and judge(attempt, ActionTypeLimits(seconds), history, CALM, THRESHOLDS).wait == 0:
            history.append(attempt)
            earned += seconds
            assert earned <= moment + 0.06 * len(history)


@pytest.mark.parametrize("parallel", [1, 2, 3])
def test_as_many_overlap_as_the_action_type_allows(parallel: int) -> None:
    play = [Completion("quick-match", 100, 103.2 + n / 100) for n in range(5)]
    limits = replace(TIMED, parallel=parallel)
    assert outcomes(play, limits) == [*["clean"] * parallel, *["too_soon"] * (5 - parallel)]


@given(st.lists(st.floats(0, 30), min_size=1, max_size=30), st.integers(1, 3))
def test_waiting_once_scores_no_more_than_one_after_the_other(moments: list[float], parallel: int) -> None:
    """Issue many actions at once, complete them at any times: for each minimum since then, at most `parallel` score."""
    limits = replace(TIMED, parallel=parallel)
    play = [Completion("quick-match", 0, 3 + moment) for moment in sorted(moments)]
    scored = [
        attempt.completed_at
        for attempt, outcome in zip(play, outcomes(play, limits), strict=True)
        if outcome == "clean"
    ]
    assert all(
        completed_at >= (1 + number // parallel) * (limits.min_seconds - 0.06)
        for number, completed_at in enumerate(scored)
    )


@pytest.mark.parametrize("step", [0.1, 1.0, 3000.0])
def test_a_clock_set_back_since_the_previous_completion_leaves_nothing_to_measure(step: float) -> None:
    history = [Completion("quick-match", 90.0, 110.0 + step)] * 40
    verdict = judge(completion(110.0, issued_at=109.0), TIMED, history, CALM, THRESHOLDS)
    assert (verdict.outcome, verdict.signals) == (Outcome.CLEAN, ())


def test_a_clock_set_back_since_the_issue_measures_nothing() -> None:
    assert timing(completion(100.0, issued_at=160.0), TIMED, []) is None
    verdict = judge(completion(100.0, issued_at=160.0), TIMED, [completion(99.5)] * 40, CALM, THRESHOLDS)
    assert (verdict.outcome, verdict.signals) == (Outcome.CLEAN, ())


def test_instant_completions_are_rejected_first_and_suspended_second() -> None:
    assert outcomes(one_by_one([0, 0]), ActionTypeLimits(min_seconds=8)) == ["reject", "critical"]


def test_coming_a_fifth_too_early_is_held_and_where_that_is_seconds_suspended() -> None:
    levels = [verdict.outcome for verdict in verdicts(one_by_one([2.4] * 20), TIMED, LEVELS)]
    assert levels[:2] == ["clean", "hold"]
    assert set(levels) == {"clean", "hold"}
    puzzle = [verdict.outcome for verdict in verdicts(one_by_one([6.4] * 5), ActionTypeLimits(8), LEVELS)]
    assert puzzle == ["clean", "hold", "reject", "reject", "critical"]
