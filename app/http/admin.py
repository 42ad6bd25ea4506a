"""/admin: for admins alone."""

from __future__ import annotations

from flask import Blueprint, Response

from app.http.bodies import AnalyticsQuery, query
from app.http.envelope import answer
from app.http.identity import admin, container, signed_in
from app.http.limits import Limits
from app.services.analytics import Wanted


def blueprint(limits: Limits) -> Blueprint:
    """The routes, each with its limit."""
    routes = Blueprint("admin", __name__)

    @routes.get("/admin/analytics")
    @signed_in()
    @limits.reads
    @admin
    def analytics() -> Response:
        asked = query(AnalyticsQuery)
        wanted = Wanted(asked.board, asked.by, asked.since, asked.until, asked.action_type)
        return answer(container().analytics.show(wanted))

    return routes
