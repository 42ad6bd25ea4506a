"""Previews of the changes that a correction would make, from one snapshot of the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict
from uuid import UUID

import sqlalchemy as sa

from app.domain.corrections import Selection
from app.domain.scoring import Hold
from app.stores.boards.counting import (
    COUNTS,
    HOLD_COLUMNS,
    IS_ONE_RUN,
    IS_REDEMPTION,
    IS_VOIDED,
    NEWEST_REVERSAL,
    RULES,
    SEASONS_OF_EVENT,
    folded,
    is_public,
    is_ranked,
    redemption_of,
    stored,
    total,
)
from app.stores.moderation.correction_limits import check_limit
from app.stores.moderation.selections import SELECTED, values_of
from app.stores.postgres.engine import Database
from app.stores.postgres.rows import read_row

PREVIEW_SECONDS = 500
"""The time limit of each query of a preview, by default."""


def _shown(score: str) -> str:
    """Return a stored score of a board `b` as people see it; on `sum` and `count` boards, without events, it is 0."""
    return f"CASE WHEN b.sort_order = 'asc' THEN -{score} WHEN {IS_ONE_RUN} THEN {score} ELSE coalesce({score}, 0) END"


_VOIDED = f"""
    SELECT e.*, -1 AS sign FROM score_events e {NEWEST_REVERSAL} WHERE {COUNTS} AND {SELECTED}
"""
_RESTORED = f"""
    SELECT e.*, 1 AS sign FROM score_events v {redemption_of("v")} {NEWEST_REVERSAL}
    WHERE v.correction_id = :restores_id AND reversal.id = v.id
"""
# The touched events stop to count, or count again.
_WOULD_COUNT = f"{IS_REDEMPTION} AND ({IS_VOIDED}) = (e.id IN (SELECT id FROM touched))"
_IS_OTHER = "c.player_id IS DISTINCT FROM CAST(:player AS uuid)"
# The standings of the player of `PlayerAfter`, with the hold that would be on them.
_AFTER = """
    SELECT s.season_id, s.player_id, CAST(:held_under AS uuid) AS held_under,
           CAST(:held_since AS timestamptz) AS held_since, CAST(:held_from AS timestamptz) AS held_from
    FROM standings s JOIN seasons n ON n.id = s.season_id AND n.board_id IS NOT NULL
    WHERE s.player_id = CAST(:player AS uuid)
