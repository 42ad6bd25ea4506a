"""Rate limits: flask-limiter, counting in Redis for all processes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, request
from flask_limiter import Limiter, RateLimitExceeded
from limits import parse

from app.errors import RateLimited
from app.http.failures import refused
from app.http.identity import me
from app.http.top_reads import ReadCounter
from app.settings import Settings
from app.stores.rate_storage import storage_uri

_PREFIX = "limits"


def caller_address() -> str:
    """The peer's address; behind trusted proxies, the one that ProxyFix found."""
    return request.remote_addr or "unknown"


def caller_player() -> str:
    """The signed-in player."""
    return str(me().player_id)


class Limits:
    """One decorator for each limit of the contract. Apply it inside `signed_in` where the limit is a player's."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        timeout = settings.redis_timeout
        self.limiter = Limiter(
            caller_address,
            app=app,
            storage_uri=storage_uri(settings.redis_url),
            storage_options={"socket_timeout": timeout, "socket_connect_timeout": timeout},  # type: ignore[dict-item]
            strategy="fixed-window",
            key_prefix=_PREFIX,
            headers_enabled=False,
            swallow_errors=False,
            in_memory_fallback_enabled=False,
        )
        app.register_error_handler(RateLimitExceeded, self._exceeded)
        self.auth = self._by_address(settings.rate_limit_auth, "auth")
        self.read_counter = ReadCounter(
            lambda: self.limiter.limiter, parse(settings.rate_limit_reads), _PREFIX, "reads"
        )
        self.reads = self._by_address(settings.rate_limit_reads, "reads")
        self.sockets = self._by_address(settings.rate_limit_sockets, "sockets")
        self.issue = self._by_player(settings.rate_limit_actions, "issue")
        self.complete = self._by_player(settings.rate_limit_actions, "complete")

    def _by_address(self, rate: str, scope: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        return self.limiter.shared_limit(rate, scope=scope, key_func=caller_address)

    def _by_player(self, rate: str, scope: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        return self.limiter.shared_limit(rate, scope=scope, key_func=caller_player)

    def _exceeded(self, error: RateLimitExceeded) -> Response:
        current = self.limiter.current_limit
        assert current is not None, "flask-limiter names the limit that was exceeded"
        window = current.limit.get_expiry()
        wait = min(window, max(1, math.ceil(current.reset_at - time.time())))
        return refused(RateLimited(limit=current.limit.amount, remaining=0, window=window, retry_after=wait))
