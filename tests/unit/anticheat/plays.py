"""Plays to judge: sequences of completions, and what a whole play leads to."""

from collections.abc import Iterable, Sequence

from anticheat.history import HISTORY_LENGTH, Completion
from anticheat.rules import ActionTypeLimits
from anticheat.suspicion import Suspicion
from anticheat.verdict import Outcome, Thresholds, Verdict, judge

THRESHOLDS = Thresholds(flag=30, reject=60, critical=100, half_life=1800)
FREE = ActionTypeLimits(min_seconds=0)
TIMED = ActionTypeLimits(min_seconds=3)


def one_by_one(intervals: Iterable[float], action_type: str = "tap", start: float = 0.0) -> list[Completion]:
    """Completions in time order, each issued when the one before was completed."""
    play, now = [], start
    for interval in intervals:
        play.append(Completion(action_type, now, now + interval))
        now += interval
    return play


def verdicts(play: Sequence[Completion], limits: ActionTypeLimits = FREE) -> list[Verdict]:
    """Judge a play from its first completion, with the suspicion and the history that each one leaves."""
    suspicion, judged = Suspicion(0, play[0].completed_at if play else 0), []
    for done, attempt in enumerate(play):
        history = play[max(0, done - HISTORY_LENGTH) : done][::-1]
        verdict = judge(attempt, limits, history, suspicion, THRESHOLDS)
        suspicion = verdict.suspicion
        judged.append(verdict)
    return judged


def outcomes(play: Sequence[Completion], limits: ActionTypeLimits = FREE) -> list[Outcome]:
    return [verdict.outcome for verdict in verdicts(play, limits)]


def at(found: Sequence[Outcome], wanted: str) -> int:
    """The number (from 1) of the first redemption with this outcome; fails if there is none."""
    assert wanted in found, f"none of {len(found)} redemptions was {wanted}"
    return found.index(Outcome(wanted)) + 1
