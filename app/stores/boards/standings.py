"""Standings in PostgreSQL: the board as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from app.domain.boards import Season, Standing
from app.stores.postgres.engine import Database
from app.stores.postgres.lsn import PRIMARY_NOW, Position

_LATELY = 5000  # events

# The order of a board: more points first; within a tie, who got there first.
_LISTED = """
    SELECT s.player_id, p.username, s.score, s.achieved_at, s.changes, s.listed
    FROM standings s JOIN players p ON p.id = s.player_id WHERE s.season_id = :season AND s.listed AND s.score > 0
"""

_ONE = """
    SELECT p.id AS player_id, p.username, coalesce(s.score, 0) AS score, coalesce(s.held, 0) AS held,
           CASE WHEN s.score > 0 THEN s.achieved_at END AS achieved_at,
           CASE WHEN s.held > 0 THEN (
               SELECT e.created_at FROM score_events e
               WHERE e.player_id = s.player_id AND e.season_id = s.season_id AND e.kind = 'redeem'
               ORDER BY e.id DESC LIMIT 1
           ) END AS held_at,
           coalesce(s.listed, false) AS active, coalesce(s.listed AND s.score > 0, false) AS listed,
           coalesce(s.changes, 0) AS changes
    FROM players p LEFT JOIN standings s ON s.player_id = p.id AND s.season_id = :season
    WHERE p.id = :player
"""

_MEMBERS = """
    SELECT player_id, CASE WHEN listed AND score > 0 THEN score END AS score, changes FROM standings
    WHERE season_id = :season
