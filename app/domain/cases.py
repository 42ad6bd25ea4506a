"""Cases: what may be said about one, and the sentence that sums it up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

CaseState = Literal["open", "cleared", "confirmed"]
Decision = Literal["cleared", "confirmed"]
DECISIONS: tuple[Decision, ...] = ("cleared", "confirmed")
STATES: tuple[CaseState, ...] = ("open", "cleared", "confirmed")
REASON_LENGTH = 1000
APPEAL_LENGTH = 2000

_PHRASES = {
    "timing": "completed actions faster than they can be done",
    "pattern": "repeated an action more evenly than a hand can",
    "frequency": "completed more in a short time than hands can",
    "forgery": "presented action tokens that were changed or made up",
    "replay": "presented used action tokens again and again",
}


@dataclass(frozen=True, slots=True)
class CaseSignal:
    """One signal on a case: what was seen where, what was expected, what it added, and what of that is left by now."""

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

    def as_row(self) -> dict[str, Any]:
        """With what has decayed of it."""
        row = {name: getattr(self, name) for name in self.__slots__}
        return {**row, "added": round(self.added, 1), "left": round(self.left, 1), **self._rest()}

    def _rest(self) -> dict[str, float]:
        return {"decayed": round(round(self.added, 1) - round(self.left, 1), 1), "suspicion": round(self.suspicion, 1)}


def check_reason(text: str) -> str:
    """The reason itself. Raises ValueError with what is wrong."""
    return _check(text, REASON_LENGTH)


def check_appeal(text: str) -> str:
    """The appeal itself. Raises ValueError with what is wrong."""
    return _check(text, APPEAL_LENGTH)


def _check(text: str, most: int) -> str:
    if not text.strip():
        raise ValueError("must say something")
    if len(text) > most:
        raise ValueError(f"must have at most {most} characters")
    if not all(part.isprintable() or part in "\n\r\t" for part in text):
        raise ValueError("must have printable characters only")
    return text


def summary(username: str, evidence: Sequence[CaseSignal]) -> str:
    """The case in words that a person can check: what was done, how often and when, by example, and what followed."""
    if not evidence:
        return f"There is no evidence against {username} on this case."
    told = [_of_rule([one for one in evidence if _kind(one) == kind]) for kind in dict.fromkeys(map(_kind, evidence))]
    return " ".join([f"{username} {told[0]}", *(f"{username} also {each}" for each in told[1:]), _followed(evidence)])


def _kind(one: CaseSignal) -> str:
    return "model" if one.source == "model" else one.rule


def _of_rule(found: Sequence[CaseSignal]) -> str:
    best = max(found, key=lambda one: one.added)
    where = f"{best.action_type}, " if best.action_type else ""
    if best.source == "model":
        last = [one for one in found if one.at == max(each.at for each in found)]
        seen = "; ".join(f"{one.seen} ({one.expected})" for one in last)
        return f"played unlike anybody else in the day before {_minute(last[0].at)} UTC, by the learned model: {seen}."
    phrase = _PHRASES.get(best.rule, f"was noticed by the rule '{best.rule}'")
    example = f"{where}{best.seen}, where {best.expected} is expected"
    if best.rule == "pattern":
        example = f"{where}{best.seen}, while {best.expected}"
    return f"{phrase}, {_times(len(found))} {_when(found)}: {'for example ' if len(found) > 1 else ''}{example}."


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")


def _when(found: Sequence[CaseSignal]) -> str:
    first, last = min(one.at for one in found), max(one.at for one in found)
    begin, end = _minute(first), _minute(last)
    if begin == end:
        return f"on {begin} UTC"
    if begin[:10] == end[:10]:
        return f"from {begin} to {end[11:]} UTC"
    return f"from {begin} to {end} UTC"


def _minute(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _followed(evidence: Sequence[CaseSignal]) -> str:
    peak = max(one.suspicion for one in evidence)
    live = [one for one in evidence if one.source == "live"]
    refused = _actions(one for one in live if one.outcome in ("reject", "critical"))
    said = f"Suspicion rose to {peak:.0f}" if peak else "It changed nothing about their suspicion"
    if live and refused:
        said += f"; {refused:,} {'try was' if refused == 1 else 'tries were'} refused"
    if any(one.outcome == "critical" for one in live):
        said += ", and the account was suspended"
    if not live:
        said += "; nothing was refused, a later look found it"
    return said + "."


def _actions(evidence: Iterable[CaseSignal]) -> int:
    return len({one.action_id for one in evidence})
