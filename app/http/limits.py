"""Rate limits: flask-limiter's counters in Redis, shared by all processes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import wraps
from uuid import UUID

from flask import Flask
from flask_limiter import Limiter
from limits import RateLimitItem, RateLimitItemPerMinute, parse
from limits.strategies import RateLimiter

from app.domain.api_keys import KeyCaller
from app.domain.networks import network_of
from app.errors import RateLimited
from app.http.api_keys import known_key, proved_key
from app.http.present import present_environ
from app.http.top_reads import ReadCounter
from app.http.views import P, R, ViewDecorator
from app.settings import Settings
from app.stores.accounts.gates import Gate
from app.stores.redis.client import Client, Scripts
from app.stores.redis.rate_limits import STORAGE_URI, Window

_PREFIX = "limits"
_CALLER = "{caller}"  # stands for one in a key that is made once


def caller_address() -> str:
    """Return the network that counts as the caller's address: the peer's, or the one ProxyFix read behind proxies."""
    return network_of(present_environ().get("REMOTE_ADDR") or "unknown")


def _login_caller(player_id: UUID, login_id: UUID) -> str:
    return f"{_player_caller(player_id, login_id)}:{login_id}"


def _player_caller(player_id: UUID, login_id: UUID) -> str:
    """Return the player as a hash tag: on a cluster the window lies beside the player's other keys."""
    return f"{{{player_id}}}"


class PlayerLimit:
    """A limit per player or per login. `Sessions.admit` counts it in the round trip that reads the login's state."""

    def __init__(
        self, limiter: RateLimiter, item: RateLimitItem, scope: str, caller: Callable[[UUID, UUID], str]
    ) -> None:
        self._limiter, self._item, self._scope, self._caller = limiter, item, scope, caller
        self._seconds = item.get_expiry()
        self._key_prefix, self._key_suffix = item.key_for(*self._identifiers(_CALLER)).split(_CALLER)

    def gate(self, player_id: UUID, login_id: UUID) -> Gate:
        """Return the gate of this login's requests."""
        key = f"{self._key_prefix}{self._caller(player_id, login_id)}{self._key_suffix}"
        return Gate(Window(key, self._seconds), self._item.amount, (player_id, login_id))

    def check(self, count: int, player_id: UUID, login_id: UUID) -> None:
        """Raise RateLimited if the window's count is over the limit."""
        if count > self._item.amount:
            raise _refusal(self._limiter, self._item, self._identifiers(self._caller(player_id, login_id)))

    def _identifiers(self, caller: str) -> tuple[str, ...]:
        return _PREFIX, caller, self._scope


class KeyLimit:
    """The limit per API key: the key's own, or else RATE_LIMIT_KEYS. Looking up unknown keys has one per address."""

    def __init__(self, limiter: RateLimiter, item: RateLimitItem, lookups: RateLimitItem) -> None:
        self._limiter, self._item, self._lookups = limiter, item, lookups

    def proved(self) -> KeyCaller | None:
        """Return the key that this request proves, None where it presents none. Raises Unauthorized, RateLimited."""
        return proved_key(self._admit_lookup)

    def known(self) -> KeyCaller | None:
        """Return the key that this request proves; None for one that is not valid, too: its caller is anyone."""
        return known_key(self._admit_lookup)

    def count(self, key: KeyCaller) -> None:
        """Count a request of the key. Raises RateLimited over its limit."""
        item = self._item if key.per_minute is None else RateLimitItemPerMinute(key.per_minute)
        _hit(self._limiter, item, _PREFIX, f"{{{key.public_id}}}", "keys")

    def _admit_lookup(self) -> None:
        _hit(self._limiter, self._lookups, _PREFIX, caller_address(), "key-lookups")


class RateLimits:
    """The limits of docs/api.md: a decorator for each limit per address, a PlayerLimit for each other.

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
        ).limiter
        reads = parse(settings.rate_limit_reads)
        actions = parse(settings.rate_limit_actions)
        refresh = parse(settings.rate_limit_refresh)
        self.read_counter = ReadCounter(self._limiter, reads, _PREFIX, "reads")
        self._sign_ups = parse(settings.rate_limit_auth)
        self.auth = self._limit_address(self._sign_ups, "auth")
        self.tokens = self._limit_address(reads, "tokens")
        self.keys = KeyLimit(self._limiter, parse(settings.rate_limit_keys), reads)
        self.reads = self._limit_address(reads, "reads", may_be_key=True)
        self.sockets = self._limit_address(parse(settings.rate_limit_sockets), "sockets")
        self.refresh = PlayerLimit(self._limiter, refresh, "refresh", _login_caller)
        self.issue = PlayerLimit(self._limiter, actions, "issue", _player_caller)
        self.complete = PlayerLimit(self._limiter, actions, "complete", _player_caller)
        self.appeal = PlayerLimit(self._limiter, actions, "appeal", _player_caller)

    def count_sign_up(self) -> None:
        """Count a new player against the limit `auth` of the caller's address. Raises RateLimited."""
        _hit(self._limiter, self._sign_ups, _PREFIX, caller_address(), "auth")

    def _limit_address(self, item: RateLimitItem, scope: str, *, may_be_key: bool = False) -> ViewDecorator:
        """Return the decorator of a limit per address; with `may_be_key` an API key has its own limit instead."""

        def decorate(view: Callable[P, R]) -> Callable[P, R]:
            @wraps(view)
            def limited(*args: P.args, **kwargs: P.kwargs) -> R:
                key = self.keys.known() if may_be_key else None
                if key is None:
                    _hit(self._limiter, item, _PREFIX, caller_address(), scope)
                else:
                    self.keys.count(key)
                return view(*args, **kwargs)

            return limited

        return decorate


def _hit(limiter: RateLimiter, item: RateLimitItem, *identifiers: str) -> None:
    if not limiter.hit(item, *identifiers):
        raise _refusal(limiter, item, identifiers)


def _refusal(limiter: RateLimiter, item: RateLimitItem, identifiers: tuple[str, ...]) -> RateLimited:
    window = item.get_expiry()
    reset = limiter.get_window_stats(item, *identifiers).reset_time
    wait = min(window, max(1, math.ceil(reset - time.time())))
    return RateLimited(limit=item.amount, remaining=0, window=window, retry_after=wait)
