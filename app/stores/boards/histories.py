"""A player's history on a board: the public events that count, with the score after each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.boards import Season
from app.stores.boards.counting import counting_events, is_public
from app.stores.postgres.engine import Database

_SCORES = {
    "sum": "sum(e.points) OVER earlier",
    "count": "count(*) OVER earlier",
    "last": "e.points",
    "best": "max(e.points) OVER earlier",
}
_LOWEST = "min(e.points) OVER earlier"


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One event: its result, and the player's score after it."""

    id: int
    score: int
    result: int
    achieved_at: datetime
    action_type: str
    metadata: Mapping[str, object] | None


class HistoryStore:
    """Folds a player's events anew, so that the newest score is that of the standing."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def page(self, season: Season, player: UUID, limit: int, before: int | None = None) -> list[HistoryRow]:
        """Return the newest events of a player in a season, or the newest before one."""
        score = _LOWEST if season.order == "asc" and season.scoring == "best" else _SCORES[season.scoring]
        events = counting_events("s", is_public("e", "p"))
        rows = self._db.rows(
            f"""
            SELECT e.id, ({score})::bigint AS score, e.points AS result, e.created_at AS achieved_at,
                   t.slug AS action_type, e.metadata
            FROM standings s JOIN players p ON p.id = s.player_id
            CROSS JOIN LATERAL (SELECT e.* {events}) e
            JOIN action_types t ON t.id = e.action_type_id
            WHERE s.season_id = :season AND s.player_id = :player
              AND e.id < coalesce(CAST(:before AS bigint), 9223372036854775807)
            WINDOW earlier AS (ORDER BY e.id)
            ORDER BY e.id DESC LIMIT :limit
            """,
            season=season.id,
            player=player,
            before=before,
            limit=limit,
        )
        return [HistoryRow(*row) for row in rows]
