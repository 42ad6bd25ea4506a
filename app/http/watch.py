"""What is told about each request: its id in every log line, one line of its own, and the metrics."""

from __future__ import annotations

import time
from functools import cache

from flask import Flask, Response, g, request
from prometheus_client import Counter, Histogram
from structlog.contextvars import bind_contextvars, clear_contextvars

from app import metrics
from app.http.envelope import failure_code, request_id
from app.logs import RequestLog
from app.settings import Settings

_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


def register(app: Flask, settings: Settings) -> None:
    """Watch every request of this app. Costs a redemption 10 µs in all (measured)."""
    told = RequestLog(settings)

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()
        clear_contextvars()  # a connection that was kept alive: what its last request bound is over
        bind_contextvars(request_id=request_id())

    @app.after_request
    def end(response: Response) -> Response:
        seconds = time.perf_counter() - g.began
        method = request.method if request.method in _METHODS else "other"
        rule, status = request.url_rule, response.status_code
        _counter(rule.rule if rule else "none", method, status).inc()
        # A socket's request lasts as long as the socket does: no time to an answer.
        if rule is None or not rule.websocket or status >= 400:
            _clock(rule.rule if rule else "none", method, status // 100).observe(seconds)
        if told.wants(method, status):
            identity = g.get("identity")
            player = str(identity.player_id) if identity else None
            told.write(request_id(), f"{method} {request.path}", status, seconds, player, failure_code())
        return response

    @app.teardown_request
    def forget(_: BaseException | None) -> None:
        clear_contextvars()


def count_kept(route: str, status: int, seconds: float) -> None:
    """A read that was answered ahead of the app."""
    _counter(route, "GET", status).inc()
    _clock(route, "GET", status // 100).observe(seconds)


@cache
def _counter(route: str, method: str, status: int) -> Counter:
    return metrics.requests.labels(route, method, status)


@cache
def _clock(route: str, method: str, hundreds: int) -> Histogram:
    return metrics.request_seconds.labels(route, method, f"{hundreds}xx")
