"""From the outbox to the broker: what is deleted has been confirmed, what hasn't is published again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from app.stores.boards.outbox import OutboxStore, Waiting
from app.stores.postgres.engine import Database


@dataclass(slots=True)
class BoardChange:
    """What one message says: these players' standings on this board have changed, by these score events.

    `committed_at` is when the oldest of the changes was made, in Unix seconds.
    """

    season_id: int
    board: str
    committed_at: float
    players: list[UUID] = field(default_factory=list)
    events: list[int] = field(default_factory=list)
    request_ids: list[str] = field(default_factory=list)


class Outbox:
    """`most` rows are taken at a time."""

    def __init__(self, database: Database, store: OutboxStore, *, most: int = 1000) -> None:
        self._db, self._store, self._most = database, store, most

    def drain(self, publish: Callable[[list[BoardChange]], None]) -> int:
        """Publish what waits, merged to one message a board; how many rows.

        `publish` returns once the broker has confirmed; if it raises, the rows stay. A crash between the confirm and
        the delete publishes them once more: the tasks may run twice.
        """
        with self._db.transaction() as connection:
            rows = self._store.take(connection, self._most)
            if rows:
                publish(_merged(rows))
                self._store.delete(connection, [row.id for row in rows])
        return len(rows)

    def status(self) -> dict[str, Any]:
        """`{"waiting", "oldest_seconds"}`."""
        return self._store.status()


def _merged(rows: list[Waiting]) -> list[BoardChange]:
    changes: dict[int, BoardChange] = {}
    for row in rows:
        change = changes.setdefault(row.season_id, BoardChange(row.season_id, row.board, row.created_at))
        change.committed_at = min(change.committed_at, row.created_at)
        if row.player_id not in change.players:
            change.players.append(row.player_id)
        if row.event_id is not None:
            change.events.append(row.event_id)
        if row.request_id not in change.request_ids:
            change.request_ids.append(row.request_id)
    return list(changes.values())
