"""The audit of all standings against their events, in chunks that are each one snapshot of the database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple, TypedDict
from uuid import UUID

from app.stores.boards.counting import folded
from app.stores.postgres.engine import Database
from app.stores.postgres.rows import Row

_CHUNK = f"""
    SELECT s.season_id, s.player_id, b.slug AS board, n.number AS season, s.score, s.held, s.achieved_at, s.action_id,
           s.has_held OR s.held <> 0 AS has_held, due.score AS score_due, due.held AS held_due,
           due.achieved_at AS achieved_due, due.action_id AS action_due, due.has_held AS has_held_due
    FROM (
        SELECT * FROM standings WHERE (season_id, player_id) > (:season, :player)
        ORDER BY season_id, player_id LIMIT :chunk
    ) s
    JOIN players p ON p.id = s.player_id JOIN seasons n ON n.id = s.season_id JOIN boards b ON b.id = n.board_id
    {folded("s", "p")}
    ORDER BY s.season_id, s.player_id
"""
_CHUNK_SIZE = 500


class StandingKey(NamedTuple):
    """The key of a standing: its season's id and its player."""

    season: int = 0
    player: UUID = UUID(int=0)


class UnsoundStanding(TypedDict):
    """A column of a standing (`what`) that differs from the value its events give."""

    what: str
    player: str
    board: str
    season: int
    standing: int | bool | datetime | str | None
    events: int | bool | datetime | str | None


class Chunk(NamedTuple):
    """Standings that were audited together, and the differences; `last` is None when there are no more."""

    standings: int
    wrong: list[UnsoundStanding]
    last: StandingKey | None


class LedgerAuditStore:
    """The audit's reads, from the primary: a replica may still show a moment in which nothing was wrong."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def chunk(self, after: StandingKey) -> Chunk:
        """Return the next standings after this one, with the differences from their events."""
        rows = self._db.rows(_CHUNK, season=after.season, player=after.player, chunk=_CHUNK_SIZE)
        last = StandingKey(rows[-1].season_id, rows[-1].player_id) if rows else None
        return Chunk(len(rows), [difference for row in rows for difference in _differences(row)], last)


def _differences(row: Row) -> Iterator[UnsoundStanding]:
    columns = (
        ("score", row.score, row.score_due),
        ("held", row.held, row.held_due),
        ("achieved_at", row.achieved_at, row.achieved_due),
        ("action_id", row.action_id and str(row.action_id), row.action_due and str(row.action_due)),
        ("has_held", row.has_held, row.has_held_due),
    )
    for column, standing, events in columns:
        if standing != events:
            yield {
                "what": column,
                "player": str(row.player_id),
                "board": row.board,
                "season": row.season,
                "standing": standing,
                "events": events,
            }
