"""/healthz, /readyz and /metrics."""

from __future__ import annotations

from flask import Blueprint, Response

from app import metrics
from app.http.envelope import answer, failure
from app.http.identity import container

routes = Blueprint("operations", __name__)


@routes.get("/healthz")
def healthz() -> Response:
    """The process lives."""
    return answer({"status": "ok"})


@routes.get("/readyz")
def readyz() -> Response:
    """What it needs answers, and takes writes."""
    down = container().health.down()
    if down:
        message = f"Not ready: {'; '.join(f'{part} {wrong}' for part, wrong in sorted(down.items()))}."
        response = failure(503, "unavailable", message, [{"part": k, "message": v} for k, v in down.items()])
        response.headers["Retry-After"] = "2"
        return response
    return answer({"status": "ready"})


@routes.get("/metrics")
def show_metrics() -> Response:
    """Prometheus text."""
    readings = container().readings.now()
    # Reading what a dozen processes have counted takes some milliseconds that nobody should wait for.
    text = container().apart(metrics.text, readings) if metrics.shared() else metrics.text(readings)
    return Response(text, content_type=metrics.CONTENT_TYPE)
