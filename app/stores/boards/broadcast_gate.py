"""The changes of each board that wait for a broadcast, and the turn to send it: one per interval, of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.boards import Season
from app.stores.redis.client import Client, Scripts
from app.stores.redis.connection import raw


@dataclass(frozen=True, slots=True)
class BroadcastNow:
    """The caller broadcasts now: `pending` are the entries that all callers left."""

    pending: list[str]


@dataclass(frozen=True, slots=True)
class Wait:
    """The caller has the next turn, after `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class BroadcastElsewhere:
    """Another caller broadcasts the entry, or has done so."""


def _keys(season: Season) -> list[str]:
    return [f"leaderboard:{name}:{{{season.tag}}}" for name in ("pending", "gate", "next")]


class BroadcastGateStore:
    """The gate that all workers share, however many."""

    def __init__(self, client: Client, scripts: Scripts) -> None:
        self._client, self._scripts = client, scripts

    def request_turn(self, season: Season, entry: str, interval: float) -> BroadcastNow | Wait | BroadcastElsewhere:
        """Add `entry` (unique; "" after a wait); return whether the caller broadcasts or waits. Raises RedisError."""
        word, *rest = self._scripts.run("turn", _keys(season), [entry, max(1, int(interval * 1000))])
        if word == "go":
            return BroadcastNow(rest)
        return Wait(int(rest[0]) / 1000) if word == "wait" else BroadcastElsewhere()

    def remove_entries(self, season: Season, entries: Sequence[str]) -> None:
        """Remove entries that were broadcast."""
        if entries:
            self._client.srem(_keys(season)[0], *map(raw, entries))
