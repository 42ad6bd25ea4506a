"""Reviews of plays that were judged before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anticheat.history import Completion
from anticheat.review import ReviewedSignal, ReviewedTry, review
from anticheat.rules import ActionTypeLimits
from tests.unit.anticheat.plays import PACED, THRESHOLDS, one_by_one, verdicts


def _tries(play: Sequence[Completion], again: bool = True) -> list[ReviewedTry]:
    return [ReviewedTry(str(number), completion, again) for number, completion in enumerate(play)]


def _first_signals(play: Sequence[Completion], limits: ActionTypeLimits = PACED) -> list[ReviewedSignal]:
    """Return the signals of the first judgement of this play."""
    return [
        ReviewedSignal(str(number), completion.action_type, completion.completed_at, signal)
        for number, (completion, verdict) in enumerate(zip(play, verdicts(play, limits), strict=True))
        for signal in verdict.signals
    ]


@given(st.lists(st.sampled_from([0.05, 0.2, 1.0, 1.0, 1.0, 7.0, 900.0]), max_size=80), st.sampled_from([0.0, 3.0]))
def test_with_the_same_history_there_is_nothing_new_and_the_same_suspicion(
    intervals: list[float], min_seconds: float
) -> None:
    limits = ActionTypeLimits(min_seconds)
    play = one_by_one(intervals)
    finding = review(_tries(play), _first_signals(play, limits), lambda attempt: limits, THRESHOLDS)
    assert finding.new == []
    assert finding.peak == pytest.approx(
        max((verdict.suspicion.value for verdict in verdicts(play, limits)), default=0.0)
    )


def test_what_was_not_seen_the_first_time_is_found(clockwork: list[Completion]) -> None:
    finding = review(_tries(clockwork), [], lambda attempt: PACED, THRESHOLDS)
    assert {signal.signal.rule for signal, _ in finding.new} == {"pattern"}
    assert finding.peak >= THRESHOLDS.critical


def test_what_was_seen_in_part_is_counted_once(clockwork: list[Completion]) -> None:
    half = _first_signals(clockwork)[::2]
    finding = review(_tries(clockwork), half, lambda attempt: PACED, THRESHOLDS)
    everything = review(_tries(clockwork), [], lambda attempt: PACED, THRESHOLDS)
    assert len(finding.new) == len(everything.new) - len(half)
    assert finding.peak == pytest.approx(everything.peak)


def test_what_is_only_history_is_not_judged_but_counts_as_history(clockwork: list[Completion]) -> None:
    tries = [
        ReviewedTry(attempt.action_id, attempt.completion, number == 29)
        for number, attempt in enumerate(_tries(clockwork))
    ]
    finding = review(tries, [], lambda attempt: PACED, THRESHOLDS)
    assert [signal.action_id for signal, _ in finding.new] == ["29"]
    assert review(_tries(clockwork, again=False), [], lambda attempt: PACED, THRESHOLDS).new == []


def test_suspicion_decays_between_what_is_found() -> None:
    limits = ActionTypeLimits(20)
    play = [Completion("boss", 0.0, 18.0), Completion("boss", 7200.0, 7218.0)]
    finding = review(_tries(play), [], lambda attempt: limits, THRESHOLDS)
    (_, first), (_, second) = finding.new
    assert first == pytest.approx(12)
    assert second == pytest.approx(12 + 12 / 16)
    assert finding.peak < THRESHOLDS.flag


def test_soft_evidence_has_its_ceiling_and_what_was_cleared_twice_its_share(clockwork: list[Completion]) -> None:
    levels = replace(THRESHOLDS, soft_ceiling=59.0)
    finding = review(_tries(clockwork), [], lambda attempt: PACED, levels)
    assert finding.peak == pytest.approx(59)
    forgiven = review(_tries(clockwork), [], lambda attempt: PACED, levels, {"pattern"})
    assert len(forgiven.new) == len(finding.new)
    assert forgiven.peak < levels.flag


@pytest.fixture
def clockwork() -> list[Completion]:
    return one_by_one([1.0] * 30)
