"""The verdicts on a player's past under other thresholds or rule numbers."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

from anticheat.history import HISTORY_LENGTH, Completion
from anticheat.review import ReviewedSignal, ReviewedTry
from anticheat.rule_parameters import RULE_PARAMETERS, RuleParameters
from anticheat.rules import ActionTypeLimits, Signal
from anticheat.suspicion import Suspicion, raised
from anticheat.verdict import Outcome, Thresholds, judge, outcome_at

_TOKEN_RULES = ("forgery", "replay")
# Tables, and forgiven replays, which are not recorded.
_FIXED_NUMBERS = ("windows", "free_window", "replays_forgiven")
_WHOLE_NUMBERS = ("hands", "burst", "per_minute", "parallel")
_CADENCES = ("player", "client")
_FLAGS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Rules:
    """All inputs of a verdict beside the play; `limits` by action type."""

    thresholds: Thresholds
    limits: Mapping[str, ActionTypeLimits]
    numbers: RuleParameters = RULE_PARAMETERS


@dataclass(slots=True)
class BacktestResult:
    """The result of a player's tries under other rules. Times are Unix seconds; `None` if that never happened.

    `prevented` counts the tries that scored in fact, and would have been refused or come after a suspension.
    """

    tries: int = 0
    flagged_at: float | None = None
    held_at: float | None = None
    refused: int = 0
    suspended_at: float | None = None
    prevented: int = 0
    peak: float = 0.0
    rules: tuple[str, ...] = ()


def with_changes(rules: Rules, changes: Mapping[str, str]) -> Rules:
    """Return the rules with other thresholds (`flag`), numbers (`pattern_adds`) and limits (`tap.min_seconds`).

    `soft_ceiling` may be `none`. Raises ValueError with the mistake, or with the names that exist.
    """
    for name, text in changes.items():
        rules = _with(rules, name, text)
    levels = rules.thresholds
    if not levels.flag < levels.reject < levels.critical or levels.half_life <= 0:
        raise ValueError("flag must be below reject, reject below critical, and half_life above 0")
    if "hold" in changes and not levels.flag <= levels.hold <= levels.reject:
        raise ValueError("hold must be from flag to reject")
    return rules


def _with(rules: Rules, name: str, text: str) -> Rules:
    slug, _, field = name.rpartition(".")
    change: dict[str, Any] = {field: _value(name, field, text)}
    if field in _names(ActionTypeLimits) and slug in rules.limits:
        return replace(rules, limits={**rules.limits, slug: replace(rules.limits[slug], **change)})
    if name in _names(rules.thresholds):
        return replace(rules, thresholds=replace(rules.thresholds, **change))
    if name in _names(rules.numbers):
        return replace(rules, numbers=replace(rules.numbers, **change))
    raise ValueError(f"there is no {name!r}; there are {', '.join(all_names(rules))}")


def all_names(rules: Rules) -> list[str]:
    """Return the names that can be changed."""
    limit_names = f"SLUG.{'|'.join(_names(ActionTypeLimits))} of {' '.join(rules.limits)}"
    return [*_names(rules.thresholds), *_names(rules.numbers), limit_names]


def _names(values: Thresholds | RuleParameters | type[ActionTypeLimits]) -> list[str]:
    return [field.name for field in fields(values) if field.name not in _FIXED_NUMBERS]


def _value(name: str, field: str, text: str) -> float | int | bool | str:
    if field == "cadence":
        return _choice(name, text, dict(zip(_CADENCES, _CADENCES, strict=True)))
    if field == "min_is_fact":
        return _choice(name, text, _FLAGS)
    if field == "soft_ceiling" and text == "none":
        return math.inf
    number = _number(name, text)
    return _whole(name, number) if field in _WHOLE_NUMBERS else number


def _choice(name: str, text: str, values: Mapping[str, bool | str]) -> bool | str:
    if text not in values:
        raise ValueError(f"{name} must be {' or '.join(values)}, not {text!r}")
    return values[text]


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{name} must be a number of at least 0, not {text!r}")
    return value


def _whole(name: str, value: float) -> int:
    if value != int(value):
        raise ValueError(f"{name} must be a whole number")
    return int(value)


class _Replay:
    def __init__(self, rules: Rules, since: float, cleared_at: float, forgiven: Collection[str]) -> None:
        self._rules, self._since, self._cleared_at = rules, since, cleared_at
        self._forgiven = forgiven
        self._level = Suspicion(0.0, 0.0)
        self._history: deque[Completion] = deque(maxlen=HISTORY_LENGTH)
        self.past, self._fired_rules = BacktestResult(), set[str]()

    def token(self, evidence: ReviewedSignal) -> None:
        """Raise the suspicion for a forged or used token: their number is known, the amount per token may change."""
        numbers = self._rules.numbers
        adds = numbers.forgery_adds if evidence.signal.rule == "forgery" else numbers.replay_adds
        if not self._is_suspended(evidence.at):
            self._raise(evidence.at, replace(evidence.signal, added=adds))
            self._note(evidence.at, outcome_at(self._level.value, self._rules.thresholds), [evidence.signal.rule])

    def attempt(self, reviewed_try: ReviewedTry, untimed: Signal | None) -> None:
        """Judge one try. `untimed`: the signal of the timing rule then, where it can't judge the try again."""
        at = reviewed_try.completion.completed_at
        if not self._is_suspended(at):
            if self._judge(reviewed_try, untimed) is Outcome.TOO_SOON:
                return
        elif not reviewed_try.refused and at >= self._since:
            self.past.prevented += 1
        self._history.append(reviewed_try.completion)

    def _judge(self, reviewed_try: ReviewedTry, untimed: Signal | None) -> Outcome:
        attempt, at = reviewed_try.completion, reviewed_try.completion.completed_at
        if untimed:
            self._raise(at, untimed)
        limits = self._rules.limits[attempt.action_type]
        rules, forgiven = self._rules, self._forgiven_at(at)
        verdict = judge(attempt, limits, self._history, self._level, rules.thresholds, rules.numbers, forgiven)
        self._level = verdict.suspicion
        self._note(
            at, verdict.outcome, [*(["timing"] if untimed else []), *(signal.rule for signal in verdict.signals)]
        )
        if at >= self._since and verdict.outcome is not Outcome.TOO_SOON:
            is_refused = verdict.outcome in (Outcome.REJECT, Outcome.CRITICAL)
            self.past.tries += 1
            self.past.refused += is_refused
            self.past.prevented += is_refused and not reviewed_try.refused
        return verdict.outcome

    def _note(self, at: float, outcome: Outcome, rules: Sequence[str]) -> None:
        if outcome is Outcome.CRITICAL and self.past.suspended_at is None:
            self.past.suspended_at = at
        if at < self._since:
            return
        self._fired_rules.update(rules)
        self.past.rules = tuple(sorted(self._fired_rules))
        self.past.peak = max(self.past.peak, self._level.value)
        if outcome not in (Outcome.CLEAN, Outcome.TOO_SOON) and self.past.flagged_at is None:
            self.past.flagged_at = at
        if outcome is Outcome.HOLD and self.past.held_at is None:
            self.past.held_at = at

    def _raise(self, at: float, signal: Signal) -> None:
        levels = self._rules.thresholds
        self._level = raised(
            self._level,
            [signal],
            at,
            half_life=levels.half_life,
            soft_ceiling=levels.soft_ceiling,
            hold=levels.hold,
            forgiven=self._forgiven_at(at),
        )

    def _forgiven_at(self, at: float) -> Collection[str]:
        return self._forgiven if at > self._cleared_at else ()

    def _is_suspended(self, at: float) -> bool:
        if self._level.at <= self._cleared_at < at:  # a person set it to 0 and lifted the suspension
            self._level = Suspicion(0.0, self._cleared_at)
            self._history.clear()
        suspended_at = self.past.suspended_at
        return suspended_at is not None and not suspended_at <= self._cleared_at < at


