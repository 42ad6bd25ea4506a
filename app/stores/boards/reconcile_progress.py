"""How far the proof of each board has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from uuid import UUID

from app.domain.boards import Season
from app.stores.boards.bulk_rankings import BEGINNING
from app.stores.redis.client import Client


@dataclass(frozen=True, slots=True)
class ReconcileProgress:
    """One board.

    `run`: the run of Redis that the rest is about. `event`: the score events up to this one have been looked at.
    `player`: the pass has compared the standings up to this one, `compared` of them. `cursor`: where it goes on through
    the sorted set. `walked`, `scanned`: it has come to the end of the one, of the other. `passed`: Unix seconds when
    the last whole pass was over, 0 for never.
    """

    run: str = ""
    event: int = 0
    player: UUID = BEGINNING
    compared: int = 0
    cursor: int = 0
    walked: bool = False
    scanned: bool = False
    passed: float = 0.0


class ReconcileProgressStore:
    """Lost with Redis, as is what the proof compares: then a pass begins anew."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def progress(self, season: Season) -> ReconcileProgress:
        """What was kept; where that is nothing, or nothing that we wrote, from the beginning."""
        return _progress(self._client.hgetall(_key(season)))

    def keep(self, season: Season, progress: ReconcileProgress) -> None:
        """Remember how far the proof has come."""
        values = {field.name: _text(getattr(progress, field.name)) for field in fields(progress)}
        self._client.hset(_key(season), mapping=values)


def _key(season: Season) -> str:
    return f"leaderboard:proof:{{{season.tag}}}"


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _progress(texts: Mapping[str, str]) -> ReconcileProgress:
    try:
        return ReconcileProgress(
            run=texts["run"],
            event=int(texts["event"]),
            player=UUID(texts["player"]),
            compared=int(texts["compared"]),
            cursor=int(texts["cursor"]),
            walked=texts["walked"] == "1",
            scanned=texts["scanned"] == "1",
            passed=float(texts["passed"]),
        )
    except (KeyError, ValueError):
        return ReconcileProgress()
