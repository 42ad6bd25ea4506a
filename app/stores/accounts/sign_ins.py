"""How many players have signed in lately, and from how many addresses: two estimates of 12 kB at most for each hour."""

from __future__ import annotations

from uuid import UUID

from app.stores.redis.client import Client

_HOUR = 3600
_KEPT_SECONDS = 2 * _HOUR


def _key(kind: str, hour: int) -> str:
    return f"sign-ins:{{{kind}}}:{hour}"


class SignInStore:
    """HyperLogLogs in Redis, which forgets them after two hours."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def add(self, address: str, player_id: UUID, now: float) -> None:
        """Count one sign-in. Raises redis.RedisError."""
        pipeline = self._client.pipeline(transaction=False)
        for kind, value in (("addresses", address), ("players", str(player_id))):
            key = _key(kind, int(now) // _HOUR)
            pipeline.pfadd(key, value)
            pipeline.expire(key, _KEPT_SECONDS)
        pipeline.set("sign-ins:last-address", address, ex=_KEPT_SECONDS)
        pipeline.execute()

    def count(self, kind: str, now: float) -> int:
        """Return about how many "addresses" or "players" this hour and the last have seen."""
        hour = int(now) // _HOUR
        return int(self._client.pfcount(_key(kind, hour - 1), _key(kind, hour)))

    def last_address(self) -> str | None:
        """Return the address of the newest sign-in that was counted."""
        address: str | None = self._client.get("sign-ins:last-address")
        return address
