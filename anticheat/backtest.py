"""What other thresholds or rule numbers would have made of a player's past."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

from anticheat.history import HISTORY_LENGTH, Completion
from anticheat.review import ReviewedSignal, ReviewedTry
from anticheat.rule_parameters import NUMBERS, Numbers
from anticheat.rules import ActionTypeLimits
from anticheat.suspicion import Suspicion, decayed
from anticheat.verdict import Outcome, Thresholds, judge, outcome_at

_OF_TOKENS = ("forgery", "replay")
_NOT_TO_CHANGE = ("windows", "replays_forgiven")  # a table; and of what it forgives nothing is kept
_WHOLE = ("burst", "per_minute")
_OF_TYPES = ("min_seconds", "burst", "per_minute", "steadiest_hand")


@dataclass(frozen=True, slots=True)
class Rules:
    """All that a verdict depends on beside the play; `limits` by action type."""

    thresholds: Thresholds
    limits: Mapping[str, ActionTypeLimits]
    numbers: Numbers = NUMBERS


@dataclass(slots=True)
class BacktestResult:
    """What would have come of a player's tries. Times are Unix seconds; None: it never came to that.

    `prevented` are tries that scored in fact, and would have been refused or come after a suspension.
    """

    tries: int = 0
    flagged_at: float | None = None
    refused: int = 0
    suspended_at: float | None = None
    prevented: int = 0
    peak: float = 0.0
    rules: tuple[str, ...] = ()


def changed(rules: Rules, changes: Mapping[str, str]) -> Rules:
    """With these thresholds (`flag`), numbers of rules (`pattern_adds`) and limits (`tap.min_seconds`) instead.

    Raises ValueError with what is wrong, or what there is.
    """
    for name, text in changes.items():
        rules = _with(rules, name, _number(name, text))
    levels = rules.thresholds
    if not levels.flag < levels.reject < levels.critical or levels.half_life <= 0:
        raise ValueError("flag must be below reject, reject below critical, and half_life above 0")
    return rules


def _with(rules: Rules, name: str, value: float) -> Rules:
    slug, _, field = name.rpartition(".")
    given: dict[str, Any] = {field: _whole(name, value) if field in _WHOLE else value}
    if field in _OF_TYPES and slug in rules.limits:
        return replace(rules, limits={**rules.limits, slug: replace(rules.limits[slug], **given)})
    if name in _names(rules.thresholds):
        return replace(rules, thresholds=replace(rules.thresholds, **given))
    if name in _names(rules.numbers):
        return replace(rules, numbers=replace(rules.numbers, **given))
    raise ValueError(f"there is no {name!r}; there are {', '.join(all_names(rules))}")


def all_names(rules: Rules) -> list[str]:
    """What can be changed."""
    of_types = f"SLUG.{'|'.join(_OF_TYPES)} of {' '.join(rules.limits)}"
    return [*_names(rules.thresholds), *_names(rules.numbers), of_types]


def _names(values: Thresholds | Numbers) -> list[str]:
    return [field.name for field in fields(values) if field.name not in _NOT_TO_CHANGE]


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{name} must be a number from 0 on, not {text!r}")
    return value


def _whole(name: str, value: float) -> int:
    if value != int(value):
        raise ValueError(f"{name} must be a whole number")
    return int(value)


class _Replay:
    def __init__(self, rules: Rules, since: float, cleared_at: float) -> None:
        self._rules, self._since, self._cleared_at = rules, since, cleared_at
        self._level = Suspicion(0.0, 0.0)
        self._history: deque[Completion] = deque(maxlen=HISTORY_LENGTH)
        self.past, self._seen = BacktestResult(), set[str]()

    def token(self, evidence: ReviewedSignal) -> None:
        """A forged or a used token: how often that was is known, what it adds may change."""
        numbers = self._rules.numbers
        adds = numbers.forgery_adds if evidence.signal.rule == "forgery" else numbers.replay_adds
        if not self._suspended(evidence.at):
            self._raise(evidence.at, adds)
            self._note(evidence.at, outcome_at(self._level.value, self._rules.thresholds), [evidence.signal.rule])

    def attempt(self, one: ReviewedTry, untimed: float) -> None:
        """`untimed`: what the timing rule added then, where that can't be judged again."""
        at = one.completion.completed_at
        if not self._suspended(at):
            self._judge(one, untimed)
        elif not one.refused and at >= self._since:
            self.past.prevented += 1
        self._history.append(one.completion)

    def _judge(self, one: ReviewedTry, untimed: float) -> None:
        attempt, at = one.completion, one.completion.completed_at
        if untimed:
            self._raise(at, untimed)
        limits = self._rules.limits[attempt.action_type]
        verdict = judge(attempt, limits, self._history, self._level, self._rules.thresholds, self._rules.numbers)
        self._level = verdict.suspicion
        self._note(at, verdict.outcome, [*(["timing"] if untimed else []), *(each.rule for each in verdict.signals)])
        if at < self._since:
            return
        self.past.tries += 1
        if verdict.outcome in (Outcome.REJECT, Outcome.CRITICAL):
            self.past.refused += 1
            self.past.prevented += not one.refused

    def _note(self, at: float, outcome: Outcome, rules: Sequence[str]) -> None:
        if outcome is Outcome.CRITICAL and self.past.suspended_at is None:
            self.past.suspended_at = at
        if at < self._since:
            return
        self._seen.update(rules)
        self.past.rules = tuple(sorted(self._seen))
        self.past.peak = max(self.past.peak, self._level.value)
        if outcome is not Outcome.CLEAN and self.past.flagged_at is None:
            self.past.flagged_at = at

    def _raise(self, at: float, added: float) -> None:
        self._level = Suspicion(decayed(self._level, at, self._rules.thresholds.half_life) + added, at)

    def _suspended(self, at: float) -> bool:
        if self._level.at <= self._cleared_at < at:  # a person set it to 0, and lifted a suspension
            self._level = Suspicion(0.0, self._cleared_at)
        suspended_at = self.past.suspended_at
        return suspended_at is not None and not suspended_at <= self._cleared_at < at


def backtest(
    tries: Sequence[ReviewedTry],
    kept: Sequence[ReviewedSignal],
    rules: Rules,
    *,
    since: float,
    cleared_at: float = -math.inf,
) -> BacktestResult:
    """Play a player's tries again, from a suspicion of 0; only what is from `since` on is counted.

    Those before warm up the history and the level. What was tried is taken as it was: a player who is refused earlier
    would perhaps have tried something else. `cleared_at`: when a person set their suspicion to 0.
    """
    replay = _Replay(rules, since, cleared_at)
    timing = {each.action_id: each.signal.added for each in kept if each.signal.rule == "timing"}
    tokens = [(each.at, partial(replay.token, each)) for each in kept if each.signal.rule in _OF_TOKENS]
    played = [
        (
            each.completion.completed_at,
            partial(replay.attempt, each, timing.get(each.action_id, 0.0) if _untimed(each) else 0.0),
        )
        for each in tries
    ]
    for _, happens in sorted([*tokens, *played], key=lambda one: one[0]):
        happens()
    return replay.past


def _untimed(one: ReviewedTry) -> bool:
    return math.isinf(one.completion.issued_at)