"""
# `seen` is the change without held points, which move no player.
_MOVES = f"""
    WITH touched AS MATERIALIZED ({{touched}}), change AS (
        SELECT n.id AS season_id, e.player_id, count(*) AS events, {total("e.sign * e.points")} AS points,
               {total(f"e.sign * ({stored('e.points')})", is_public("e", "p"))} AS seen,
               {IS_ONE_RUN} AS is_one_run, {HOLD_COLUMNS}
        FROM touched e {SEASONS_OF_EVENT} JOIN players p ON p.id = e.player_id
        GROUP BY n.id, e.player_id, b.scoring, {HOLD_COLUMNS}
    ), outcome AS (
        SELECT c.season_id, c.player_id, c.events, c.points, due.score, due.achieved_at IS NOT NULL AS is_ranked
        FROM change c {folded("c", "c", _WOULD_COUNT)} WHERE c.is_one_run AND {_IS_OTHER}
        UNION ALL
        SELECT c.season_id, c.player_id, c.events, c.points, s.score + c.seen,
               {is_ranked("c", "c", _WOULD_COUNT)}
        FROM change c JOIN standings s USING (season_id, player_id) WHERE NOT c.is_one_run AND {_IS_OTHER}
        UNION ALL
        SELECT a.season_id, a.player_id, coalesce(c.events, 0), coalesce(c.points, 0), due.score,
               due.achieved_at IS NOT NULL
        FROM ({_AFTER}) a LEFT JOIN change c USING (season_id, player_id) {folded("a", "a", _WOULD_COUNT)}
    ), board AS (
        SELECT s.season_id, s.player_id, c.events, c.points,
               CASE WHEN s.achieved_at IS NOT NULL THEN s.score END AS before,
               CASE WHEN c.events IS NULL AND s.achieved_at IS NOT NULL THEN s.score
                    WHEN c.is_ranked THEN c.score END AS after,
               s.listed, CASE WHEN s.player_id = CAST(:player AS uuid) THEN CAST(:is_active AS boolean)
                              ELSE s.listed END AS stays
        FROM standings s LEFT JOIN outcome c USING (season_id, player_id)
        WHERE s.season_id IN (SELECT season_id FROM outcome)
    ), ranked AS (
        SELECT *, CASE WHEN listed AND before IS NOT NULL THEN
                      rank() OVER (PARTITION BY season_id, listed ORDER BY before DESC NULLS LAST) END AS rank_before,
               CASE WHEN stays AND after IS NOT NULL THEN
                   rank() OVER (PARTITION BY season_id, stays ORDER BY after DESC NULLS LAST) END AS rank_after
        FROM board
    ), moved AS (
        SELECT *, count(*) OVER () AS moving FROM ranked
        WHERE events > 0 OR before IS DISTINCT FROM after OR rank_before IS DISTINCT FROM rank_after
    )
    SELECT p.username, m.player_id, board.slug AS board, n.number AS season, {_shown("m.before")} AS score_before,
           {_shown("m.after")} AS score_after, m.rank_before, m.rank_after, coalesce(m.events, 0) AS events,
           coalesce(m.points, 0) AS points, m.moving
    FROM moved m JOIN players p ON p.id = m.player_id JOIN seasons n ON n.id = m.season_id
    {RULES}
    ORDER BY coalesce(m.events, 0) = 0, abs(coalesce(m.points, 0)) DESC, coalesce(m.rank_after, m.rank_before),
             p.username
    LIMIT :limit
"""
_SUM = f"""
    SELECT count(*) AS events, {total("abs(points)")} AS points, count(DISTINCT player_id) AS players
    FROM ({{touched}}) t
"""


class Move(TypedDict):
    """A standing that a correction would change, with the points and events it would add to or take from it."""

    username: str
    player_id: UUID
    board: str
    season: int
    score_before: int | None
    score_after: int | None
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


@dataclass(frozen=True, slots=True)
class PlayerAfter:
    """A player as they would be: active or suspended, and with this hold on their points."""

    player_id: UUID
    is_active: bool
    hold: Hold | None = None


def values_after(after: PlayerAfter | None) -> dict[str, object]:
    """Return the parameters of _MOVES for a player whose status or hold would change; None: for none."""
    hold = after.hold if after else None
    return {
        "player": after and after.player_id,
        "is_active": after and after.is_active,
        "held_under": hold and hold.id,
        "held_since": hold and hold.since,
        "held_from": hold and hold.begun,
    }


def preview(
    source: Database,
    selection: Selection,
    restores_id: UUID | None,
    *,
    after: PlayerAfter | None,
    limit: int,
    seconds: int = PREVIEW_SECONDS,
) -> Preview:
    """Return the changes that a void of the selection, or with `restores_id` the restore of that void, would make.

    `after`: a player whose status or hold would change with it. First come the rows of players whose points change,
    the largest change first, then those of players that move because of it. Raises PastLimit where the correction can't
    be made, and OperationalError after `seconds`.
    """
    touched = _VOIDED if restores_id is None else _RESTORED
    values = {**values_of(selection), "restores_id": restores_id}
    with source.snapshot(seconds) as connection:
        check_limit(connection, selection, restores_id, seconds=seconds)
        total = connection.execute(sa.text(_SUM.format(touched=touched)), values).one()
        rows = connection.execute(
            sa.text(_MOVES.format(touched=touched)), {**values, **values_after(after), "limit": limit}
        ).all()
    moves = [read_row(row, Move, without="moving") for row in rows]
    return Preview(total.events, total.points, total.players, rows[0].moving if rows else 0, moves)
