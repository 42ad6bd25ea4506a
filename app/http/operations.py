"""/healthz, /readyz and /metrics."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network

from flask import Blueprint, Response, request

from app import metrics
from app.domain.ip_addresses import plain_address
from app.errors import Forbidden
from app.http.envelope import answer, failure, outside
from app.http.identity import container

routes = Blueprint("operations", __name__)
_FORWARDED = ("X-Forwarded-For", "X-Real-IP", "Forwarded")  # the last is no bare address, so it is always refused


@routes.before_request
def admit_operators() -> None:
    """Refuse /metrics and /readyz to other networks, also where a proxy in front forgot to. Raises Forbidden."""
    if request.path == "/healthz":
        return
    # All the addresses that the request names, trusted or not: a forged one can only take the right away.
    named = [request.remote_addr, *(request.headers.get(name) for name in _FORWARDED)]
    addresses = [part.strip() for text in named if text for part in text.split(",")]
    operators = container().settings.operators
    if not all(_is_within(address, operators) for address in addresses):
        raise Forbidden("Only operators may read this.")


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
    return outside(Response(text, content_type=metrics.CONTENT_TYPE, headers={"Cache-Control": "no-store"}))


def _is_within(text: str, networks: Sequence[str]) -> bool:
    try:
        address = plain_address(text)
    except ValueError:
        return False
    return any(address in ip_network(network) for network in networks)
