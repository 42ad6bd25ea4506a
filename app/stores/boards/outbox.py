"""The outbox: rows are written with the score, and deleted once the broker has confirmed their messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypedDict
from uuid import UUID

import sqlalchemy as sa

from app.stores.boards.seasons import note_corrections
from app.stores.postgres.engine import Database
from app.stores.postgres.rows import parsed


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One outbox row, written at `created_at` (Unix seconds).

    `event_id` is None when a standing changed without a score event, for example by a suspension. `player_id` is None
    when the season has ended.
    """

    id: int
    season_id: int
    board: str
    season_number: int
    player_id: UUID | None
    event_id: int | None
    request_id: str
    created_at: float


class Backlog(TypedDict):
    """The number of rows that wait, and the age of the oldest in seconds, 0 without any."""

    waiting: int
    oldest_seconds: float


class OutboxStore:
    """A relay locks, publishes and deletes rows in one transaction: if it dies, its rows are left to the next relay."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add_standings(
        self, connection: sa.Connection, player_id: UUID, request_id: str, changed_seasons: Iterable[int]
    ) -> None:
        """Queue a refresh for each board the player has a standing on, and note the ended seasons that have changed.

        Call it once in a transaction, after all changes of standings: seasons are locked in the order of their ids.
        """
        connection.execute(
            sa.text(
                """
                INSERT INTO outbox (season_id, player_id, request_id)
                SELECT season_id, player_id, :request FROM standings WHERE player_id = :player
                AND season_id IN (SELECT id FROM seasons WHERE board_id IS NOT NULL)
                """
            ),
            {"player": player_id, "request": request_id},
        )
        note_corrections(connection, list(changed_seasons))

    def take(self, connection: sa.Connection, limit: int) -> list[OutboxRow]:
        """Lock the oldest rows that no other relay has locked, until the transaction ends, and return them."""
        rows = connection.execute(
            parsed(
                """
                SELECT o.id, o.season_id, b.slug, s.number, o.player_id, o.event_id, o.request_id,
                       extract(epoch FROM o.created_at)::float
                FROM outbox o JOIN seasons s ON s.id = o.season_id JOIN boards b ON b.id = s.board_id
                ORDER BY o.id LIMIT :most FOR UPDATE OF o SKIP LOCKED
                """
            ),
            {"most": limit},
        )
        return [OutboxRow(*row) for row in rows]

    def delete(self, connection: sa.Connection, ids: Iterable[int]) -> None:
        """Delete rows that the broker has confirmed."""
        connection.execute(parsed("DELETE FROM outbox WHERE id = ANY(:ids)"), {"ids": list(ids)})

    def status(self) -> Backlog:
        """Return the number of rows that wait, and the age of the oldest."""
        row = self._db.row(
            """
            SELECT count(*) AS waiting,
                   greatest(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float AS oldest_seconds
            FROM outbox
            """
        )
        assert row is not None
        return {"waiting": int(row.waiting), "oldest_seconds": round(float(row.oldest_seconds), 3)}
