"""Judging a player's past again: the same rules over what is kept of it, in the order in which it happened."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from anticheat.history import HISTORY_LENGTH, Completion
from anticheat.rule_parameters import NUMBERS, Numbers
from anticheat.rules import ActionTypeLimits, Signal
from anticheat.suspicion import Suspicion, decayed
from anticheat.verdict import Thresholds, judge


@dataclass(frozen=True, slots=True)
class ReviewedTry:
    """One try at completing an action, as it was judged then. `again`: judge it again; else it is only history.

    Of one that was `refused` long ago it isn't known when it was issued: then `issued_at` is infinite.
    """

    action_id: str
    completion: Completion
    again: bool
    refused: bool = False


@dataclass(frozen=True, slots=True)
class ReviewedSignal:
    """What a rule said of one try, `at` a Unix time."""

    action_id: str
    action_type: str
    at: float
    signal: Signal


@dataclass(frozen=True, slots=True)
class ReviewResult:
    """New evidence, each with the suspicion it led to, and the highest that all the evidence ever led to."""

    new: Sequence[tuple[ReviewedSignal, float]]
    peak: float


def review(
    tries: Iterable[ReviewedTry],
    kept: Sequence[ReviewedSignal],
    limits_of: Callable[[Completion], ActionTypeLimits],
    thresholds: Thresholds,
    numbers: Numbers = NUMBERS,
) -> ReviewResult:
    """Judge `tries` again, and add what the rules say to the evidence that was `kept` when they were first judged.

    What a rule had said of an action already is not counted twice; so with the same history and the same numbers there
    is nothing new, and the suspicion is what it was. `limits_of` gives what held when the action was issued.
    """
    known = {(each.action_id, each.signal.rule) for each in kept}
    found = [
        each
        for each in _replayed(tries, limits_of, thresholds, numbers)
        if (each.action_id, each.signal.rule) not in known
    ]
    fresh = {(each.action_id, each.signal.rule) for each in found}
    level, peak, new = Suspicion(0.0, 0.0), 0.0, []
    for each in sorted([*kept, *found], key=lambda one: one.at):
        level = Suspicion(decayed(level, each.at, thresholds.half_life) + each.signal.added, each.at)
        peak = max(peak, level.value)
        if (each.action_id, each.signal.rule) in fresh:
            new.append((each, level.value))
    return ReviewResult(new, peak)


def _replayed(
    tries: Iterable[ReviewedTry],
    limits_of: Callable[[Completion], ActionTypeLimits],
    thresholds: Thresholds,
    numbers: Numbers,
) -> Iterable[ReviewedSignal]:
    history: deque[Completion] = deque(maxlen=HISTORY_LENGTH)
    for each in sorted(tries, key=lambda one: one.completion.completed_at):
        attempt = each.completion
        if each.again:
            nothing = Suspicion(0.0, attempt.completed_at)
            verdict = judge(attempt, limits_of(attempt), history, nothing, thresholds, numbers)
            for signal in verdict.signals:
                yield ReviewedSignal(each.action_id, attempt.action_type, attempt.completed_at, signal)
        history.append(attempt)
