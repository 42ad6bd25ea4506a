"""The way from the outbox to the broker: a row is deleted once it is confirmed, else published again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from app.stores.boards.outbox import Backlog, OutboxRow, OutboxStore
from app.stores.postgres.engine import Database

BATCH_ROWS = 1000


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
            rows = self._store.take(connection, BATCH_ROWS)
            if rows:
                publish(merged(rows))
                self._store.delete(connection, [row.id for row in rows])
        return len(rows)

    def status(self) -> Backlog:
        """Return how many rows wait, and the age of the oldest."""
        return self._store.status()


def merged(rows: list[OutboxRow]) -> list[BoardChange]:
    """Return a change for each season, each player and each request once, in the order of the rows."""
    seasons: dict[int, list[OutboxRow]] = {}
    for row in rows:
        seasons.setdefault(row.season_id, []).append(row)
    return [_change(rows_of_season) for rows_of_season in seasons.values()]


def _change(rows: list[OutboxRow]) -> BoardChange:
    return BoardChange(
        rows[0].season_id,
        rows[0].board,
        min(row.created_at for row in rows),
        list(dict.fromkeys(row.player_id for row in rows if row.player_id is not None)),
        [row.event_id for row in rows if row.event_id is not None],
        list(dict.fromkeys(row.request_id for row in rows)),
        any(row.player_id is None for row in rows),
    )
