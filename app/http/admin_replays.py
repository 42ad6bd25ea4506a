"""The routes of /admin/replays, for admins and their keys: changes of boards that wait until the ledger is replayed."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response

from app.http.admin_bodies import Limit
from app.http.admin_changes import author, replay_data, replay_links
from app.http.bodies import Nothing, Strict, body, no_query, query
from app.http.envelope import answer
from app.http.identity import container, operated
from app.http.limits import RateLimits


class ReplaysQuery(Strict):
    """The parameters of `GET /admin/replays`."""

    limit: Limit = 50


def blueprint(limits: RateLimits) -> Blueprint:
    """Return the routes, each with its limit."""
    routes = Blueprint("admin_replays", __name__)

    @routes.get("/admin/replays")
    @operated(limits)
    def page() -> Response:
        return answer([replay_data(replay) for replay in container().replays.page(query(ReplaysQuery).limit)])

    @routes.get("/admin/replays/<uuid:replay_id>")
    @operated(limits)
    def show(replay_id: UUID) -> Response:
        no_query()
        return answer(replay_data(container().replays.get(replay_id)), links=replay_links(replay_id))

    @routes.post("/admin/replays/<uuid:replay_id>/cancel")
    @operated(limits)
    def cancel(replay_id: UUID) -> Response:
        body(Nothing)
        return answer(replay_data(container().replays.cancel(replay_id, by=author())))

    return routes
