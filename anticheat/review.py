"""A second judgement of a player's past: the same rules over its records, in the order in which it happened."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from anticheat.history import HISTORY_LENGTH, Completion
from anticheat.rules import ActionTypeLimits, Signal
from anticheat.suspicion import Suspicion, raised
from anticheat.verdict import Thresholds, judge


@dataclass(frozen=True, slots=True)
class ReviewedTry:
    """One try at completing an action, as it was judged then. If not `should_judge`, it is only history.

    The issue time of a try that was `refused` long ago is unknown: its `issued_at` is infinite.
    """

    action_id: str
    completion: Completion
    should_judge: bool
    refused: bool = False


@dataclass(frozen=True, slots=True)
class ReviewedSignal:
    """A rule's signal on one try, `at` a Unix time."""

    action_id: str
    action_type: str
    at: float
    signal: Signal


@dataclass(frozen=True, slots=True)
class ReviewResult:
    """The new evidence, each item with the suspicion it led to, and the highest suspicion of all the evidence."""

    new: Sequence[tuple[ReviewedSignal, float]]
    peak: float


def review(
    tries: Iterable[ReviewedTry],
    evidence: Sequence[ReviewedSignal],
    limits_of: Callable[[Completion], ActionTypeLimits],
    thresholds: Thresholds,
    forgiven: Collection[str] = (),
) -> ReviewResult:
    """Judge `tries` again, and add the new signals to the `evidence` that was recorded when they were first judged.

    A signal that a rule has already given on an action is not counted twice; so with the same history and the same
    numbers there is nothing new, and the suspicion is as it was. `limits_of` returns the limits at the time the action
    was issued; `forgiven` are the rules whose evidence was cleared often for this player.
    """
    known_keys = {(record.action_id, record.signal.rule) for record in evidence}
    new_signals = [
        record
        for record in _judge_again(tries, limits_of, thresholds)
        if (record.action_id, record.signal.rule) not in known_keys
    ]
    new_keys = {(record.action_id, record.signal.rule) for record in new_signals}
    level, peak, new_evidence = Suspicion(0.0, 0.0), 0.0, []
    for record in sorted([*evidence, *new_signals], key=lambda entry: entry.at):
        level = raised(
            level,
            [record.signal],
            record.at,
            half_life=thresholds.half_life,
            soft_ceiling=thresholds.soft_ceiling,
            hold=thresholds.hold,
            forgiven=forgiven,
        )
        peak = max(peak, level.value)
        if (record.action_id, record.signal.rule) in new_keys:
            new_evidence.append((record, level.value))
    return ReviewResult(new_evidence, peak)


def _judge_again(
    tries: Iterable[ReviewedTry],
    limits_of: Callable[[Completion], ActionTypeLimits],
    thresholds: Thresholds,
) -> Iterable[ReviewedSignal]:
    history: deque[Completion] = deque(maxlen=HISTORY_LENGTH)
    for reviewed_try in sorted(tries, key=lambda entry: entry.completion.completed_at):
        attempt = reviewed_try.completion
        if reviewed_try.should_judge:
            no_suspicion = Suspicion(0.0, attempt.completed_at)
            verdict = judge(attempt, limits_of(attempt), history, no_suspicion, thresholds)
            for signal in verdict.signals:
                yield ReviewedSignal(reviewed_try.action_id, attempt.action_type, attempt.completed_at, signal)
        history.append(attempt)
