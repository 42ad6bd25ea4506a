"""Plays to judge: sequences of completions, and the verdicts that a whole play leads to."""

import math
from collections import deque
from collections.abc import Iterable, Sequence

from anticheat.history import HISTORY_LENGTH, Completion
from anticheat.rules import ActionTypeLimits
from anticheat.suspicion import Suspicion
from anticheat.verdict import Outcome, Thresholds, Verdict, judge

# Without a ceiling, each rule can refuse and suspend.
THRESHOLDS = Thresholds(flag=30, reject=60, critical=100, half_life=1800, hold=60, soft_ceiling=math.inf)
FREE = ActionTypeLimits(min_seconds=0)
TIMED = ActionTypeLimits(min_seconds=3)
# With a minimum that no play comes near: the rules judge rhythm as a player's, and no time is too short.
PACED = ActionTypeLimits(min_seconds=0.02)


def one_by_one(intervals: Iterable[float], action_type: str = "tap", start: float = 0.0) -> list[Completion]:
    """Return completions in time order, each issued when the one before was completed."""
    play, now = [], start
    for interval in intervals:
        play.append(Completion(action_type, now, now + interval))
        now += interval
    return play


def verdicts(
    play: Sequence[Completion], limits: ActionTypeLimits = FREE, thresholds: Thresholds = THRESHOLDS
) -> list[Verdict]:
    """Judge a play from its first completion, with the suspicion and the history that each one leaves."""
    suspicion, judged = Suspicion(0, play[0].completed_at if play else 0), []
    history: deque[Completion] = deque(maxlen=HISTORY_LENGTH)
    for attempt in play:
        verdict = judge(attempt, limits, history, suspicion, thresholds)
        suspicion = verdict.suspicion
        judged.append(verdict)
        if verdict.outcome is not Outcome.TOO_SOON:
            history.appendleft(attempt)
    return judged


def outcomes(play: Sequence[Completion], limits: ActionTypeLimits = FREE) -> list[Outcome]:
    return [verdict.outcome for verdict in verdicts(play, limits)]


def at(sequence: Sequence[Outcome], outcome: str) -> int:
    """Return the number (from 1) of the first redemption with this outcome; fail if there is none."""
    assert outcome in sequence, f"none of {len(sequence)} redemptions was {outcome}"
    return sequence.index(Outcome(outcome)) + 1
