"""The way from the outbox to the broker: a row is deleted once it is confirmed, else published again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from app.stores.boards.outbox import Backlog, OutboxRow, OutboxStore
from app.stores.postgres.engine import Database

_ROWS = 1000


@dataclass(slots=True)
class BoardChange:
    """One message: these players' standings on this board have changed, by these score events.

    `committed_at` is when the oldest of the changes was made, in Unix seconds, None when that is not known.
    `has_ended`: the season has.
    """

    season_id: int
    board: str
    committed_at: float | None
    players: list[UUID] = field(default_factory=list)
    events: list[int] = field(default_factory=list)
    request_ids: list[str] = field(default_factory=list)
    has_ended: bool = False


class Outbox:
    """Publishes the rows of the outbox, a thousand at a time."""

    def __init__(self, database: Database, store: OutboxStore) -> None:
        self._db, self._store = database, store

    def drain(self, publish: Callable[[list[BoardChange]], None]) -> int:
        """Publish the waiting rows, merged to one message per board; return how many rows.

        `publish` returns once the broker has confirmed; if it raises, the rows stay. A crash between the confirm and
        the delete publishes them once more: the tasks may run twice.
        """
        with self._db.transaction() as connection:
            rows = self._store.take(connection, _ROWS)
            if rows:
                publish(_merge(rows))
                self._store.delete(connection, [row.id for row in rows])
        return len(rows)

    def status(self) -> Backlog:
        """Return how many rows wait, and the age of the oldest."""
        return self._store.status()


def _merge(rows: list[OutboxRow]) -> list[BoardChange]:
    changes: dict[int, BoardChange] = {}
    for row in rows:
        change = changes.setdefault(row.season_id, BoardChange(row.season_id, row.board, row.created_at))
        change.committed_at = min(change.committed_at or row.created_at, row.created_at)
        if row.player_id is None:
            change.has_ended = True
        elif row.player_id not in change.players:
            change.players.append(row.player_id)
        if row.event_id is not None:
            change.events.append(row.event_id)
        if row.request_id not in change.request_ids:
            change.request_ids.append(row.request_id)
    return list(changes.values())
