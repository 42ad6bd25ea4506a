"""The routes of /admin/boards, for admins and their keys."""

from __future__ import annotations

from flask import Blueprint, Response

from app.domain.board_plans import Plan
from app.domain.times import rfc3339
from app.errors import InvalidRequest
from app.http.admin_changes import author, carried_out, created
from app.http.board_bodies import Archiving, BoardChange, GivenPlan, NewBoard, SeasonEnd, given
from app.http.boards import board_data, season_data
from app.http.bodies import body, no_query
from app.http.envelope import answer, plain
from app.http.identity import container, operated
from app.http.limits import RateLimits
from app.http.plan_presenter import plan_data
from app.services.boards.board_catalog import ListedBoard
from app.services.boards.board_changes import Prospect

_BOARDS = "/api/v1/admin/boards"


def blueprint(limits: RateLimits) -> Blueprint:
    """Return the routes, each with its limit."""
    routes = Blueprint("admin_boards", __name__)

    @routes.get("/admin/boards")
    @operated(limits)
    def boards() -> Response:
        no_query()
        return answer([_data(listed) for listed in container().board_catalog.boards()])

    @routes.post("/admin/boards")
    @operated(limits)
    def create() -> Response:
        params = body(NewBoard)
        plan = container().board_changes.plan_board(params.slug, given(params), params.action_types)
        address = f"{_BOARDS}/{params.slug}"
        return carried_out(plan, params, lambda: created(_data(container().board_catalog.board(params.slug)), address))

    @routes.post("/admin/boards/apply")
    @operated(limits)
    def apply() -> Response:
        params = body(GivenPlan)
        plan = container().board_plans.plan(
            {slug: given(fields) for slug, fields in params.boards.items()},
            {slug: given(fields) for slug, fields in params.action_types.items()},
        )
        return carried_out(plan, params, lambda: _applied(plan))

    @routes.get("/admin/boards/<slug>")
    @operated(limits)
    def board(slug: str) -> Response:
        no_query()
        return _render(slug)

    @routes.patch("/admin/boards/<slug>")
    @operated(limits)
    def change(slug: str) -> Response:
        params = body(BoardChange)
        values = given(params)
        if not (values or params.add_types or params.remove_types):
            raise InvalidRequest.field("body", "must have a field to change")
        plan = container().board_changes.plan_board_change(slug, values, params.add_types, params.remove_types)
        return carried_out(plan, params, lambda: _render(slug))

    @routes.post("/admin/boards/<slug>/archive")
    @operated(limits)
    def archive(slug: str) -> Response:
        dry_run = body(Archiving).dry_run
        container().board_plans.archive(slug, by=author(), dry_run=dry_run)
        data = {"slug": slug, "archived": not dry_run, "dry_run": dry_run}
        return answer(data, links={"seasons": f"{_BOARDS}/{slug}/seasons"})

    @routes.get("/admin/boards/<slug>/seasons")
    @operated(limits)
    def seasons(slug: str) -> Response:
        no_query()
        return answer([season_data(season) for season in container().board_catalog.seasons(slug)])

    @routes.post("/admin/boards/<slug>/close-season")
    @operated(limits)
    def close_season(slug: str) -> Response:
        params, by = body(SeasonEnd), author()
        ends_at = container().seasons.end(
            slug, params.season, by=by.actor, request_id=by.request_id, dry_run=params.dry_run
        )
        data = {"board": slug, "ends_at": rfc3339(ends_at), "dry_run": params.dry_run}
        return answer(data, links={"seasons": f"{_BOARDS}/{slug}/seasons"})

    return routes


def _applied(plan: Plan) -> Response:
    return answer(plain({**plan_data(Prospect(plan, (), None)), "dry_run": False}))


def _render(slug: str) -> Response:
    address = f"{_BOARDS}/{slug}"
    return answer(
        _data(container().board_catalog.board(slug)), links={"self": address, "seasons": f"{address}/seasons"}
    )


def _data(listed: ListedBoard) -> dict[str, object]:
    return plain({**board_data(listed.board, listed.season), "action_types": listed.action_types})
