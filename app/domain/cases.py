"""Cases: the rules for their texts, and the summary of their evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, get_args

CaseState = Literal["open", "cleared", "confirmed"]
CaseRule = Literal[
    "timing",
    "pattern",
    "frequency",
    "plausibility",
    "forgery",
    "replay",
    "linked",
    "model",  # any of the model's features, which follow
    "limit",
    "hours",
    "hours in a week",
    "stretch",
    "stretch in a week",
    "awake",
    "no night",
    "points",
    "points in a week",
    "pace",
    "pace in a week",
    "quick",
    "quick in a week",
    "prompt",
    "prompt in a week",
    "steady",
    "steady in a week",
    "steady press",
    "steady press in a week",
    "unhesitating",
    "unhesitating in a week",
    "symmetric",
    "symmetric in a week",
    "forgetful",
    "forgetful in a week",
    "repeats",
    "repeats in a week",
    "echo",
    "echo in a week",
    "punctual",
    "same sessions",
    "same days",
    "gain",
    "podium",
]
CaseOrder = Literal["newest", "harm"]
Decision = Literal["cleared", "confirmed"]
DECISIONS: tuple[Decision, ...] = ("cleared", "confirmed")
STATES: tuple[CaseState, ...] = ("open", "cleared", "confirmed")
RULES: tuple[CaseRule, ...] = get_args(CaseRule)
REASON_LENGTH = 1000
APPEAL_LENGTH = 2000


@dataclass(frozen=True, slots=True)
class CaseSignal:
    """One signal on a case: the observation, the expectation, the suspicion it added, and how much of that is left.

    `is_hard`: no honest client could have done it.
    """

    at: datetime
    source: str
    rule: str
    action_id: str | None
    action_type: str | None
    seen: str
    expected: str
    added: float
    left: float
    suspicion: float
    outcome: str
    is_hard: bool = False

    def as_row(self) -> dict[str, object]:
        """Return the signal's fields, and how much of the added suspicion has decayed."""
        row = {name: getattr(self, name) for name in self.__slots__}
        return {**row, "added": round(self.added, 1), "left": round(self.left, 1), **self._decay()}

    def _decay(self) -> dict[str, float]:
        return {"decayed": round(round(self.added, 1) - round(self.left, 1), 1), "suspicion": round(self.suspicion, 1)}


def check_reason(text: str) -> str:
    """Return the reason itself. Raises ValueError with the rule that it breaks."""
    return _check(text, REASON_LENGTH)


def check_appeal(text: str) -> str:
    """Return the appeal itself. Raises ValueError with the rule that it breaks."""
    return _check(text, APPEAL_LENGTH)


def _check(text: str, limit: int) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    if len(text) > limit:
        raise ValueError(f"must have at most {limit} characters")
    if not all(character.isprintable() or character in "\n\r\t" for character in text):
        raise ValueError("must have printable characters only")
    return text


def summary(
    username: str, evidence: Sequence[CaseSignal], accusations: Mapping[str, str], level_refusals: int = 0
) -> str:
    """Return the case in words that a person can check: acts, how often and when, an example, and the consequences.

    `accusations` are the rules' (anticheat/rules.py); `level_refusals` are the tries that earlier suspicion refused,
    without a signal of their own.
    """
    if not evidence:
        return f"There is no evidence against {username} on this case."
    clauses = [
        _describe([signal for signal in evidence if _kind(signal) == kind], accusations)
        for kind in dict.fromkeys(map(_kind, evidence))
    ]
    return " ".join(
        [
            f"{username} {clauses[0]}",
            *(f"{username} also {clause}" for clause in clauses[1:]),
            _describe_outcome(evidence, level_refusals),
        ]
    )


def _kind(signal: CaseSignal) -> str:
    return signal.source if signal.source in ("model", "gain") else signal.rule


def _describe(signals: Sequence[CaseSignal], accusations: Mapping[str, str]) -> str:
    strongest = max(signals, key=lambda signal: signal.added)
    where = f"{strongest.action_type}, " if strongest.action_type else ""
    if strongest.source == "model":
        latest = [signal for signal in signals if signal.at == max(peer.at for peer in signals)]
        text = "; ".join(f"{signal.seen} ({signal.expected})" for signal in latest)
        return f"played unlike other players up to {_utc(latest[0].at)} UTC: {text}."
    if strongest.source == "gain":
        latest_signal = max(signals, key=lambda signal: signal.at)
        return f"gained {latest_signal.seen}, on {_utc(latest_signal.at)} UTC; expected are {latest_signal.expected}."
    phrase = accusations.get(strongest.rule, f"was noticed by the rule '{strongest.rule}'")
    if strongest.source == "linked":
        return f"{phrase}, {_span(signals)}: {strongest.seen} ({strongest.expected})."
    example = f"{where}{strongest.seen}, where {strongest.expected} is expected"
    if strongest.rule == "pattern":
        example = f"{where}{strongest.seen}, while {strongest.expected}"
    return f"{phrase}, {_times(len(signals))} {_span(signals)}: {'for example ' if len(signals) > 1 else ''}{example}."


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")


def _span(signals: Sequence[CaseSignal]) -> str:
    first, last = min(signal.at for signal in signals), max(signal.at for signal in signals)
    begin, end = _utc(first), _utc(last)
    if begin == end:
        return f"on {begin} UTC"
    if begin[:10] == end[:10]:
        return f"from {begin} to {end[11:]} UTC"
    return f"from {begin} to {end} UTC"


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _describe_outcome(evidence: Sequence[CaseSignal], level_refusals: int) -> str:
    peak = max(signal.suspicion for signal in evidence)
    live = [signal for signal in evidence if signal.source == "live"]
    refusals = level_refusals + _count_actions(signal for signal in live if signal.outcome in ("reject", "critical"))
    text = f"Suspicion rose to {peak:.0f}" if peak else "It did not change their suspicion"
    if refusals:
        text += f"; {refusals:,} {'try was' if refusals == 1 else 'tries were'} refused"
    if any(signal.outcome == "hold" for signal in evidence):
        text += ", and points were held"
    if any(signal.outcome == "critical" for signal in live):
        text += ", and the account was suspended"
    if not live and not refusals:
        text += "; nothing was refused, a later review found it"
    return text + "."


def _count_actions(evidence: Iterable[CaseSignal]) -> int:
    return len({signal.action_id for signal in evidence})
