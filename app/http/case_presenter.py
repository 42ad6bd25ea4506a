"""Cases as the API and the command line write them; ids and times are not text yet."""

from __future__ import annotations

from dataclasses import asdict

from app.services.moderation.cases import CaseFile
from app.stores.moderation.case_groups import LinkedCase
from app.stores.moderation.cases import Case, ListedCase, OwnCase, StoredDecision

_CASE_FIELDS = (
    "case_id",
    "state",
    "opened_at",
    "starts_at",
    "decided_at",
    "decided_by",
    "reason",
    "correction_id",
)
_PLAYER_FIELDS = ("player_id", "username", "status", "held")
_APPEAL_FIELDS = ("appeal", "appealed_at")
_LIST_FIELDS = (
    "case_id",
    "state",
    "opened_at",
    "starts_at",
    "decided_at",
    "decided_by",
    "appealed_at",
    "player_id",
    "username",
    "status",
    "signals",
    "highest_suspicion",
    "rules",
)
_OWN_FIELDS = ("case_id", "state", "opened_at", "decided_at", "appealed_at", "may_appeal")
_LINKED_FIELDS = ("case_id", "username", "status", "state", "opened_at")
_DECISION_FIELDS = (
    "decision",
    "decided_by",
    "decided_by_name",
    "decided_at",
    "reason",
    "correction_id",
    "request_id",
)


def case_data(file: CaseFile) -> dict[str, object]:
    """Return a case file for the API, with the appeal as an object or null."""
    case = file.case
    appeal = None if case.appeal is None else {"text": case.appeal, "appealed_at": case.appealed_at}
    return {**_select(case, _CASE_FIELDS), **_select(case, _PLAYER_FIELDS), **_evidence(file), "appeal": appeal}


def case_row(file: CaseFile) -> dict[str, object]:
    """Return a case file for the command line, in one level."""
    names = (*_CASE_FIELDS, *_APPEAL_FIELDS, *_PLAYER_FIELDS)
    return {**_select(file.case, names), **_evidence(file)}


def listed_case(case: ListedCase) -> dict[str, object]:
    """Return a case of a list; `harm` has the parts of the expected harm, and is null for a decided case."""
    return {**_select(case, _LIST_FIELDS), "harm": asdict(case.harm) if case.harm else None}


def own_case(case: OwnCase) -> dict[str, object]:
    """Return a case as its player may know it."""
    return _select(case, _OWN_FIELDS)


def decision_row(decision: StoredDecision) -> dict[str, object]:
    """Return a decision on a case."""
    return _select(decision, _DECISION_FIELDS)


def linked_row(case: LinkedCase) -> dict[str, object]:
    """Return a case of a linked account."""
    return _select(case, _LINKED_FIELDS)


def _evidence(file: CaseFile) -> dict[str, object]:
    return {
        "signals": [signal.as_row() for signal in file.signals],
        "signals_total": file.case.signals,
        "summary": file.summary,
        "suspicion": file.suspicion,
        "decisions": [decision_row(decision) for decision in file.decisions],
        "linked_cases": [linked_row(case) for case in file.linked_cases],
    }


def _select(
    record: Case | ListedCase | OwnCase | StoredDecision | LinkedCase, names: tuple[str, ...]
) -> dict[str, object]:
    return {name: getattr(record, name) for name in names}
