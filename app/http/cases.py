"""/admin/cases: for admins alone."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response, request

from app.domain import actors
from app.errors import NotFound
from app.http.bodies import CasesQuery, NewDecision, Undoing, body, query
from app.http.envelope import answer, plain, request_id
from app.http.identity import admin, container, me, signed_in
from app.http.limits import RateLimits
from app.services.moderation.decisions import DecisionAuthor
from app.stores.moderation.cases import Filters

_CASES = "/api/v1/admin/cases"


def blueprint(limits: RateLimits) -> Blueprint:
    """The routes, each with its limit."""
    routes = Blueprint("cases", __name__)

    @routes.get("/admin/cases")
    @signed_in()
    @limits.reads
    @admin
    def page() -> Response:
        asked = query(CasesQuery)
        player = container().accounts.find(asked.player).id if asked.player else None
        wanted = Filters(asked.state, player, asked.rule, asked.appealed, asked.since)
        rows, after = container().cases.page(wanted, limit=asked.limit, after=asked.after)
        return answer([plain(row) for row in rows], links=_next(after))

    @routes.get("/admin/cases/<uuid:case_id>")
    @signed_in()
    @limits.reads
    @admin
    def one(case_id: UUID) -> Response:
        return _shown(case_id)

    @routes.post("/admin/cases/<uuid:case_id>/decision")
    @signed_in()
    @limits.reads
    @admin
    def decide(case_id: UUID) -> Response:
        given = body(NewDecision)
        container().decisions.decide(case_id, given.decision, _by(given.reason))
        return _shown(case_id)

    @routes.post("/admin/cases/<uuid:case_id>/undo")
    @signed_in()
    @limits.reads
    @admin
    def undo(case_id: UUID) -> Response:
        container().decisions.undo(case_id, _by(body(Undoing).reason))
        return _shown(case_id)

    return routes


def _by(reason: str) -> DecisionAuthor:
    return DecisionAuthor(actors.admin(me().player_id), reason, request_id())


def _shown(case_id: UUID) -> Response:
    """The case as it is now, in the contract's words."""
    found = container().cases.one(case_id)
    if found is None:
        raise NotFound("There is no such case.")
    case: dict[str, Any] = plain(found)
    appeal = {"text": case.pop("appeal"), "appealed_at": case.pop("appealed_at")}
    shown = {**case, "appeal": appeal if appeal["text"] is not None else None}
    address = f"{_CASES}/{case_id}"
    return answer(shown, links={"self": address, "decision": f"{address}/decision", "undo": f"{address}/undo"})


def _next(after: UUID | None) -> dict[str, str] | None:
    if after is None:
        return None
    kept = {name: value for name, value in request.args.items() if name != "after"}
    return {"next": f"{_CASES}?{urlencode({**kept, 'after': str(after)})}"}
