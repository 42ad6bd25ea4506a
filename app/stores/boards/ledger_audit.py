"""The audit of all standings against their events, in chunks that are each one snapshot of the database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple, TypeAlias, TypedDict
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
        AND season_id IN (SELECT id FROM seasons WHERE board_id IS NOT NULL AND number > 0)
        ORDER BY season_id, player_id LIMIT :chunk
    ) s
    JOIN players p ON p.id = s.player_id JOIN seasons n ON n.id = s.season_id JOIN boards b ON b.id = n.board_id
    {folded("s", "p")}
    ORDER BY s.season_id, s.player_id
"""
_NEXT = """
    SELECT s.season_id, s.player_id, b.slug AS board, n.number AS season
    FROM standings s JOIN seasons n ON n.id = s.season_id AND n.number > 0 JOIN boards b ON b.id = n.board_id
    WHERE (s.season_id, s.player_id) > (:season, :player) ORDER BY s.season_id, s.player_id LIMIT 1
"""
UNREADABLE = "unreadable"
"""`what` of a standing whose events take longer to add up than a statement may."""


Value: TypeAlias = int | bool | datetime | str | None


class StandingKey(NamedTuple):
    """The key of a standing: its season's id and its player."""

    season: int = 0
    player: UUID = UUID(int=0)


class UnsoundStanding(TypedDict):
    """A column of a standing (`what`) that differs from the value its events give; or UNREADABLE, without values."""

    what: str
    player: str
    board: str
    season: int
    standing: Value
    events: Value


class Chunk(NamedTuple):
    """Standings that were audited together, and the differences; `last` is None when there are no more."""

    standings: int
    wrong: list[UnsoundStanding]
    last: StandingKey | None


class LedgerAuditStore:
    """The audit's reads, from the primary: a replica may still show a moment in which nothing was wrong."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def chunk(self, after: StandingKey, most: int) -> Chunk:
        """Return the next `most` standings after this one, with the differences from their events."""
        rows = self._db.rows(_CHUNK, season=after.season, player=after.player, chunk=most)
        last = StandingKey(rows[-1].season_id, rows[-1].player_id) if rows else None
        return Chunk(len(rows), [difference for row in rows for difference in _differences(row)], last)

    def unreadable(self, after: StandingKey) -> Chunk:
        """Return the next standing alone, as one that can't be read."""
        row = self._db.row(_NEXT, season=after.season, player=after.player)
        if row is None:
            return Chunk(0, [], None)
        return Chunk(1, [_difference(row, UNREADABLE, None, None)], StandingKey(row.season_id, row.player_id))


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
            yield _difference(row, column, standing, events)


def _difference(row: Row, what: str, standing: Value, events: Value) -> UnsoundStanding:
    return {
        "what": what,
        "player": str(row.player_id),
        "board": row.board,
        "season": row.season,
        "standing": standing,
        "events": events,
    }
