"""flask-limiter's counters, sent the short way. Importing this module makes the schemes below known to `limits`."""

from __future__ import annotations

from typing import Any

from limits.storage import RedisStorage
from redis.exceptions import NoScriptError

from app.stores.redis_lane import Lane, passenger


class LaneStorage(RedisStorage):
    """limits' Redis storage; only the one command that every request sends is sent otherwise."""

    STORAGE_SCHEME = ["lane+redis", "lane+rediss", "lane+unix"]  # noqa: RUF012 - as the base class has it

    def __init__(self, uri: str, **options: Any) -> None:
        super().__init__(uri.removeprefix("lane+"), decode_responses=True, **options)
        self._lane = Lane(self.storage)
        self._digest = self.lua_incr_expire.sha

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count `amount` on a window that ends `expiry` seconds after its first hit; takes a passenger along."""
        name = self.prefixed_key(key)
        commands = [("EVALSHA", self._digest, 1, name, int(expiry), amount)]
        along = passenger.get()
        if along is None:
            (count,) = self._lane.together(commands)
        else:
            count, along.answer = self._lane.together([*commands, along.command])
        if isinstance(count, NoScriptError):
            count = self.lua_incr_expire([name], [int(expiry), amount])
        elif isinstance(count, Exception):
            raise count
        return int(count)


def storage_uri(redis_url: str) -> str:
    """The address by which `limits` finds its storage: ours for a single node, its own for a cluster."""
    return redis_url if redis_url.startswith("redis+cluster://") else f"lane+{redis_url}"
