"""Whether the standings are what the events say: all of them, in chunks that are each one moment of the database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import UUID

from app.stores.moderation.corrections import TAIL
from app.stores.postgres.engine import Database

_CHUNK = f"""
    SELECT s.season_id, s.player_id, b.slug AS board, n.number AS season, s.score, s.held, s.achieved_at,
           sums.points - sums.held AS score_due, sums.held AS held_due,
           CASE WHEN s.score > 0 THEN newest.created_at ELSE s.achieved_at END AS achieved_due
    FROM (
        SELECT * FROM standings WHERE (season_id, player_id) > (:season, :player)
        ORDER BY season_id, player_id LIMIT :chunk
    ) s
    JOIN players p ON p.id = s.player_id JOIN seasons n ON n.id = s.season_id JOIN boards b ON b.id = n.board_id
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(points), 0)::bigint AS points,
               coalesce(sum(points) FILTER (WHERE held_under = p.held_under), 0)::bigint AS held
        FROM score_events WHERE player_id = s.player_id AND season_id = s.season_id
    ) sums
    LEFT JOIN LATERAL (
        SELECT e.created_at FROM score_events e {TAIL}
        WHERE e.player_id = s.player_id AND e.season_id = s.season_id AND e.kind = 'redeem'
          AND tail.kind IS DISTINCT FROM 'void' AND (e.held_under IS NULL OR e.held_under IS DISTINCT FROM p.held_under)
        ORDER BY e.id DESC LIMIT 1
    ) newest ON true
    ORDER BY s.season_id, s.player_id
"""
_AT_ONCE = 500


class StandingKey(NamedTuple):
    """A standing: its season's id, and its player."""

    season: int = 0
    player: UUID = UUID(int=0)


class Chunk(NamedTuple):
    """Standings that were looked at together; `last` is None when there are no more.

    `wrong`: `{"what": "score" | "held" | "achieved_at", "player", "board", "season", "standing", "events"}` each.
    """

    standings: int
    wrong: list[dict[str, Any]]
    last: StandingKey | None


class LedgerAuditStore:
    """Reads the primary: a replica may be a moment behind, in which nothing is wrong."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def chunk(self, after: StandingKey) -> Chunk:
        """The next standings after this one, and those of them that aren't what their events say."""
        rows = self._db.rows(_CHUNK, season=after.season, player=after.player, chunk=_AT_ONCE)
        last = StandingKey(rows[-1].season_id, rows[-1].player_id) if rows else None
        return Chunk(len(rows), [each for row in rows for each in _differences(row)], last)


def _differences(row: Any) -> Iterator[dict[str, Any]]:
    pairs = (
        ("score", row.score, row.score_due),
        ("held", row.held, row.held_due),
        ("achieved_at", row.achieved_at, row.achieved_due),
    )
    for what, standing, events in pairs:
        if standing != events:
            yield {
                "what": what,
                "player": str(row.player_id),
                "board": row.board,
                "season": row.season,
                "standing": standing,
                "events": events,
            }
