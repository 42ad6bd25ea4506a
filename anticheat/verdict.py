"""From a redemption to a verdict: decayed suspicion plus the signals of the rules, compared with thresholds."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter

from anticheat.history import Completion, was_clock_set_back
from anticheat.rule_parameters import RULE_PARAMETERS, RuleParameters
from anticheat.rules import COMPLETION_RULES, ActionTypeLimits, Signal, seconds_to_wait, timing
from anticheat.suspicion import Suspicion, raised

_COMPLETED_AT = attrgetter("completed_at")


class Outcome(StrEnum):
    """The consequence for the redemption, mildest first."""

    CLEAN = "clean"
    TOO_SOON = "too_soon"
    """Another completion overlaps: nothing scores and nothing is evidence; a later try with the token may score."""
    FLAG = "flag"
    HOLD = "hold"
    """It scores, for the player alone."""
    REJECT = "reject"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Levels of suspicion, `flag` ≤ `hold` ≤ `reject` ≤ `critical`, and its half-life in seconds.

    Soft evidence counts up to `soft_ceiling`; infinity is no ceiling.
    """

    flag: float
    reject: float
    critical: float
    half_life: float
    hold: float = 45.0
    soft_ceiling: float = 59.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome, the suspicion to keep for the player, and the signal of each rule that this redemption broke.

    `wait`: the seconds until a completion that is TOO_SOON may score.
    """

    outcome: Outcome
    suspicion: Suspicion
    signals: tuple[Signal, ...]
    wait: float = 0.0


def judge(
    attempt: Completion,
    limits: ActionTypeLimits,
    history: Sequence[Completion],
    suspicion: Suspicion,
    thresholds: Thresholds,
    numbers: RuleParameters = RULE_PARAMETERS,
    forgiven: Collection[str] = (),
) -> Verdict:
    """Return the verdict on one redemption, by the player's own history.

    `history`: the player's newest completions (HISTORY_LENGTH are enough), of every action type, rejected ones too,
    without this attempt or an earlier try of the same action that died half-way. `attempt.completed_at` is "now".
    `forgiven`: rules whose evidence was cleared often for this player.

    The level decides, not the last redemption: a player at `reject` stays refused, even without new evidence, until
    time has lowered the level.
    """
    signals, wait = _observe(attempt, limits, history, numbers)
    after = raised(
        suspicion,
        signals,
        attempt.completed_at,
        half_life=thresholds.half_life,
        soft_ceiling=thresholds.soft_ceiling,
        hold=thresholds.hold,
        forgiven=forgiven,
    )
    return Verdict(Outcome.TOO_SOON if wait else outcome_at(after.value, thresholds), after, signals, wait)


def _observe(
    attempt: Completion, limits: ActionTypeLimits, history: Sequence[Completion], numbers: RuleParameters
) -> tuple[tuple[Signal, ...], float]:
    """Return the signals of the rules, or the seconds to wait; both empty if the clock was set back."""
    completions = sorted(history, key=_COMPLETED_AT, reverse=True)
    if was_clock_set_back(attempt, completions):
        return (), 0.0
    own = timing(attempt, limits, completions, numbers)
    if own is None or own.share < 1:  # being as early as a network makes it is no reason to score
        wait = seconds_to_wait(attempt, limits, completions, numbers)
        if wait:
            return (), wait
    signals = (rule(attempt, limits, completions, numbers) for rule in COMPLETION_RULES)
    return tuple(signal for signal in signals if signal is not None), 0.0


def outcome_at(level: float, thresholds: Thresholds) -> Outcome:
    """Return the outcome of a level of suspicion; a level equal to a threshold has reached it."""
    if level >= thresholds.critical:
        return Outcome.CRITICAL
    if level >= thresholds.reject:
        return Outcome.REJECT
    if level >= thresholds.hold:
        return Outcome.HOLD
    if level >= thresholds.flag:
        return Outcome.FLAG
    return Outcome.CLEAN
