"""The rules, and the suspicion that one redemption adds by each.

`verdict.judge` applies the rules of `COMPLETION_RULES` to each completion: list a further rule there, and its words in
`ACCUSATIONS`. A forged or used token is no completion: `services/play/redemptions.py` adds `forgery` and `replay`.

A rule judges only the redemption in hand: the suspicion already contains the signals of earlier ones. `completions` are
the player's others, none of them later.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

from anticheat.history import Completion
from anticheat.rule_parameters import RULE_PARAMETERS, PatternWindow, RuleParameters

Cadence: TypeAlias = Literal["player", "client"]
"""The one that sets the pace of an action type: a person's hand, or a client that starts or completes by itself."""


@dataclass(frozen=True, slots=True)
class ActionTypeLimits:
    """What an action type is, for the rules; `None` takes the default number.

    `min_seconds` 0: no timing rule. `min_is_fact`: no honest client can be faster; otherwise it is a statistic.
    `burst` and `per_minute` count completions of this action type; a number above HISTORY_LENGTH can never be passed
    and so switches the rule off. `steadiest_hand` is the standard deviation, in seconds, of the steadiest intervals a
    person makes at this action; 0 switches the pattern rule off, and so does a `cadence` that the client sets.
    `parallel`: so many actions may overlap.
    """

    min_seconds: float
    burst: int | None = None
    per_minute: int | None = None
    steadiest_hand: float | None = None
    min_is_fact: bool = True
    cadence: Cadence = "player"
    parallel: int = 1


@dataclass(frozen=True, slots=True)
class Signal:
    """The observation and the expectation of one rule, in words for a person, and the suspicion it added.

    `is_hard`: no honest client can do this. All other evidence is soft: a person, a device or a game's client could.
    """

    rule: str
    seen: str
    expected: str
    added: float
    is_hard: bool = False


def timing(
    attempt: Completion,
    limits: ActionTypeLimits,
    completions: Sequence[Completion],
    numbers: RuleParameters = RULE_PARAMETERS,
) -> Signal | None:
    """Return a signal for a completion sooner after its own issue than the minimum; `None` if it isn't."""
    elapsed = attempt.completed_at - attempt.issued_at
    if elapsed < 0 or not _is_short(elapsed, limits, numbers):
        return None
    severity = 1 - elapsed / limits.min_seconds
    return Signal(
        rule="timing",
        seen=f"completed {elapsed:.2f} s after its issue",
        expected=f"{limits.min_seconds:.2f} s or more",
        added=numbers.timing_adds + numbers.timing_adds_by_severity * severity,
        is_hard=limits.min_is_fact,
    )


def seconds_to_wait(
    attempt: Completion,
    limits: ActionTypeLimits,
    completions: Sequence[Completion],
    numbers: RuleParameters = RULE_PARAMETERS,
) -> float:
    """Return the seconds until this completion overlaps with fewer than `parallel` others; 0 if it does now.

    `completions` are the player's others, the newest first.

    Of `parallel` + 1 completions, the first and the last are the minimum apart, or the last was issued after the first.
    So opening many actions at once and waiting once earns nothing.
    """
    if len(completions) < limits.parallel or completions[limits.parallel - 1].completed_at <= attempt.issued_at:
        return 0.0
    elapsed = attempt.completed_at - completions[limits.parallel - 1].completed_at
    return limits.min_seconds - elapsed if _is_short(elapsed, limits, numbers) else 0.0


def _is_short(elapsed: float, limits: ActionTypeLimits, numbers: RuleParameters) -> bool:
    return elapsed + numbers.skew + numbers.drift * limits.min_seconds < limits.min_seconds


def frequency(
    attempt: Completion,
    limits: ActionTypeLimits,
    completions: Sequence[Completion],
    numbers: RuleParameters = RULE_PARAMETERS,
) -> Signal | None:
    """Return the stronger signal for too many completions: in a burst, or in a minute.

    The default burst is the limit of a hand, so it counts all action types; a number of the action type's own is about
    that type, so it counts only completions of that type.
    """
    own = [completion for completion in completions if completion.action_type == attempt.action_type]
    checks = (
        (limits.burst, numbers.burst, numbers.burst_seconds),
        (limits.per_minute, numbers.per_minute, numbers.minute_seconds),
    )
    signals = []
    for override, default, seconds in checks:
        allowed, counted = (default, completions) if override is None else (override, own)
        if allowed is None:
            continue
        since = attempt.completed_at - seconds
        count = 1 + sum(completion.completed_at > since for completion in counted)
        if count > allowed:
            added = numbers.frequency_adds_by_excess * (count - allowed)
            signals.append(Signal("frequency", f"{count} completions in {seconds:g} s", f"at most {allowed}", added))
    return max(signals, key=lambda signal: signal.added, default=None)


