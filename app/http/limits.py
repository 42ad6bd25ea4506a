"""Rate limits: flask-limiter's counters in Redis, shared by all processes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import wraps

from flask import Flask, request
from flask_limiter import Limiter
from limits import RateLimitItem, parse

from app.domain.networks import network_of
from app.errors import RateLimited
from app.http.identity import me
from app.http.top_reads import ReadCounter
from app.http.views import P, R, ViewDecorator
from app.settings import Settings
from app.stores.redis.client import Client, Scripts
from app.stores.redis.rate_limits import STORAGE_URI

_PREFIX = "limits"


def caller_address() -> str:
    """Return the network that counts as the caller's address: the peer's, or the one ProxyFix read behind proxies."""
    return network_of(request.remote_addr or "unknown")


def caller_login() -> str:
    """Return the login, under the player's hash tag."""
    return f"{caller_player()}:{me().login_id}"


def caller_player() -> str:
    """Return the signed-in player as a hash tag: on a cluster the window lies beside the player's other keys."""
    return f"{{{me().player_id}}}"


class RateLimits:
    """One decorator for each limit of docs/api.md.

    The limits are known when a view is decorated, so flask-limiter's storage and strategy are called directly: its
    own decorator looks up the limits of a route on every request, which takes 90 µs.
    """

    def __init__(self, settings: Settings, client: Client, scripts: Scripts) -> None:
        self._limiter = Limiter(
            caller_address,
            app=Flask("limits"),  # an app of its own: the hooks that look for limits around every request stay off ours
            storage_uri=STORAGE_URI,
            storage_options={"client": client, "scripts": scripts},  # type: ignore[dict-item]
            strategy="fixed-window",
            headers_enabled=False,
        )
        reads = parse(settings.rate_limit_reads)
        actions = parse(settings.rate_limit_actions)
        self.read_counter = ReadCounter(lambda: self._limiter.limiter, reads, _PREFIX, "reads")
        self.auth = self._limit(parse(settings.rate_limit_auth), "auth", caller_address)
        self.tokens = self._limit(reads, "tokens", caller_address)
        self.refresh = self._limit(parse(settings.rate_limit_refresh), "refresh", caller_login)
        self.reads = self._limit(reads, "reads", caller_address)
        self.sockets = self._limit(parse(settings.rate_limit_sockets), "sockets", caller_address)
        self.issue = self._limit(actions, "issue", caller_player)
        self.complete = self._limit(actions, "complete", caller_player)
        self.appeal = self._limit(actions, "appeal", caller_player)

    def _limit(self, item: RateLimitItem, scope: str, caller: Callable[[], str]) -> ViewDecorator:
        def decorate(view: Callable[P, R]) -> Callable[P, R]:
            @wraps(view)
            def limited(*args: P.args, **kwargs: P.kwargs) -> R:
                self._count(item, caller(), scope)
                return view(*args, **kwargs)

            return limited

        return decorate

    def _count(self, item: RateLimitItem, caller: str, scope: str) -> None:
        identifiers = _PREFIX, caller, scope
        if not self._limiter.limiter.hit(item, *identifiers):
            window = item.get_expiry()
            reset = self._limiter.limiter.get_window_stats(item, *identifiers).reset_time
            wait = min(window, max(1, math.ceil(reset - time.time())))
            raise RateLimited(limit=item.amount, remaining=0, window=window, retry_after=wait)
