"""What a correction would change, from one moment of the database, changing nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.domain.boards import MAX_SCORE
from app.domain.corrections import Selection
from app.stores.moderation.corrections import SELECTED, TAIL, values_of
from app.stores.postgres.engine import Database

_SECONDS = 500
_VOIDED = f"""
    SELECT e.season_id, e.player_id, -e.points AS points, e.held_under FROM score_events e {TAIL}
    WHERE {SELECTED} AND tail.kind IS DISTINCT FROM 'void'
"""
_RESTORED = f"""
    SELECT e.season_id, e.player_id, e.points, e.held_under
    FROM score_events v JOIN score_events e ON e.action_id = v.action_id AND e.kind = 'redeem' {TAIL}
    WHERE v.correction_id = :restores_id AND tail.id = v.id
"""
# `seen` is what everybody sees of it: held points move nobody.
_MOVES = """
    WITH touched AS ({touched}), change AS (
        SELECT t.season_id, t.player_id, count(*) AS events, sum(t.points)::bigint AS points,
               coalesce(sum(t.points) FILTER (WHERE t.held_under IS NULL
                   OR t.held_under IS DISTINCT FROM p.held_under), 0)::bigint AS seen
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
# Whose score could be past the limit is found by sums that are too high at most; only theirs are made exactly.
_PAST_LIMIT = f"""
    WITH near AS (
        SELECT season_id, player_id, s.score + s.held AS total FROM score_events e
        JOIN standings s USING (season_id, player_id) WHERE e.correction_id = :void
        GROUP BY season_id, player_id, s.score, s.held HAVING s.score + s.held - sum(e.points) > :most
    )
    SELECT EXISTS (
        SELECT FROM near CROSS JOIN LATERAL (
            SELECT -sum(e.points) AS points FROM score_events e {TAIL}
            WHERE e.correction_id = :void AND e.season_id = near.season_id AND e.player_id = near.player_id
              AND tail.id = e.id
        ) back WHERE near.total + back.points > :most
    )
"""
_SUM = """
    SELECT count(*) AS events, coalesce(sum(abs(points)), 0)::bigint AS points, count(DISTINCT player_id) AS players
    FROM ({touched}) t
"""


@dataclass(frozen=True, slots=True)
class Preview:
    """`moving` counts everybody whose rank or score would change; `rows` are the first of them."""

    events: int
    points: int
    players: int
    moving: int
    rows: list[dict[str, Any]]


def preview(
    source: Database, selection: Selection, restores_id: UUID | None, *, leaves: UUID | None, limit: int
) -> Preview:
    """What voiding the selection, or with `restores_id` restoring that void, would change.

    `leaves`: a player who would be suspended with it. Rows are those whose points change, the most first, then those
    who move because of it: `{"username", "player_id", "board", "season", "score_before", "score_after",
    "rank_before", "rank_after", "events", "points"}`.
    """
    touched = _VOIDED if restores_id is None else _RESTORED
    values = {**values_of(selection), "restores_id": restores_id}
    with source.snapshot(_SECONDS) as connection:
        total = connection.execute(sa.text(_SUM.format(touched=touched)), values).one()
        rows = connection.execute(
            sa.text(_MOVES.format(touched=touched)), {**values, "leaves": leaves, "limit": limit}
        ).all()
    found = [{name: value for name, value in row._mapping.items() if name != "moving"} for row in rows]
    return Preview(total.events, total.points, total.players, rows[0].moving if rows else 0, found)


def past_limit(connection: sa.Connection, void_id: UUID) -> bool:
    """Whether taking this void back would put a score past MAX_SCORE."""
    connection.execute(sa.text(f"SET LOCAL statement_timeout = '{_SECONDS}s'"))
    return bool(connection.execute(sa.text(_PAST_LIMIT), {"void": void_id, "most": MAX_SCORE}).scalar_one())
