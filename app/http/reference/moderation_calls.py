"""The calls of moderators, and those that read analytics and the audit log."""

from __future__ import annotations

from app import errors
from app.http.answers import moderation as answers
from app.http.bodies import AnalyticsQuery, AuditQuery, CasesQuery
from app.http.cases import NewDecision, Undoing
from app.http.corrections import CorrectionsQuery, NewRestore, NewVoid
from app.http.reference.call import API, Call, operators

_ADMIN = operators()
_MODERATOR = operators("moderate")
_CASES = "Admin: cases"
_LEDGER = "Admin: corrections"
_REPORTS = "Admin: reports"
_CASE = f"{API}/admin/cases"
_CORRECTION = f"{API}/admin/corrections"
_CASE_LINKS = ("self", "decision", "undo")

CALLS = [
    Call(
        "GET",
        _CASE,
        "List cases",
        _CASES,
        _MODERATOR,
        {200: list[answers.ListedCase]},
        (errors.NotFound,),
        query=CasesQuery,
        links=("next",),
    ),
    Call(
        "GET",
        f"{_CASE}/<uuid:case_id>",
        "Read a case",
        _CASES,
        _MODERATOR,
        {200: answers.CaseFile},
        links=_CASE_LINKS,
    ),
    Call(
        "POST",
        f"{_CASE}/<uuid:case_id>/decision",
        "Decide a case",
        _CASES,
        _MODERATOR,
        {200: answers.CaseFile | answers.Moves},
        (errors.AlreadyDecided, errors.Conflict),
        body=NewDecision,
        links=_CASE_LINKS,
        description="`cleared` or `confirmed`, with a reason for the audit log.",
        example={"decision": "cleared", "reason": "A person with a fast hand."},
    ),
    Call(
        "POST",
        f"{_CASE}/<uuid:case_id>/undo",
        "Undo the decision on a case",
        _CASES,
        _MODERATOR,
        {200: answers.CaseFile | answers.Moves},
        (errors.NothingToUndo, errors.CaseOpen, errors.Conflict),
        body=Undoing,
        links=_CASE_LINKS,
        example={"reason": "The proof was a mistake."},
    ),
    Call(
        "GET",
        _CORRECTION,
        "List corrections",
        _LEDGER,
        _MODERATOR,
        {200: list[answers.Correction]},
        query=CorrectionsQuery,
        links=("next",),
    ),
    Call(
        "POST",
        _CORRECTION,
        "Void scores",
        _LEDGER,
        _MODERATOR,
        {201: answers.Correction, 202: answers.Correction, 200: answers.Moves},
        (errors.NotFound, errors.Conflict),
        body=NewVoid,
        links=("self", "restore"),
        has_location=True,
        description="201 if it is done already, 202 if the workers go on, 200 for a dry run.",
        example={"player": "anna", "reason": "Entered twice.", "dry_run": True},
    ),
    Call(
        "GET",
        f"{_CORRECTION}/<uuid:correction_id>",
        "Read a correction",
        _LEDGER,
        _MODERATOR,
        {200: answers.Correction},
        links=("self", "restore"),
    ),
    Call(
        "POST",
        f"{_CORRECTION}/<uuid:correction_id>/restore",
        "Restore voided scores",
        _LEDGER,
        _MODERATOR,
        {201: answers.Correction, 202: answers.Correction, 200: answers.Moves},
        (errors.Conflict,),
        body=NewRestore,
        links=("self", "restore"),
        has_location=True,
        example={"reason": "The void was a mistake."},
    ),
    Call(
        "GET",
        f"{API}/admin/analytics",
        "Read analytics",
        _REPORTS,
        _ADMIN,
        {200: list[answers.Rollup]},
        (errors.NotFound,),
        query=AnalyticsQuery,
    ),
    Call(
        "GET",
        f"{API}/admin/audit",
        "Read the audit log",
        _REPORTS,
        _ADMIN,
        {200: list[answers.AuditRow]},
        query=AuditQuery,
        links=("next",),
        description="The newest first.",
    ),
    Call("GET", f"{API}/admin/gain", "Read bounded gain", _REPORTS, _ADMIN, {200: answers.Gain}),
]
