"""The progress of each board's reconciliation, in Redis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from uuid import UUID

from app.domain.boards import Season
from app.stores.boards.board_keys import board_key
from app.stores.boards.bulk_rankings import BEGINNING
from app.stores.redis.client import Client
from app.stores.unavailability import WrongType


@dataclass(frozen=True, slots=True)
class ReconcileProgress:
    """The progress on one board.

    `run`: the run of Redis that the rest is about. `event`: the score events up to this one have been checked.
    `player`: the pass has compared the standings up to this player's, `compared` of them. `cursor`: the pass continues
    in the sorted set here. `walked`, `scanned`: it has reached the end of the standings, of the sorted set. `passed`:
    Unix seconds at the end of the last whole pass, 0 for never. `at`: Unix seconds before all that the last run read.
    """

    run: str = ""
    event: int = 0
    player: UUID = BEGINNING
    compared: int = 0
    cursor: int = 0
    walked: bool = False
    scanned: bool = False
    passed: float = 0.0
    at: float = 0.0


class ReconcileProgressStore:
    """Progress is lost together with the boards in Redis that it is about: then a new pass begins."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def progress(self, season: Season) -> ReconcileProgress:
        """Return the stored progress; the beginning if there is none, or none that we wrote."""
        try:
            return _progress(self._client.hgetall(_key(season)))
        except WrongType:
            return ReconcileProgress()

    def store(self, season: Season, progress: ReconcileProgress) -> None:
        """Store the progress, in one command: a failure leaves that of before."""
        values = {field.name: _text(getattr(progress, field.name)) for field in fields(progress)}
        try:
            self._client.hset(_key(season), mapping=values)
        except WrongType:
            self._client.delete(_key(season))
            self._client.hset(_key(season), mapping=values)


def _key(season: Season) -> str:
    return board_key("proof", season)


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
            at=float(texts.get("at", 0)),  # earlier versions stored none
        )
    except (KeyError, ValueError):
        return ReconcileProgress()
