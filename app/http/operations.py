"""/healthz, /readyz and /metrics."""

from __future__ import annotations

from flask import Blueprint, Response

from app import metrics
from app.http.envelope import answer, failure
from app.http.identity import container
from app.stores.database import UNAVAILABLE

routes = Blueprint("operations", __name__)


@routes.get("/healthz")
def healthz() -> Response:
    """The process lives."""
    return answer({"status": "ok"})


@routes.get("/readyz")
def readyz() -> Response:
    """What it needs answers."""
    down = container().health.down()
    if down:
        message = f"Not ready: {', '.join(sorted(down))} does not answer." if down else ""
        response = failure(503, "unavailable", message, [{"part": k, "message": v} for k, v in down.items()])
        response.headers["Retry-After"] = "2"
        return response
    return answer({"status": "ready"})


@routes.get("/metrics")
def show_metrics() -> Response:
    """Prometheus text."""
    gauges: dict[str, tuple[str, float]] = {}
    try:
        outbox = container().outbox.status()
        gauges["fairboard_outbox_rows"] = ("Rows that wait to be published", outbox["waiting"])
        gauges["fairboard_outbox_oldest_seconds"] = (
            "Age of the oldest waiting row",
            outbox["oldest_seconds"],
        )
        gauges["fairboard_database_up"] = ("Whether PostgreSQL answers", 1)
    except UNAVAILABLE:
        gauges["fairboard_database_up"] = ("Whether PostgreSQL answers", 0)
    return Response(metrics.text(gauges), content_type=metrics.CONTENT_TYPE)
