"""From a redemption to a verdict: what the rules add to what is left of the suspicion, against thresholds."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from anticheat.history import Completion, known_at
from anticheat.rule_parameters import NUMBERS, Numbers
from anticheat.rules import ActionTypeLimits, Signal, frequency, pattern, timing
from anticheat.suspicion import Suspicion, decayed


class Outcome(StrEnum):
    """What happens to the redemption, mildest first."""

    CLEAN = "clean"
    FLAG = "flag"
    REJECT = "reject"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Levels of suspicion, `flag` < `reject` < `critical`, and its half-life in seconds."""

    flag: float
    reject: float
    critical: float
    half_life: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome, the suspicion to keep for the player, and what each rule added in this redemption."""

    outcome: Outcome
    suspicion: Suspicion
    signals: tuple[Signal, ...]


def judge(
    attempt: Completion,
    limits: ActionTypeLimits,
    history: Sequence[Completion],
    suspicion: Suspicion,
    thresholds: Thresholds,
    numbers: Numbers = NUMBERS,
) -> Verdict:
    """Judge one redemption by the player's own history.

    `history`: the player's newest completions (HISTORY_LENGTH are enough), of every action type, rejected
    ones too, without this attempt or an earlier try of the same action that died half-way.
    `attempt.completed_at` is "now".

    The level decides, not the last redemption: a player at `reject` stays refused, without new evidence too,
    until time has lowered the level.
    """
    known = known_at(attempt.completed_at, history, numbers.overtaking)
    found = (rule(attempt, limits, known, numbers) for rule in (timing, pattern, frequency))
    signals = tuple(signal for signal in found if signal is not None)
    before = decayed(suspicion, attempt.completed_at, thresholds.half_life)
    after = Suspicion(before + sum(signal.added for signal in signals), attempt.completed_at)
    return Verdict(outcome_at(after.value, thresholds), after, signals)


def outcome_at(level: float, thresholds: Thresholds) -> Outcome:
    """What a level of suspicion leads to; a threshold belongs to what it starts."""
    if level >= thresholds.critical:
        return Outcome.CRITICAL
    if level >= thresholds.reject:
        return Outcome.REJECT
    if level >= thresholds.flag:
        return Outcome.FLAG
    return Outcome.CLEAN
