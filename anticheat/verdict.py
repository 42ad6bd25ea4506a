"""From a redemption to a verdict: decayed suspicion plus the signals of the rules, compared with thresholds."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from anticheat.history import Completion, known_at
from anticheat.rule_parameters import RULE_PARAMETERS, RuleParameters
from anticheat.rules import COMPLETION_RULES, ActionTypeLimits, Signal
from anticheat.suspicion import Suspicion, decayed


class Outcome(StrEnum):
    """The consequence for the redemption, mildest first."""

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
    """The outcome, the suspicion to keep for the player, and the signal of each rule that this redemption broke."""

    outcome: Outcome
    suspicion: Suspicion
    signals: tuple[Signal, ...]


def judge(
    attempt: Completion,
    limits: ActionTypeLimits,
    history: Sequence[Completion],
    suspicion: Suspicion,
    thresholds: Thresholds,
    numbers: RuleParameters = RULE_PARAMETERS,
) -> Verdict:
    """Return the verdict on one redemption, by the player's own history.

    `history`: the player's newest completions (HISTORY_LENGTH are enough), of every action type, rejected ones too,
    without this attempt or an earlier try of the same action that died half-way. `attempt.completed_at` is "now".

    The level decides, not the last redemption: a player at `reject` stays refused, even without new evidence, until
    time has lowered the level.
    """
    completions = known_at(attempt.completed_at, history, numbers.overtaking)
    candidates = (rule(attempt, limits, completions, numbers) for rule in COMPLETION_RULES)
    signals = tuple(signal for signal in candidates if signal is not None)
    before = decayed(suspicion, attempt.completed_at, thresholds.half_life)
    after = Suspicion(before + sum(signal.added for signal in signals), attempt.completed_at)
    return Verdict(outcome_at(after.value, thresholds), after, signals)


def outcome_at(level: float, thresholds: Thresholds) -> Outcome:
    """Return the outcome of a level of suspicion; a level equal to a threshold has reached it."""
    if level >= thresholds.critical:
        return Outcome.CRITICAL
    if level >= thresholds.reject:
        return Outcome.REJECT
    if level >= thresholds.flag:
        return Outcome.FLAG
    return Outcome.CLEAN
