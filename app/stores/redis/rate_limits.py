"""flask-limiter's counters, sent the short way. Importing this module makes `STORAGE_URI` known to `limits`."""

from __future__ import annotations

import time
from typing import Any

import redis
from limits.storage import Storage
from redis.exceptions import NoScriptError

from app.stores.redis.client import Client, Scripts, lane_of
from app.stores.redis.connection import passenger

STORAGE_URI = "fairboard+redis://"
_PREFIX = "LIMITS:"


class LaneStorage(Storage):
    """What limits' fixed windows need of a storage, on a single node or a cluster."""

    STORAGE_SCHEME = ["fairboard+redis"]  # noqa: RUF012 - as the base class has it

    def __init__(self, uri: str, *, client: Client, scripts: Scripts, **options: Any) -> None:
        super().__init__(uri, **options)
        self._client, self._scripts = client, scripts
        self._lane = lane_of(client)

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        """What Redis raises."""
        return redis.RedisError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count `amount` on a window that ends `expiry` seconds after its first hit; takes a passenger along."""
        call = "count", [_PREFIX + key], [int(expiry), amount]
        along = passenger.get()
        if along is None:
            (count,) = self._lane.together([self._scripts.command(*call)])
        else:
            count, along.answer = self._lane.together([self._scripts.command(*call), along.command])
        if isinstance(count, NoScriptError):
            count = self._scripts.told(*call)
        elif isinstance(count, Exception):
            raise count
        return int(count)

    def get(self, key: str) -> int:
        """The count of a window."""
        return int(self._client.get(_PREFIX + key) or 0)

    def get_expiry(self, key: str) -> float:
        """When a window ends, in Unix seconds; now for one that has not begun."""
        return time.time() + max(0, int(self._client.ttl(_PREFIX + key)))

    def check(self) -> bool:
        """Whether Redis answers."""
        try:
            return bool(self._client.ping())
        except redis.RedisError:
            return False

    def reset(self) -> int | None:
        """Not offered: a window ends by itself."""
        raise NotImplementedError

    def clear(self, key: str) -> None:
        """Begin a window anew."""
        self._client.delete(_PREFIX + key)
