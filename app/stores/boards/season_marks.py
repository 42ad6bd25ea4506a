"""Every thousandth place of a closed season, so that its ranks and places are found without counting all players.

The sorted sets of a closed season are dropped. Marks are written when its players are counted: at its end, and after
corrections. They count as long as `seasons.players` does, which a correction sets to null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import sqlalchemy as sa

from app.stores.boards.board_rows import IS_LISTED

MARK_EVERY = 1000

Mark: TypeAlias = Mapping[str, object]
"""A place's number, score, time and player."""

_MARKS = "season_marks m JOIN seasons n ON n.id = m.season_id AND n.players IS NOT NULL"

LAST_BETTER = f"""
    LEFT JOIN LATERAL (
        SELECT m.number, m.score, m.achieved_at, m.player_id FROM {_MARKS}
        WHERE m.season_id = :season AND m.score > wanted.score ORDER BY m.score, m.number DESC LIMIT 1
    ) mark ON true
"""
"""The join of the last mark with a better score than `wanted`; nulls without one."""

BETTER_AFTER_MARK = f"""(
    (SELECT count(*) FROM standings s WHERE season_id = :season AND {IS_LISTED} AND s.score > wanted.score
     AND s.score < coalesce(mark.score, 9223372036854775807))
  + (SELECT count(*) FROM standings s WHERE season_id = :season AND {IS_LISTED} AND s.score = mark.score
     AND (s.achieved_at, s.player_id) > (mark.achieved_at, mark.player_id))
)"""
"""The number of players after `mark` with a better score than `wanted`."""

LAST_BEFORE = f"""
    SELECT m.number, m.score, m.achieved_at, m.player_id FROM {_MARKS}
    WHERE m.season_id = :season AND m.number < :number ORDER BY m.number DESC LIMIT 1
"""
"""The query of the last mark before place `number`."""


def read_marks(connection: sa.Connection, season: int, *, every: int = MARK_EVERY) -> list[Mark]:
    """Return the marks that the season's standings need."""
    rows = connection.execute(
        sa.text(
            f"""
            SELECT number, score, achieved_at, player_id FROM (
                SELECT s.score, s.achieved_at, s.player_id, row_number() OVER (
                    ORDER BY s.score DESC, s.achieved_at, s.player_id
                ) AS number
                FROM standings s WHERE s.season_id = :season AND {IS_LISTED}
            ) ordered WHERE number % :every = 0
            """
        ),
        {"season": season, "every": every},
    )
    return [row._asdict() for row in rows]


def write_marks(connection: sa.Connection, season: int, marks: Sequence[Mark]) -> None:
    """Write the season's marks in place of those of before."""
    connection.execute(sa.text("DELETE FROM season_marks WHERE season_id = :season"), {"season": season})
    statement = """
        INSERT INTO season_marks (season_id, number, score, achieved_at, player_id)
        VALUES (:season, :number, :score, :achieved_at, :player_id)
    """
    if marks:
        connection.execute(sa.text(statement), [{"season": season, **mark} for mark in marks])
