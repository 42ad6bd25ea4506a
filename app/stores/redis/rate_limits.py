"""flask-limiter's counters, on a direct connection. Importing this module makes `STORAGE_URI` known to `limits`."""

from __future__ import annotations

import time
from dataclasses import dataclass

import redis
from limits.storage import Storage

from app.stores.redis.client import Call, Client, Scripts

STORAGE_URI = "fairboard+redis://"
_PREFIX = "LIMITS:"


@dataclass(frozen=True, slots=True)
class Window:
    """A window of a rate limit: its key in `limits`, and the seconds from its first hit to its end."""

    key: str
    seconds: int


def window_key(window: Window) -> str:
    """Return the window's key in Redis."""
    return _PREFIX + window.key


def count_call(window: Window, amount: int = 1) -> Call:
    """Return the script call that adds `amount` to a window and answers with the window's count."""
    return "count", [window_key(window)], [window.seconds, amount]


class DirectStorage(Storage):
    """The part of a `limits` storage that fixed windows need, on a single node or a cluster."""

    STORAGE_SCHEME = ["fairboard+redis"]  # noqa: RUF012 - as in the base class

    def __init__(
        self,
        uri: str,
        wrap_exceptions: bool = False,
        *,
        client: Client,
        scripts: Scripts,
        **options: float | str | bool,
    ) -> None:
        super().__init__(uri, wrap_exceptions, **options)
        self._client, self._scripts = client, scripts

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        """Return the error class of the Redis client."""
        return redis.RedisError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Add `amount` to a window that ends `expiry` seconds after its first hit, and return the window's count."""
        return int(self._scripts.run(*count_call(Window(key, int(expiry)), amount)))

    def get(self, key: str) -> int:
        """Return the count of a window."""
        count = self._client.mget(_PREFIX + key)[0]  # None for a value of another type
        return int(count) if count and count.isdecimal() else 0

    def get_expiry(self, key: str) -> float:
        """Return the end of a window in Unix seconds; now for a window that has not begun."""
        return time.time() + max(0, int(self._client.ttl(_PREFIX + key)))

    def check(self) -> bool:
        """Return whether Redis answers."""
        try:
            return bool(self._client.ping())
        except redis.RedisError:
            return False

    def reset(self) -> int | None:
        """Raise NotImplementedError: windows end without a reset."""
        raise NotImplementedError

    def clear(self, key: str) -> None:
        """Delete the count of a window, so that it begins anew."""
        self._client.delete(_PREFIX + key)
