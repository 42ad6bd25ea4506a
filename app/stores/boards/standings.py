"""Standings in PostgreSQL, the source of truth of every board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from app.domain.boards import Season, Standing
from app.stores.boards.counting import COUNTS, NEWEST_REVERSAL, WAS_HELD
from app.stores.postgres.engine import Database
from app.stores.postgres.lsn import PRIMARY_NOW, Position
from app.stores.postgres.rows import Row

_RECENT_EVENTS = 5000

# The order of a board: more points first; within a tie, the player who got there first.
_LISTED = """
    SELECT s.player_id, p.username, s.score, s.achieved_at, s.changes, s.listed
    FROM standings s JOIN players p ON p.id = s.player_id WHERE s.season_id = :season AND s.listed AND s.score > 0
"""

_PLAYER_STANDING = f"""
    SELECT p.id AS player_id, p.username, coalesce(s.score, 0) AS score, coalesce(s.held, 0) AS held,
           CASE WHEN s.score > 0 THEN s.achieved_at END AS achieved_at,
           CASE WHEN s.held > 0 THEN (
               SELECT e.created_at FROM score_events e {NEWEST_REVERSAL}
               WHERE e.player_id = s.player_id AND e.season_id = s.season_id AND {COUNTS}
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
    """A standing as Redis should have it: `score` is None when it is off the board."""

    player: UUID
    score: int | None
    change: int


class ChangedStanding(NamedTuple):
    """A listed standing that some events changed, with the score before the first and the last one's action type."""

    player_id: UUID
    username: str
    score: int
    previous_score: int
    action_type: str


@dataclass(frozen=True, slots=True)
class BoardEntry:
    """A standing without its rank, whether it has one, and its change number (0: no redeemed action yet).

    `score` is the public score, None when the standing is off the board: the value that the sorted set should have.
    """

    standing: Standing
    is_listed: bool
    change: int
    score: int | None


def _standing(row: Row, rank: int | None) -> Standing:
    return Standing(rank, row.player_id, row.username, row.score, row.achieved_at)


def _public_view(row: Row) -> BoardEntry:
    return BoardEntry(_standing(row, None), row.listed, row.changes, row.score if row.listed else None)


def _own_view(row: Row) -> BoardEntry:
    """Return the standing as only the player sees it: with the held points."""
    score = row.score + row.held
    at = row.held_at if row.held else row.achieved_at
    standing = Standing(None, row.player_id, row.username, score, at)
    return BoardEntry(standing, row.active and score > 0, row.changes, row.score if row.listed else None)


class StandingStore:
    """Reads of standings. Redis counts ranks over a whole board; `rank` is for a board that isn't complete there."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def next_version(self) -> tuple[int, Position]:
        """Return a number above all earlier ones, and the primary's position: later reads see all changes up to it."""
        row = self._db.row(f"SELECT nextval('board_version') AS version, {PRIMARY_NOW} AS position")
        assert row is not None
        return int(row.version), row.position

    def position(self) -> Position:
        """Return the primary's position now, which is not before any change that a reader can have seen."""
        row = self._db.row(f"SELECT {PRIMARY_NOW} AS position")
        assert row is not None
        return str(row.position)

    def top(self, season: Season, limit: int) -> list[Standing]:
        """Return the best `limit` standings with their competition ranks."""
        return self.top_with_position(season, limit)[0]

    def top_with_position(self, season: Season, limit: int) -> tuple[list[Standing], Position]:
        """Return the best `limit` with their competition ranks, and a position not before any change that was read."""
        rows = self._db.rows(
            f"""
            SELECT seen.position, ranked.* FROM (SELECT {self._db.position_sql} AS position) seen LEFT JOIN (
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
        """Return 1 + the number of players with a higher score, not counting the player `without`.

        This counts in the index, for a board that isn't complete in Redis.
        """
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

    def standing(self, season: Season, player_id: UUID, *, own: bool = False) -> BoardEntry | None:
        """Return a player's public standing, or with `own` as the player sees it; None for an unknown player."""
        row = self._db.row(_PLAYER_STANDING, season=season.id, player=player_id)
        if row is None:
            return None
        return _own_view(row) if own else _public_view(row)

    def score(self, season_id: int, player_id: UUID) -> int:
        """Return a player's score as the player sees it; 0 before the first redeemed action."""
        row = self._db.row(
            "SELECT score + held AS score FROM standings WHERE season_id = :season AND player_id = :player",
            season=season_id,
            player=player_id,
        )
        return int(row.score) if row else 0

    def around(self, season: Season, standing: Standing, count: int) -> tuple[list[BoardEntry], list[BoardEntry]]:
        """Return up to `count` neighbours above and below in the board's order, each list from the top, without ranks.

        With held points in `standing`, the player's public row is further down; it is left out.
        """
        if count == 0:
            return [], []
        place = {
            "season": season.id,
            "score": standing.score,
            "at": standing.achieved_at,
            "player": standing.user_id,
            "count": count,
        }
        # Two ranges each, so that the index goes straight to the place: the same score, then the scores beyond.
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
        return [_public_view(row) for row in reversed(above)], [_public_view(row) for row in below]

    def members(self, season: Season, players: Sequence[UUID]) -> list[MirroredStanding]:
        """Return the standings of these players that the sorted set should have, in no order."""
        rows = self._db.rows(
            f"{_MEMBERS} AND player_id = ANY(:players)",
            season=season.id,
            players=list(players),
        )
        return [MirroredStanding(row.player_id, row.score, row.changes) for row in rows]

    def members_after(self, season: Season, player: UUID, limit: int) -> list[MirroredStanding]:
        """Return the next `limit` standings after this player's, ordered by the players' ids."""
        rows = self._db.rows(
            f"{_MEMBERS} AND player_id > :player ORDER BY player_id LIMIT :most",
            season=season.id,
            player=player,
            most=limit,
        )
        return [MirroredStanding(row.player_id, row.score, row.changes) for row in rows]

    def best(self, season: Season, limit: int) -> list[MirroredStanding]:
        """Return the standings at the top, in any order within a tie."""
        rows = self._db.rows(
            f"{_MEMBERS} AND listed ORDER BY standings.score DESC LIMIT :most",
            season=season.id,
            most=limit,
        )
        return [MirroredStanding(row.player_id, row.score, row.changes) for row in rows]

    def recent_players(self, season: Season) -> list[UUID]:
        """Return the players of this season among the newest events of all boards."""
        rows = self._db.rows(
            """
            SELECT DISTINCT player_id FROM (
                SELECT player_id, season_id FROM score_events ORDER BY id DESC LIMIT :most
            ) newest WHERE season_id = :season
            """,
            season=season.id,
            most=_RECENT_EVENTS,
        )
        return [row.player_id for row in rows]

    def changed_standings(self, season: Season, events: Sequence[int]) -> list[ChangedStanding]:
        """Return the listed standings that these events changed, in the board's order."""
        rows = self._db.rows(
            f"""
            SELECT s.player_id, p.username, s.score, e.previous_score, e.action_type
            FROM (
                SELECT player_id, min(previous_score) AS previous_score,
                       (array_agg(t.slug ORDER BY score_events.id DESC))[1] AS action_type
                FROM score_events JOIN action_types t ON t.id = action_type_id
                WHERE score_events.id = ANY(:events) AND NOT ({WAS_HELD}) GROUP BY player_id
            ) e
            JOIN standings s ON s.player_id = e.player_id AND s.season_id = :season AND s.listed AND s.score > 0
            JOIN players p ON p.id = s.player_id
            ORDER BY s.score DESC, s.achieved_at, s.player_id
            """,
            season=season.id,
            events=list(events),
        )
        return [ChangedStanding(*row) for row in rows]
