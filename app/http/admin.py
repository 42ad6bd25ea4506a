"""The routes of /admin/analytics, /admin/gain and /admin/audit, for admins and their keys."""

from __future__ import annotations

import json
from dataclasses import asdict
from urllib.parse import urlencode

from flask import Blueprint, Response

from app.http.bodies import AnalyticsQuery, AuditQuery, no_query, query
from app.http.envelope import answer, plain
from app.http.identity import container, operated
from app.http.limits import RateLimits
from app.services.operations.rollup_rows import RollupQuery


def blueprint(limits: RateLimits) -> Blueprint:
    """Return the routes, each with its limit."""
    routes = Blueprint("admin", __name__)

    @routes.get("/admin/analytics")
    @operated(limits)
    def analytics() -> Response:
        params = query(AnalyticsQuery)
        selection = RollupQuery(params.board, params.by, params.since, params.until, params.action_type)
        return answer(container().analytics.show(selection))

    @routes.get("/admin/audit")
    @operated(limits)
    def audit() -> Response:
        params = query(AuditQuery)
        container().audit.check()
        rows = container().audit.page(**params.model_dump())
        older = {**params.model_dump(exclude_none=True, mode="json"), "before": rows[-1].id} if rows else None
        links = {"next": f"/api/v1/admin/audit?{urlencode(older)}"} if older and len(rows) == params.limit else None
        return answer([plain({**asdict(row), "details": json.loads(row.details)}) for row in rows], links=links)

    @routes.get("/admin/gain")
    @operated(limits)
    def gain() -> Response:
        no_query()
        return answer(plain(asdict(container().gain_watch.view())))

    return routes
