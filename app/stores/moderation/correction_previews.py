"""Previews of the changes that a correction would make, from one snapshot of the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict
from uuid import UUID

import sqlalchemy as sa

from app.domain.boards import MAX_SCORE
from app.domain.corrections import Selection
from app.stores.boards.counting import COUNTS, NEWEST_REVERSAL, is_public, redemption_of, total
from app.stores.moderation.selections import SELECTED, values_of
from app.stores.postgres.engine import Database
from app.stores.postgres.rows import read_row

_SECONDS = 500
_VOIDED = f"""
    SELECT e.season_id, e.player_id, -e.points AS points, e.held_under, e.created_at
    FROM score_events e {NEWEST_REVERSAL} WHERE {COUNTS} AND {SELECTED}
"""
_RESTORED = f"""
    SELECT e.season_id, e.player_id, e.points, e.held_under, e.created_at
    FROM score_events v {redemption_of("v")} {NEWEST_REVERSAL}
    WHERE v.correction_id = :restores_id AND reversal.id = v.id
"""
# `seen` is the change without held points, which move no player.
_MOVES = f"""
    WITH touched AS ({{touched}}), change AS (
        SELECT t.season_id, t.player_id, count(*) AS events, {total("t.points")} AS points,
               {total("t.points", is_public("t", "p"))} AS seen
        FROM touched t JOIN players p ON p.id = t.player_id GROUP BY t.season_id, t.player_id
    ), board AS (
        SELECT s.season_id, s.player_id, s.score AS score_before, c.events, c.points,
               CASE WHEN s.listed THEN s.score ELSE 0 END AS shown_before,
               s.score + coalesce(c.seen, 0) AS score_after,
               CASE WHEN s.listed AND s.player_id IS DISTINCT FROM CAST(:leaves AS uuid)
                    THEN s.score + coalesce(c.seen, 0) ELSE 0 END AS shown_after
        FROM standings s LEFT JOIN change c USING (season_id, player_id)
        WHERE s.season_id IN (SELECT season_id FROM change)
           OR s.season_id IN (SELECT season_id FROM standings WHERE player_id = CAST(:leaves AS uuid))
    ), ranked AS (
        SELECT *, CASE WHEN shown_before > 0 THEN rank() OVER (PARTITION BY season_id ORDER BY shown_before DESC) END
                   AS rank_before,
               CASE WHEN shown_after > 0 THEN rank() OVER (PARTITION BY season_id ORDER BY shown_after DESC) END
                   AS rank_after
        FROM board
    ), moved AS (
        SELECT *, count(*) OVER () AS moving FROM ranked
        WHERE events IS NOT NULL OR rank_before IS DISTINCT FROM rank_after
    )
    SELECT p.username, m.player_id, b.slug AS board, n.number AS season, m.score_before, m.score_after, m.rank_before,
           m.rank_after, coalesce(m.events, 0) AS events, coalesce(m.points, 0) AS points, m.moving
    FROM moved m JOIN players p ON p.id = m.player_id JOIN seasons n ON n.id = m.season_id
    JOIN boards b ON b.id = n.board_id
    ORDER BY m.events IS NULL, abs(coalesce(m.points, 0)) DESC, coalesce(m.rank_after, m.rank_before), p.username
    LIMIT :limit
"""
# Sums that are at most too high find the scores that could be past the limit; only for those the exact sums are made.
_PAST_LIMIT = f"""
    WITH near AS (
        SELECT season_id, player_id, s.score + s.held AS total FROM score_events e
        JOIN standings s USING (season_id, player_id) WHERE e.correction_id = :void
        GROUP BY season_id, player_id, s.score, s.held HAVING s.score + s.held - sum(e.points) > :most
    )
    SELECT EXISTS (
        SELECT FROM near CROSS JOIN LATERAL (
            SELECT -sum(e.points) AS points FROM score_events e {NEWEST_REVERSAL}
            WHERE e.correction_id = :void AND e.season_id = near.season_id AND e.player_id = near.player_id
              AND reversal.id = e.id
        ) back WHERE near.total + back.points > :most
    )
"""
_SUM = """
    SELECT count(*) AS events, coalesce(sum(abs(points)), 0)::bigint AS points, count(DISTINCT player_id) AS players
    FROM ({touched}) t
"""


class Move(TypedDict):
    """A standing that a correction would change, with the points and events it would add to or take from it."""

    username: str
    player_id: UUID
    board: str
    season: int
    score_before: int
    score_after: int
    rank_before: int | None
    rank_after: int | None
    events: int
    points: int


@dataclass(frozen=True, slots=True)
class Preview:
    """The sums of a correction; `moving` counts standings whose rank or score would change, `rows` are the first."""

    events: int
    points: int
    players: int
    moving: int
    rows: list[Move]


def preview(
    source: Database, selection: Selection, restores_id: UUID | None, *, leaves: UUID | None, limit: int
) -> Preview:
    """Return the changes that a void of the selection, or with `restores_id` the restore of that void, would make.

    `leaves`: a player that would be suspended with it. First come the rows of players whose points change, the largest
    change first, then those of players that move because of it.
    """
    touched = _VOIDED if restores_id is None else _RESTORED
    values = {**values_of(selection), "restores_id": restores_id}
    with source.snapshot(_SECONDS) as connection:
        total = connection.execute(sa.text(_SUM.format(touched=touched)), values).one()
        rows = connection.execute(
            sa.text(_MOVES.format(touched=touched)), {**values, "leaves": leaves, "limit": limit}
        ).all()
    moves = [read_row(row, Move, without="moving") for row in rows]
    return Preview(total.events, total.points, total.players, rows[0].moving if rows else 0, moves)


def exceeds_limit(connection: sa.Connection, void_id: UUID) -> bool:
    """Return whether the restore of this void would put a score past MAX_SCORE."""
    connection.execute(sa.text(f"SET LOCAL statement_timeout = '{_SECONDS}s'"))
    return bool(connection.execute(sa.text(_PAST_LIMIT), {"void": void_id, "most": MAX_SCORE}).scalar_one())