def backtest(
    tries: Sequence[ReviewedTry],
    evidence: Sequence[ReviewedSignal],
    rules: Rules,
    *,
    since: float,
    cleared_at: float = -math.inf,
    forgiven: Collection[str] = (),
) -> BacktestResult:
    """Judge a player's tries again, starting from a suspicion of 0; only tries from `since` on are counted.

    Earlier tries warm up the history and the level. The tries are taken as they were: a player who is refused earlier
    would perhaps have tried something else. `cleared_at`: the time at which a person set their suspicion to 0; from
    then on, the evidence of the `forgiven` rules counts a fraction.
    """
    replay = _Replay(rules, since, cleared_at, forgiven)
    timing = {record.action_id: record.signal for record in evidence if record.signal.rule == "timing"}
    tokens = [(record.at, partial(replay.token, record)) for record in evidence if record.signal.rule in _TOKEN_RULES]
    attempts = [
        (
            reviewed_try.completion.completed_at,
            partial(
                replay.attempt,
                reviewed_try,
                timing.get(reviewed_try.action_id) if _lacks_issue_time(reviewed_try) else None,
            ),
        )
        for reviewed_try in tries
    ]
    for _, judge_entry in sorted([*tokens, *attempts], key=lambda entry: entry[0]):
        judge_entry()
    return replay.past


def _lacks_issue_time(reviewed_try: ReviewedTry) -> bool:
    return math.isinf(reviewed_try.completion.issued_at)
