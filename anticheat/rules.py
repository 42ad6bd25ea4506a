"""The rules, and the suspicion that one redemption adds by each.

`verdict.judge` applies the rules of `COMPLETION_RULES` to each completion: list a further rule there, and its words in
`ACCUSATIONS`. A forged or used token is no completion: `services/play/redemptions.py` adds `forgery` and `replay`.

A rule judges only the redemption in hand: the suspicion already contains the signals of earlier ones. `completions` are
the player's others, none of them later.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, TypeAlias

from anticheat.history import Completion
from anticheat.rule_parameters import RULE_PARAMETERS, PatternWindow, RuleParameters

Cadence: TypeAlias = Literal["player", "client"]
"""The one that sets the pace of an action type: a person's hand, or a client that starts or completes by itself."""


@dataclass(frozen=True, slots=True)
class ActionTypeLimits:
    """The nature of an action type, for the rules; `None` takes the default number.

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

    `is_hard`: no honest client can do this. All other evidence is soft: a person, a device or a game's client could. It
    raises the suspicion to `share` of the ceiling at most.
    """

    rule: str
    seen: str
    expected: str
    added: float
    is_hard: bool = False
    share: float = 1.0


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
    seen, expected = f"completed {elapsed:.2f} s after its issue", f"{limits.min_seconds:.2f} s or more"
    late_enough = limits.min_seconds - numbers.skew - numbers.drift * limits.min_seconds
    missing = late_enough - elapsed
    early = min(numbers.early, numbers.early_share * limits.min_seconds)
    if missing <= early:
        return Signal("timing", seen, expected, numbers.early_adds * (missing / early) ** 2, share=numbers.case_share)
    severity = 1 - elapsed / limits.min_seconds
    added = min(numbers.timing_adds_at_most, numbers.timing_adds_by_severity * severity)
    is_fact = limits.min_is_fact and missing > min(numbers.resent, numbers.resent_share * limits.min_seconds)
    return Signal("timing", seen, expected, added, is_hard=is_fact)


def seconds_to_wait(
    attempt: Completion,
    limits: ActionTypeLimits,
    completions: Sequence[Completion],
    numbers: RuleParameters = RULE_PARAMETERS,
) -> float:
    """Return the seconds until this completion may score, since others were completed after its issue; 0 if it may now.

    `completions` are the player's others, the newest first.

    A completion needs the minimum besides the time that others took since its issue. These took the time that they were
    open, and completions of the same action type no more than the minimum each. The newest `parallel` - 1 took none. So
    opening many actions at once and waiting once earns one, and quick actions keep no slow one waiting for ever.
    """
    others = [other for other in completions if other.completed_at > attempt.issued_at][limits.parallel - 1 :]
    if not others:
        return 0.0
    free = attempt.completed_at - attempt.issued_at - _busy_seconds(attempt, limits, others)
    return limits.min_seconds - free if _is_short(free, limits, numbers) else 0.0


def _busy_seconds(attempt: Completion, limits: ActionTypeLimits, others: Sequence[Completion]) -> float:
    """Return the time since the attempt's issue that the others, the newest first, took."""
    open_seconds, counted_from, shares = 0.0, others[0].completed_at, 0.0
    for other in others:
        begin = max(other.issued_at, attempt.issued_at)
        open_seconds += max(0.0, min(other.completed_at, counted_from) - begin)
        counted_from = min(counted_from, begin)
        duration = other.completed_at - begin
        shares += min(duration, limits.min_seconds) if other.action_type == attempt.action_type else duration
    return min(open_seconds, shares) if limits.parallel == 1 else open_seconds


def _is_short(elapsed: float, limits: ActionTypeLimits, numbers: RuleParameters) -> bool:
    return elapsed + numbers.skew + numbers.drift * limits.min_seconds < limits.min_seconds


def frequency(
    attempt: Completion,
    limits: ActionTypeLimits,
    completions: Sequence[Completion],
    numbers: RuleParameters = RULE_PARAMETERS,
) -> Signal | None:
    """Return the stronger signal for too many completions: in a burst, or in a minute.

    The limit of hands counts all action types, in a second; a burst of the action type's own replaces it, and counts
    only completions of that type.
    """
    own = [completion for completion in completions if completion.action_type == attempt.action_type]
    burst = (numbers.hands, numbers.hands_seconds) if limits.burst is None else (limits.burst, numbers.burst_seconds)
    per_minute = numbers.per_minute if limits.per_minute is None else limits.per_minute
    checks = (
        (*burst, completions if limits.burst is None else own),
        (per_minute, numbers.minute_seconds, completions if limits.per_minute is None else own),
    )
    signals = []
    for allowed, seconds, counted in checks:
        if allowed is None:
            continue
        since = attempt.completed_at - seconds
        count = 1 + sum(completion.completed_at > since for completion in counted)
        if count > allowed:
            added = numbers.frequency_adds_by_excess * (count - allowed) ** 3
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
    times = sorted([attempt.completed_at, *own], reverse=True)
    if limits.min_seconds > 0:
        return _clockwork(_run_of_intervals(times, numbers.pause), numbers.windows, limits, numbers)
    run = _run_of_intervals(times, numbers.free_pause * (times[0] - times[1]) if own else 0.0)
    signal = _clockwork(run, (numbers.free_window,), limits, numbers)
    return signal and replace(signal, added=numbers.free_pattern_adds, share=numbers.case_share)


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


def _clockwork(
    run: Sequence[float], windows: Sequence[PatternWindow], limits: ActionTypeLimits, numbers: RuleParameters
) -> Signal | None:
    """Return a signal for the first window whose intervals are more alike than a hand can make them."""
    for window in windows:
        if len(run) < window.intervals:
            break
        low, high = _narrowest(run[: window.intervals], window.alike)
        span = _steadiest_hand((low + high) / 2, limits, numbers) * window.hands
        if high - low < span and not _is_delivery(low, limits):
            return Signal(
                rule="pattern",
                seen=(
                    f"{window.alike} of the last {window.intervals} intervals within {(high - low) * 1000:.1f} ms "
                    f"of each other, around {(low + high) / 2:.2f} s"
                ),
                expected=f"a hand spreads them over {span * 1000:.1f} ms or more",
                added=numbers.pattern_adds,
            )
    return None


def _is_delivery(interval: float, limits: ActionTypeLimits) -> bool:
    """Return whether these completions overlapped: then a line that delivers many at once sets their intervals."""
    return limits.parallel > 1 and interval < limits.min_seconds / 2
