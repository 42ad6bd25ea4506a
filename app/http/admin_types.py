"""The routes of /admin/action-types, for admins and their keys."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, Response

from app.errors import InvalidRequest
from app.http.admin_changes import author, begun, carried_out, created, dry_run
from app.http.board_bodies import NewType, TypeChange, given
from app.http.bodies import Nothing, body, no_query
from app.http.envelope import answer, plain
from app.http.identity import container, operated
from app.http.limits import RateLimits
from app.services.boards.board_catalog import ListedType

_TYPES = "/api/v1/admin/action-types"


def blueprint(limits: RateLimits) -> Blueprint:
    """Return the routes, each with its limit."""
    routes = Blueprint("admin_types", __name__)

    @routes.get("/admin/action-types")
    @operated(limits)
    def types() -> Response:
        no_query()
        return answer([_data(listed) for listed in container().board_catalog.action_types()])

    @routes.get("/admin/action-types/<slug>")
    @operated(limits)
    def action_type(slug: str) -> Response:
        no_query()
        return _render(slug)

    @routes.post("/admin/action-types")
    @operated(limits)
    def create() -> Response:
        params = body(NewType)
        plan = container().board_changes.plan_type(params.slug, given(params))
        address = f"{_TYPES}/{params.slug}"
        return carried_out(
            plan, params, lambda: created(_data(container().board_catalog.action_type(params.slug)), address)
        )

    @routes.patch("/admin/action-types/<slug>")
    @operated(limits)
    def change(slug: str) -> Response:
        params, changes = body(TypeChange), container().board_changes
        values = given(params)
        if not values:
            raise InvalidRequest.field("body", "must have a field to change")
        if params.dry_run:
            return dry_run(changes.plan_type_change(slug, values), params)
        replay_id = changes.change_type(slug, values, rebuild=params.rebuild, by=author())
        return _render(slug) if replay_id is None else begun(replay_id)

    @routes.post("/admin/action-types/<slug>/retire")
    @operated(limits)
    def retire(slug: str) -> Response:
        body(Nothing)
        by = author()
        container().actions.retire(slug, by=by.actor, request_id=by.request_id)
        return _render(slug)

    return routes


def _render(slug: str) -> Response:
    return answer(_data(container().board_catalog.action_type(slug)), links={"self": f"{_TYPES}/{slug}"})


def _data(listed: ListedType) -> dict[str, object]:
    action_type = listed.action_type
    values = {name: value for name, value in asdict(action_type).items() if name not in ("id", "more_boards")}
    return plain({**values, "boards": action_type.boards, "retired_at": listed.retired_at})
