"""The routes /healthz, /readyz and /metrics."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network

from flask import Blueprint, Response, request

from app import metrics
from app.domain.ip_addresses import plain_address
from app.errors import Forbidden
from app.http.envelope import add_headers, answer, failure
from app.http.identity import container

routes = Blueprint("operations", __name__)
_FORWARDED = ("X-Forwarded-For", "X-Real-IP", "Forwarded")  # Forwarded holds no bare address, so it is always refused


@routes.before_request
def admit_operators() -> None:
    """Refuse /metrics and /readyz to other networks, even if a proxy in front does not. Raises Forbidden."""
    if request.path == "/healthz":
        return
    # Check all addresses that the request names, trusted or not: a forged address can only cause a refusal.
    values = [request.remote_addr, *(request.headers.get(name) for name in _FORWARDED)]
    addresses = [part.strip() for text in values if text for part in text.split(",")]
    operators = container().settings.operators
    if not all(_is_within(address, operators) for address in addresses):
        raise Forbidden("Only operators may read this.")


@routes.get("/healthz")
def healthz() -> Response:
    """Return 200 while the process lives."""
    return answer({"status": "ok"})


@routes.get("/readyz")
def readyz() -> Response:
    """Return 200 if every part that the process needs answers and takes writes, else 503."""
    down = container().health.faults()
    if down:
        message = f"Not ready: {'; '.join(f'{part} {problem}' for part, problem in sorted(down.items()))}."
        response = failure(
            503, "unavailable", message, [{"part": part, "message": problem} for part, problem in down.items()]
        )
        response.headers["Retry-After"] = "2"
        return response
    return answer({"status": "ready"})


@routes.get("/metrics")
def show_metrics() -> Response:
    """Return the metrics as Prometheus text."""
    readings = container().readings.now()
    # Reading the counts of a dozen processes takes some milliseconds, for which no other request should wait.
    text = container().run_in_thread(metrics.text, readings) if metrics.shared() else metrics.text(readings)
    return add_headers(Response(text, content_type=metrics.CONTENT_TYPE, headers={"Cache-Control": "no-store"}))


def _is_within(text: str, networks: Sequence[str]) -> bool:
    try:
        address = plain_address(text)
    except ValueError:
        return False
    return any(address in ip_network(network) for network in networks)
