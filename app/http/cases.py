"""The routes of /admin/cases, for admins and keys that moderate."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response, request

from app.domain.cases import Decision
from app.errors import NotFound
from app.http.admin_bodies import PREVIEW_SECONDS, DryRun, Reason
from app.http.admin_presenter import moves_data
from app.http.bodies import CasesQuery, body, no_query, query
from app.http.case_presenter import case_data, listed_case
from app.http.envelope import answer, plain, request_id
from app.http.identity import actor, container, operated
from app.http.limits import RateLimits
from app.services.moderation.decisions import DecisionAuthor
from app.stores.moderation.cases import Filters

_CASES = "/api/v1/admin/cases"


class NewDecision(DryRun):
    """The body of `POST /admin/cases/{id}/decision`."""

    decision: Decision
    reason: Reason


class Undoing(DryRun):
    """The body of `POST /admin/cases/{id}/undo`."""

    reason: Reason


def blueprint(limits: RateLimits) -> Blueprint:
    """Return the routes, each with its limit."""
    routes = Blueprint("cases", __name__)

    @routes.get("/admin/cases")
    @operated(limits, "moderate")
    def page() -> Response:
        params = query(CasesQuery)
        player_id = container().accounts.find(params.player).id if params.player else None
        filters = Filters(params.state, player_id, params.rule, params.appealed, params.since)
        rows, after = container().cases.page(filters, limit=params.limit, after=params.after, order=params.order)
        return answer([plain(listed_case(row)) for row in rows], links=_next_link(after))

    @routes.get("/admin/cases/<uuid:case_id>")
    @operated(limits, "moderate")
    def case(case_id: UUID) -> Response:
        no_query()
        return _render_case(case_id)

    @routes.post("/admin/cases/<uuid:case_id>/decision")
    @operated(limits, "moderate")
    def decide(case_id: UUID) -> Response:
        judgement = body(NewDecision)
        if judgement.dry_run:
            return _preview(case_id, judgement.decision, judgement)
        container().decisions.decide(case_id, judgement.decision, _author(judgement.reason))
        return _render_case(case_id)

    @routes.post("/admin/cases/<uuid:case_id>/undo")
    @operated(limits, "moderate")
    def undo(case_id: UUID) -> Response:
        undoing = body(Undoing)
        if undoing.dry_run:
            return _preview(case_id, None, undoing)
        container().decisions.undo(case_id, _author(undoing.reason))
        return _render_case(case_id)

    return routes


def _preview(case_id: UUID, decision: Decision | None, params: NewDecision | Undoing) -> Response:
    preview = container().decisions.preview(
        case_id, decision, _author(params.reason), limit=params.limit, seconds=PREVIEW_SECONDS
    )
    return answer(plain(moves_data(preview)))


def _author(reason: str) -> DecisionAuthor:
    return DecisionAuthor(actor(), reason, request_id())


def _render_case(case_id: UUID) -> Response:
    """Return the case's present state in the API's words. Raises NotFound."""
    case_file = container().cases.case_file(case_id)
    if case_file is None:
        raise NotFound("There is no such case.")
    address = f"{_CASES}/{case_id}"
    return answer(
        plain(case_data(case_file)),
        links={"self": address, "decision": f"{address}/decision", "undo": f"{address}/undo"},
    )


def _next_link(after: UUID | None) -> dict[str, str] | None:
    if after is None:
        return None
    params = {name: value for name, value in request.args.items() if name != "after"}
    return {"next": f"{_CASES}?{urlencode({**params, 'after': str(after)})}"}
