"""Previews of a replay: the players that would move, from one snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict
from uuid import UUID

import sqlalchemy as sa

from app.stores.boards.counting import folded
from app.stores.boards.filled_seasons import PAIRS
from app.stores.postgres.rows import read_row

PREVIEW_SECONDS = 500
"""The time limit of the query of a preview, by default."""
_IS_OPEN = "(n.ends_at IS NULL OR n.ends_at > clock_timestamp())"
_MOVES = f"""
    WITH pair AS MATERIALIZED ({PAIRS} AND {_IS_OPEN}), due AS (
        SELECT s.season_id, s.player_id, due.score,
               rank() OVER (PARTITION BY s.season_id ORDER BY due.score DESC) AS rank
        FROM pair s JOIN players p ON p.id = s.player_id AND p.status = 'active' {folded("s", "p")}
        WHERE due.achieved_at IS NOT NULL
    ), present AS (
        SELECT n.id AS season_id, s.player_id,
               CASE WHEN b.sort_order = 'asc' THEN -s.score ELSE s.score END AS shown,
               rank() OVER (PARTITION BY n.id ORDER BY s.score DESC) AS rank
        FROM seasons n JOIN boards b ON b.slug = n.fills
        JOIN seasons old ON old.board_id = b.id AND old.number = n.number
        JOIN standings s ON s.season_id = old.id AND s.listed AND s.achieved_at IS NOT NULL
        WHERE n.replay_id = :replay AND n.board_id IS NULL AND {_IS_OPEN}
    ), moved AS (
        SELECT season_id, player_id, present.shown AS score_before, due.score, present.rank AS rank_before,
               due.rank AS rank_after
        FROM present FULL JOIN due USING (season_id, player_id)
        WHERE present.rank IS DISTINCT FROM due.rank
    )
    SELECT n.fills AS board, n.number AS season, p.username, m.player_id, m.score_before,
           CASE WHEN n.sort_order = 'asc' THEN -m.score ELSE m.score END AS score_after, m.rank_before, m.rank_after,
           count(*) OVER () AS moving
    FROM moved m JOIN seasons n ON n.id = m.season_id JOIN players p ON p.id = m.player_id
    ORDER BY n.fills, least(m.rank_before, m.rank_after), m.rank_after, p.username LIMIT :most
"""


class Mover(TypedDict):
    """A player whose rank on a board would change; a score or rank is None for a player who is not on it."""

    board: str
    season: int
    username: str
    player_id: UUID
    score_before: int | None
    score_after: int | None
    rank_before: int | None
    rank_after: int | None


def movers(connection: sa.Connection, replay_id: UUID, limit: int, seconds: int) -> tuple[Sequence[Mover], int]:
    """Return up to `limit` players that would move, by board, the best places first; and how many would.

    Raises OperationalError after `seconds`.
    """
    connection.execute(sa.text(f"SET LOCAL statement_timeout = '{seconds}s'"))
    rows = connection.execute(sa.text(_MOVES), {"replay": replay_id, "most": limit}).all()
    return [read_row(row, Mover, without="moving") for row in rows], rows[0].moving if rows else 0
