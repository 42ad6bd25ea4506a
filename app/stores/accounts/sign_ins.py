"""Estimates of how many players signed in lately, and from how many addresses: two per hour, at most 12 kB each."""

from __future__ import annotations

from uuid import UUID

from app.stores.redis.client import Client

_HOUR = 3600
_RETENTION_SECONDS = 2 * _HOUR


def _key(kind: str, hour: int) -> str:
    return f"sign-ins:{{{kind}}}:{hour}"


class SignInStore:
    """HyperLogLogs in Redis that expire after two hours."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def add(self, address: str, player_id: UUID, now: float) -> None:
        """Count one sign-in at `now` (Unix time). Raises `redis.RedisError`."""
        pipeline = self._client.pipeline(transaction=False)
        for kind, value in (("addresses", address), ("players", str(player_id))):
            key = _key(kind, int(now) // _HOUR)
            pipeline.pfadd(key, value)
            pipeline.expire(key, _RETENTION_SECONDS)
        pipeline.set("sign-ins:last-address", address, ex=_RETENTION_SECONDS)
        pipeline.execute()

    def count(self, kind: str, now: float) -> int:
        """Return the estimated number of "addresses" or "players" with a sign-in in this hour or the last."""
        hour = int(now) // _HOUR
        return int(self._client.pfcount(_key(kind, hour - 1), _key(kind, hour)))

    def last_address(self) -> str | None:
        """Return the address of the newest sign-in that was counted, or `None` after two hours without any."""
        address: str | None = self._client.get("sign-ins:last-address")
        return address
