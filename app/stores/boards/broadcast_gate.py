"""What is still to be announced of each board, and whose turn that is: one announcement per interval, of all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.boards import Season
from app.stores.redis.client import Client, Scripts


@dataclass(frozen=True, slots=True)
class Go:
    """Announce this now: what each of those who came had to say."""

    pending: list[str]


@dataclass(frozen=True, slots=True)
class Wait:
    """You are the next, in so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class AnnouncedElsewhere:
    """Another one announces it, or has."""


def _keys(season: Season) -> list[str]:
    return [f"leaderboard:{name}:{{{season.tag}}}" for name in ("pending", "gate", "next")]


class BroadcastGateStore:
    """The same for all workers, however many."""

    def __init__(self, client: Client, scripts: Scripts) -> None:
        self._client, self._scripts = client, scripts

    def turn(self, season: Season, entry: str, interval: float) -> Go | Wait | AnnouncedElsewhere:
        """Leave `entry` (different from all others; "" after a wait) and ask whose turn it is. Raises RedisError."""
        word, *rest = self._scripts.run("turn", _keys(season), [entry, max(1, int(interval * 1000))])
        if word == "go":
            return Go(rest)
        return Wait(int(rest[0]) / 1000) if word == "wait" else AnnouncedElsewhere()

    def announced(self, season: Season, entries: Sequence[str]) -> None:
        """These need no announcement any more."""
        if entries:
            self._client.srem(_keys(season)[0], *entries)