"""


class MirroredStanding(NamedTuple):
    """A standing as Redis should have it: `score` None when it is off the board."""

    player: UUID
    score: int | None
    change: int


@dataclass(frozen=True, slots=True)
class Found:
    """A standing without its rank, whether it has one, and its change number (0: no redeemed action yet).

    `score` is what everybody sees of it, None when it is on no board: what the sorted set should have.
    """

    standing: Standing
    listed: bool
    change: int
    score: int | None


def _standing(row: sa.Row[Any], rank: int | None) -> Standing:
    return Standing(rank, row.player_id, row.username, row.score, row.achieved_at)


def _found(row: sa.Row[Any]) -> Found:
    return Found(_standing(row, None), row.listed, row.changes, row.score if row.listed else None)


def _own(row: sa.Row[Any]) -> Found:
    """As the player alone sees it: with the points that are held."""
    score = row.score + row.held
    at = row.held_at if row.held else row.achieved_at
    standing = Standing(None, row.player_id, row.username, score, at)
    return Found(standing, row.active and score > 0, row.changes, row.score if row.listed else None)


class StandingStore:
    """Ranks that need a count over the board come from Redis; `rank` here is for when that isn't complete."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def next_version(self) -> tuple[int, Position]:
        """A number above all before it, and the primary's position: a list read after it has seen all up to there."""
        row = self._db.row(f"SELECT nextval('board_version') AS version, {PRIMARY_NOW} AS position")
        assert row is not None
        return int(row.version), row.position

    def position(self) -> Position:
        """The primary's position now: not before anything that anybody can have seen."""
        row = self._db.row(f"SELECT {PRIMARY_NOW} AS position")
        assert row is not None
        return str(row.position)

    def top(self, season: Season, limit: int) -> list[Standing]:
        """The best `limit` with their competition ranks."""
        return self.top_seen(season, limit)[0]

    def top_seen(self, season: Season, limit: int) -> tuple[list[Standing], Position]:
        """The best `limit` with their competition ranks, and a position not before anything that the read saw."""
        rows = self._db.rows(
            f"""
            SELECT seen.position, ranked.* FROM (SELECT {self._db.seen} AS position) seen LEFT JOIN (
                SELECT *, rank() OVER (ORDER BY score DESC) AS rank
                FROM ({_LISTED} ORDER BY s.score DESC, s.achieved_at, s.player_id LIMIT :limit) best
            ) ranked ON true
            ORDER BY score DESC, achieved_at, player_id
            """,
            season=season.id,
            limit=limit,
        )
        return [_standing(row, row.rank) for row in rows if row.rank is not None], rows[0].position

    def rank(self, season: Season, score: int, *, without: str | None = None) -> int:
        """1 + how many (but the player `without`) have more: a count in the index, for when Redis can't tell."""
        row = self._db.row(
            """
            SELECT count(*) + 1 AS rank FROM standings
            WHERE season_id = :season AND listed AND score > :score
            AND player_id IS DISTINCT FROM CAST(:without AS uuid)
            """,
            season=season.id,
            score=score,
            without=without,
        )
        assert row is not None
        return int(row.rank)

    def one(self, season: Season, player_id: UUID, *, own: bool = False) -> Found | None:
        """A player's standing as everybody sees it, or as they do themselves; None for nobody."""
        row = self._db.row(_ONE, season=season.id, player=player_id)
        if row is None:
            return None
        return _own(row) if own else _found(row)

    def score(self, season_id: int, player_id: UUID) -> int:
        """A player's score as they see it themselves; 0 before the first redeemed action."""
        row = self._db.row(
            "SELECT score + held AS score FROM standings WHERE season_id = :season AND player_id = :player",
            season=season_id,
            player=player_id,
        )
        return int(row.score) if row else 0

    def around(self, season: Season, me: Standing, count: int) -> tuple[list[Found], list[Found]]:
        """Up to `count` neighbours above and below in the board's order, each list from the top, without ranks.

        With held points in `me`, the player's own row stands further down; it is left out.
        """
        if count == 0:
            return [], []
        place = {
            "season": season.id,
            "score": me.score,
            "at": me.achieved_at,
            "player": me.user_id,
            "count": count,
        }
        # Two ranges each, so that the index walks straight to the place: same score, then the scores beyond.
        above = self._db.rows(
            f"""
            SELECT * FROM (
                ({_LISTED} AND s.score = :score AND (s.achieved_at, s.player_id) < (:at, :player)
                 ORDER BY s.achieved_at DESC, s.player_id DESC LIMIT :count)
                UNION ALL
                ({_LISTED} AND s.score > :score AND s.player_id <> :player
                 ORDER BY s.score ASC, s.achieved_at DESC, s.player_id DESC LIMIT :count)
            ) near ORDER BY score ASC, achieved_at DESC, player_id DESC LIMIT :count
            """,
            **place,
        )
        below = self._db.rows(
            f"""
            SELECT * FROM (
                ({_LISTED} AND s.score = :score AND (s.achieved_at, s.player_id) > (:at, :player)
                 ORDER BY s.achieved_at, s.player_id LIMIT :count)
                UNION ALL
                ({_LISTED} AND s.score < :score AND s.player_id <> :player
                 ORDER BY s.score DESC, s.achieved_at, s.player_id LIMIT :count)
            ) near ORDER BY score DESC, achieved_at, player_id LIMIT :count
            """,
            **place,
        )
        return [_found(row) for row in reversed(above)], [_found(row) for row in below]

    def members(self, season: Season, players: Sequence[UUID]) -> list[MirroredStanding]:
        """What the sorted set should have of these players, those who have a standing, in no order."""
        rows = self._db.rows(
            f"{_MEMBERS} AND player_id = ANY(:players)",
            season=season.id,
            players=list(players),
        )
        return [MirroredStanding(row.player_id, row.score, row.changes) for row in rows]

    def members_after(self, season: Season, player: UUID, most: int) -> list[MirroredStanding]:
        """The next `most` standings after this player's, by the players' ids."""
        rows = self._db.rows(
            f"{_MEMBERS} AND player_id > :player ORDER BY player_id LIMIT :most",
            season=season.id,
            player=player,
            most=most,
        )
        return [MirroredStanding(row.player_id, row.score, row.changes) for row in rows]

    def best(self, season: Season, most: int) -> list[MirroredStanding]:
        """The standings at the top, whatever the order within a tie."""
        rows = self._db.rows(
            f"{_MEMBERS} AND listed ORDER BY standings.score DESC LIMIT :most",
            season=season.id,
            most=most,
        )
        return [MirroredStanding(row.player_id, row.score, row.changes) for row in rows]

    def lately(self, season: Season) -> list[UUID]:
        """Whose standing has changed by the newest events, whatever their board."""
        rows = self._db.rows(
            """
            SELECT DISTINCT player_id FROM (
                SELECT player_id, season_id FROM score_events ORDER BY id DESC LIMIT :most
            ) newest WHERE season_id = :season
            """,
            season=season.id,
            most=_LATELY,
        )
        return [row.player_id for row in rows]

    def changed(self, season: Season, events: Sequence[int]) -> list[sa.Row[Any]]:
        """Who changed by these events: player, name, score now, the score before the first, the last action type."""
        return self._db.rows(
            """
            SELECT s.player_id, p.username, s.score, e.previous_score, e.action_type
            FROM (
                SELECT player_id, min(previous_score) AS previous_score,
                       (array_agg(t.slug ORDER BY score_events.id DESC))[1] AS action_type
                FROM score_events JOIN action_types t ON t.id = action_type_id
                WHERE score_events.id = ANY(:events) AND held_under IS NULL GROUP BY player_id
            ) e
            JOIN standings s ON s.player_id = e.player_id AND s.season_id = :season AND s.listed AND s.score > 0
            JOIN players p ON p.id = s.player_id
            ORDER BY s.score DESC, s.achieved_at, s.player_id
            """,
            season=season.id,
            events=list(events),
        )
