"""Hard and soft evidence in one suspicion."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anticheat.history import Completion
from anticheat.rule_parameters import RULE_PARAMETERS
from anticheat.rules import ActionTypeLimits, Signal, forgery, replay, timing
from anticheat.suspicion import FORGIVEN_SHARE, Suspicion, combined, decayed, raised, seconds_until
from anticheat.verdict import Outcome, Thresholds, outcome_at
from tests.unit.anticheat.plays import FREE, TIMED, one_by_one, verdicts

LEVELS = Thresholds(flag=30, reject=60, critical=100, half_life=1800)
SIGNALS = st.builds(
    Signal,
    rule=st.sampled_from(["timing", "pattern", "frequency"]),
    seen=st.just(""),
    expected=st.just(""),
    added=st.floats(0.1, 200),
    is_hard=st.booleans(),
    share=st.sampled_from([1.0, 0.7]),
)
FORGIVEN = st.frozensets(st.sampled_from(["timing", "pattern", "frequency"]))
LEVEL = st.builds(Suspicion, st.floats(0, 150), st.just(0.0))
PLAYS = st.lists(st.tuples(st.lists(SIGNALS, max_size=3), st.floats(0, 4000)), max_size=40)


def _add(suspicion: Suspicion, *signals: Signal, at: float = 0.0, forgiven: frozenset[str] = frozenset()) -> Suspicion:
    return raised(
        suspicion, signals, at, half_life=1800, soft_ceiling=LEVELS.soft_ceiling, hold=LEVELS.hold, forgiven=forgiven
    )


def _signal(added: float, *, is_hard: bool = False, rule: str = "pattern") -> Signal:
    return Signal(rule, "", "", added, is_hard)


@given(PLAYS)
def test_soft_evidence_alone_never_refuses_whatever_comes_when(play: list[tuple[list[Signal], float]]) -> None:
    suspicion = Suspicion(0.0, 0.0)
    for signals, pause in play:
        suspicion = _add(suspicion, *(replace(signal, is_hard=False) for signal in signals), at=suspicion.at + pause)
        assert outcome_at(suspicion.value, LEVELS) not in (Outcome.REJECT, Outcome.CRITICAL)
        assert suspicion.soft == pytest.approx(suspicion.value)


@given(PLAYS)
def test_evidence_never_lowers_suspicion_and_its_soft_part_stays_within_it(
    play: list[tuple[list[Signal], float]],
) -> None:
    suspicion = Suspicion(0.0, 0.0)
    for signals, pause in play:
        at = suspicion.at + pause
        after = _add(suspicion, *signals, at=at)
        hard = sum(signal.added for signal in signals if signal.is_hard)
        assert after.value >= decayed(suspicion, at, 1800) + hard - 1e-6
        assert -1e-6 <= after.soft <= min(after.value, LEVELS.soft_ceiling) + 1e-6
        suspicion = after


def test_hard_evidence_has_no_ceiling_and_counts_on_top_of_soft() -> None:
    soft = _add(Suspicion(0.0, 0.0), _signal(500))
    assert soft == Suspicion(59.0, 0.0, 59.0)
    assert _add(soft, _signal(80, is_hard=True)) == Suspicion(139.0, 0.0, 59.0)
    assert _add(Suspicion(80.0, 0.0), _signal(14)) == Suspicion(80.0, 0.0), "soft evidence adds nothing above it"


def test_within_one_redemption_the_order_of_signals_does_not_matter() -> None:
    signals = [_signal(50), _signal(30, is_hard=True)]
    assert (
        _add(Suspicion(0.0, 0.0), *signals) == _add(Suspicion(0.0, 0.0), *signals[::-1]) == Suspicion(80.0, 0.0, 50.0)
    )


@given(LEVEL, st.lists(SIGNALS, max_size=6), FORGIVEN, st.randoms())
def test_no_order_of_evidence_in_one_redemption_is_worth_more(
    before: Suspicion, signals: list[Signal], forgiven: frozenset[str], chance: random.Random
) -> None:
    mixed = signals[:]
    chance.shuffle(mixed)
    level, same_level = (_add(before, *evidence, forgiven=forgiven) for evidence in (signals, mixed))
    assert level.value == pytest.approx(same_level.value)
    assert level.soft == pytest.approx(same_level.soft)


@given(PLAYS, FORGIVEN)
def test_each_kind_of_evidence_has_its_own_ceiling(
    play: list[tuple[list[Signal], float]], forgiven: frozenset[str]
) -> None:
    """Nothing soft raises the suspicion beyond its share of the ceiling, and of a forgiven rule beyond a fraction."""
    suspicion = Suspicion(0.0, 0.0)
    for signals, pause in play:
        for signal in signals:
            before = suspicion
            suspicion = _add(suspicion, replace(signal, is_hard=False), at=suspicion.at + pause, forgiven=forgiven)
            weight = FORGIVEN_SHARE if signal.rule in forgiven else 1.0
            ceiling = weight * signal.share * LEVELS.soft_ceiling
            assert suspicion.value <= max(ceiling, decayed(before, suspicion.at, 1800)) + 1e-6


@given(LEVEL, st.lists(SIGNALS, max_size=6), SIGNALS, FORGIVEN)
def test_more_evidence_never_counts_less_and_what_is_forgiven_never_more(
    before: Suspicion, signals: list[Signal], another: Signal, forgiven: frozenset[str]
) -> None:
    level = _add(before, *signals, forgiven=forgiven).value
    assert _add(before, *signals, another, forgiven=forgiven).value >= level - 1e-6
    assert _add(before, *signals).value >= level - 1e-6


@pytest.mark.parametrize("hold", [31.0, 40.0, 45.0])
def test_evidence_that_opens_a_case_at_most_is_never_held(hold: float) -> None:
    level, levels = Suspicion(0.0, 0.0), replace(LEVELS, hold=hold)
    signal = Signal("pattern", "", "", 14.0, share=RULE_PARAMETERS.case_share)
    for _ in range(50):
        level = raised(level, [signal], 0.0, half_life=1800, soft_ceiling=levels.soft_ceiling, hold=hold)
    assert outcome_at(level.value, levels) is Outcome.FLAG
    unlimited = raised(
        level, [Signal("pattern", "", "", 90.0, share=0.7)], 0.0, half_life=1800, soft_ceiling=math.inf, hold=hold
    )
    assert unlimited.value == pytest.approx(level.value + 90), "without a ceiling there is no share of it"


def test_without_a_ceiling_every_rule_can_suspend() -> None:
    level = raised(Suspicion(0.0, 0.0), [_signal(120)], 0.0, half_life=1800, soft_ceiling=math.inf, hold=LEVELS.hold)
    assert outcome_at(level.value, replace(LEVELS, soft_ceiling=math.inf)) is Outcome.CRITICAL


def test_each_rule_says_whether_an_honest_client_could_do_it() -> None:
    instant = timing(Completion("tap", 0.0, 0.0), TIMED, [])
    repeated = replay(9)
    assert instant is not None
    assert repeated is not None
    assert (instant.is_hard, forgery().is_hard, repeated.is_hard) == (True, True, False)


HONEST_HABITS = {
    "a child that taps as fast as it can": [0.15] * 60,
    "an auto-repeat switch": [0.5] * 200,
    "a tracker every five minutes": [300.0] * 100,
    "a game whose next song starts by itself": [180.0] * 100,
}


@pytest.mark.parametrize("intervals", HONEST_HABITS.values(), ids=HONEST_HABITS)
def test_rhythm_and_rate_never_refuse(intervals: list[float]) -> None:
    outcomes = {verdict.outcome for verdict in verdicts(one_by_one(intervals), FREE, LEVELS)}
    assert outcomes <= {Outcome.CLEAN, Outcome.FLAG, Outcome.HOLD}


@pytest.mark.parametrize("gap", [0.0, 0.3, 1.5])
def test_two_tabs_never_are_evidence(gap: float) -> None:
    chance = random.Random(1)
    starts = list(accumulate(chance.uniform(5, 12) for _ in range(50)))
    play = [Completion("quick-match", start, start + 3.1 + tab * gap) for start in starts for tab in range(2)]
    judged = verdicts(play, TIMED, LEVELS)
    assert {verdict.outcome for verdict in judged} <= {Outcome.CLEAN, Outcome.TOO_SOON}
    assert all(not verdict.signals for verdict in judged)


def test_a_calibrated_minimum_opens_cases_only() -> None:
    limits = ActionTypeLimits(8.0, min_is_fact=False)
    outcomes = [verdict.outcome for verdict in verdicts(one_by_one([1.0] * 30), limits, LEVELS)]
    assert Outcome.HOLD in outcomes
    assert not {Outcome.REJECT, Outcome.CRITICAL} & set(outcomes)


def test_where_the_client_sets_the_cadence_rhythm_is_no_evidence() -> None:
    play = one_by_one([1.0] * 60)
    assert any(verdict.signals for verdict in verdicts(play, ActionTypeLimits(0.0)))
    assert not any(verdict.signals for verdict in verdicts(play, ActionTypeLimits(0.0, cadence="client")))


def test_a_kind_of_evidence_that_was_cleared_twice_counts_a_fraction() -> None:
    forgiven = frozenset({"pattern"})
    level = Suspicion(0.0, 0.0)
    level = _add(level, _signal(14), forgiven=forgiven)
    assert level.value == 14 * FORGIVEN_SHARE
    for _ in range(100):
        level = _add(level, _signal(14), forgiven=forgiven)
    assert level.value == pytest.approx(FORGIVEN_SHARE * LEVELS.soft_ceiling)
    assert level.value < LEVELS.flag
    level = _add(level, _signal(40, rule="frequency"), forgiven=forgiven)
    assert level.value == pytest.approx(FORGIVEN_SHARE * LEVELS.soft_ceiling + 40), "no immunity for anything else"


def test_two_suspicions_together_keep_the_ceiling() -> None:
    before, since = Suspicion(59.0, 0.0, 59.0), Suspicion(50.0, 0.0, 40.0)
    assert combined(before, since, half_life=1800, soft_ceiling=59.0) == Suspicion(10.0 + 59.0, 0.0, 59.0)
    before = Suspicion(80.0, 0.0, 20.0)
    both = combined(before, Suspicion(30.0, 1800.0, 0.0), half_life=1800, soft_ceiling=59.0)
    assert both == Suspicion(70.0, 1800.0, 10.0)


def test_the_time_until_a_level_is_when_it_has_decayed_to_it() -> None:
    suspicion = Suspicion(59.0, 1000.0)
    seconds = seconds_until(suspicion, 30.0, 1800)
    assert decayed(suspicion, 1000.0 + seconds, 1800) == pytest.approx(30.0)
    assert seconds_until(Suspicion(20.0, 0.0), 30.0, 1800) == 0.0
