"""The changes of each board that wait for a broadcast, and the turn to send it: one per interval, of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.boards import Season
from app.stores.boards.board_keys import board_key
from app.stores.redis.client import Call, Client, Scripts
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


Turn = BroadcastNow | Wait | BroadcastElsewhere


def _keys(season: Season) -> list[str]:
    return [board_key(name, season) for name in ("pending", "gate", "next")]


class BroadcastGateStore:
    """The gate that all workers share, however many."""

    def __init__(self, client: Client, scripts: Scripts) -> None:
        self._client, self._scripts = client, scripts

    def request_turns(self, entries: Sequence[tuple[Season, str]], interval: float) -> list[Turn]:
        """Add an entry (unique; "" after a wait) for each board; return whether the caller broadcasts it or waits.

        Raises RedisError.
        """
        milliseconds = max(1, int(interval * 1000))
        calls: list[Call] = [("turn", _keys(season), [entry, milliseconds]) for season, entry in entries]
        return [_read_turn(*answer) for answer in self._scripts.run_together(calls)]

    def remove_entries(self, boards: Sequence[tuple[Season, Sequence[str]]]) -> None:
        """Remove entries that were broadcast, of several boards in one round trip."""
        pipeline = self._client.pipeline(transaction=False)
        for season, entries in boards:
            if entries:
                pipeline.srem(_keys(season)[0], *map(raw, entries))
        pipeline.execute()


def _read_turn(word: str, *rest: str) -> Turn:
    if word == "go":
        return BroadcastNow(list(rest))
    return Wait(int(rest[0]) / 1000) if word == "wait" else BroadcastElsewhere()