def pattern(
    attempt: Completion,
    limits: ActionTypeLimits,
    completions: Sequence[Completion],
    numbers: RuleParameters = RULE_PARAMETERS,
) -> Signal | None:
    """Return a signal for clockwork: completions of one action type at intervals more alike than a hand can make them.

    The newest interval must be among the alike ones. So a person who takes over from a machine is not blamed for it,
    and a machine's odd interval adds nothing.
    """
    if limits.cadence == "client":
        return None
    own = [completion.completed_at for completion in completions if completion.action_type == attempt.action_type]
    run = _run_of_intervals(sorted([attempt.completed_at, *own], reverse=True), numbers.pause)
    for window in numbers.windows:
        if len(run) < window.intervals:
            break
        low, high = _narrowest(run[: window.intervals], window.alike)
        hand = _steadiest_hand((low + high) / 2, limits, numbers)
        if high - low < hand * window.hands:
            return _clockwork(window, low, high, hand, numbers.pattern_adds)
    return None


def forgery() -> Signal:
    """Return the signal for a token of the player's own action with a wrong signature: no accident makes one."""
    return Signal(
        rule="forgery",
        seen="presented a token with a signature that this server did not make",
        expected="the token as it was issued",
        added=RULE_PARAMETERS.forgery_adds,
        is_hard=True,
    )


def replay(times: int) -> Signal | None:
    """Return the signal for a used token that is presented for the `times`th time; `None` while it is forgiven."""
    if times <= RULE_PARAMETERS.replays_forgiven:
        return None
    return Signal(
        rule="replay",
        seen=f"presented the same used token {times} times",
        expected="at most once or twice more, after an answer was lost",
        added=RULE_PARAMETERS.replay_adds,
    )


CompletionRule = Callable[[Completion, ActionTypeLimits, Sequence[Completion], RuleParameters], Signal | None]

COMPLETION_RULES: tuple[CompletionRule, ...] = (timing, pattern, frequency)
"""The rules that judge a completion, in the order of their signals."""

ACCUSATIONS = {
    "timing": "completed actions faster than they can be done",
    "pattern": "repeated an action more evenly than a hand can",
    "frequency": "completed more in a short time than hands can",
    "forgery": "presented action tokens that were changed or made up",
    "replay": "presented used action tokens again and again",
    "linked": "was linked to other accounts",
}
"""The accusation that each rule makes, as the verb of a sentence about the player."""


def _run_of_intervals(newest_first: Sequence[float], pause: float) -> list[float]:
    """Return the intervals, newest first, up to the last pause."""
    run: list[float] = []
    for later, earlier in pairwise(newest_first):
        if later - earlier > pause:
            break
        run.append(later - earlier)
    return run


def _narrowest(intervals: Sequence[float], alike: int) -> tuple[float, float]:
    """Return the ends of the narrowest span that holds `alike` of the intervals, the first (newest) among them."""
    ordered = sorted(intervals)
    newest = ordered.index(intervals[0])
    first = max(0, newest - alike + 1)
    last = min(newest, len(ordered) - alike)
    spans = [(ordered[start], ordered[start + alike - 1]) for start in range(first, last + 1)]
    return min(spans, key=lambda span: span[1] - span[0], default=(ordered[0], ordered[-1]))


def _steadiest_hand(interval: float, limits: ActionTypeLimits, numbers: RuleParameters) -> float:
    """Return the standard deviation, in seconds, of the steadiest person's intervals of this length."""
    if limits.steadiest_hand is not None:
        return limits.steadiest_hand
    return min(max(numbers.steadiness * interval, numbers.steadiest_hand), numbers.steadiest_reaction)


def _clockwork(window: PatternWindow, low: float, high: float, hand: float, added: float) -> Signal:
    return Signal(
        rule="pattern",
        seen=(
            f"{window.alike} of the last {window.intervals} intervals within {(high - low) * 1000:.1f} ms "
            f"of each other, around {(low + high) / 2:.2f} s"
        ),
        expected=f"a hand spreads them over {hand * window.hands * 1000:.1f} ms or more",
        added=added,
    )
