"""Standings in PostgreSQL, the source of truth of every board."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from app.domain.attributes import Segment
from app.domain.boards import Season, Standing
from app.domain.scoring import ONE_RUN
from app.stores.boards.board_rows import (
    IS_LISTED,
    RUN,
    BoardEntry,
    best_listed,
    in_segment,
    own_view,
    public_view,
    segment_values,
    standing_of,
)
from app.stores.boards.counting import WAS_HELD, folded
from app.stores.boards.orders import MirroredStanding
from app.stores.boards.season_marks import BETTER_AFTER_MARK, LAST_BETTER
from app.stores.postgres.engine import Database
from app.stores.postgres.lsn import PRIMARY_NOW, Position
from app.stores.postgres.rows import array_text

_RECENT_EVENTS = 5000

_MEMBER = f"""
    s.player_id, CASE WHEN {IS_LISTED} THEN s.score END AS score, s.changes, s.achieved_at,
    CASE WHEN board.segments = '{{}}' THEN '{{}}' ELSE ARRAY(
        SELECT a.name || ':' || a.value FROM player_attributes a
        WHERE a.player_id = s.player_id AND a.name = ANY(board.segments) ORDER BY a.name
    ) END AS segments
"""
_MEMBERS = f"""
    SELECT {_MEMBER}
    FROM (SELECT b.segments FROM seasons n JOIN boards b ON b.id = n.board_id WHERE n.id = :season) board, standings s
    WHERE s.season_id = :season
"""
_MEMBERS_ON = f"""
    SELECT s.season_id, {_MEMBER}
    FROM unnest(CAST(:seasons AS int[]), CAST(:players AS uuid[])) wanted (season_id, player_id)
    JOIN standings s USING (season_id, player_id)
    JOIN seasons n ON n.id = s.season_id JOIN boards board ON board.id = n.board_id
"""


def _player_standing(season: Season, *, own: bool, of: str = "= :player") -> str:
    """Return the query of a player's standing, with `own` as the player sees it: with held events.

    `of` is the condition on the player's id.
    """
    is_one_run = season.scoring in ONE_RUN
    metadata, join = ("run.metadata", RUN) if is_one_run else ("NULL AS metadata", "")
    score, at = "s.score", "s.achieved_at"
    if own:
        at = "CASE WHEN own.own_at IS NULL THEN s.achieved_at ELSE own.own_at END"
        score = "CASE WHEN s.has_held THEN s.held ELSE s.score END" if is_one_run else "s.score + s.held"
        join = f"""
            LEFT JOIN LATERAL (
                SELECT due.* FROM (VALUES (1)) held {folded("s", "p")} WHERE s.has_held OR s.held <> 0
            ) own ON true
            {join.replace("s.action_id", "coalesce(own.own_action, s.action_id)")}
        """
    return f"""
        SELECT p.id AS player_id, p.username, {score} AS own_score, {at} AS own_at, s.score, s.achieved_at,
               coalesce(s.listed, false) AS active, coalesce({IS_LISTED}, false) AS listed,
               coalesce(s.changes, 0) AS changes, {metadata}
        FROM players p LEFT JOIN standings s ON s.player_id = p.id AND s.season_id = :season {join}
        WHERE p.id {of} AND p.status <> 'erased'
    """


class ChangedStanding(NamedTuple):
    """A listed standing that some events changed, with the score before the first and the last one's action type."""

    player_id: UUID
    username: str
    score: int
    previous_score: int | None
    action_type: str


class StandingStore:
    """Reads of standings. Redis counts ranks over a whole board; `rank` is for a board that isn't complete there."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def next_versions(self, count: int, *, may_repeat: bool = False) -> tuple[list[int], Position]:
        """Return numbers above all earlier ones, and the primary's position: later reads see all changes up to it.

        With `may_repeat`, a primary that is read-only gives its last number again: its boards don't change.
        """
        rows = self._db.rows(
            f"""
            SELECT CASE WHEN :may_repeat AND current_setting('transaction_read_only') = 'on'
                   THEN coalesce(pg_sequence_last_value('board_version'), 0)
                   ELSE nextval('board_version') END AS version, {PRIMARY_NOW} AS position
            FROM generate_series(1, :count)
            """,
            count=count,
            may_repeat=may_repeat,
        )
        return [int(row.version) for row in rows], rows[0].position

    def position(self) -> Position:
        """Return the primary's position now, which is not before any change that a reader can have seen."""
        row = self._db.row(f"SELECT {PRIMARY_NOW} AS position")
        assert row is not None
        return str(row.position)

    def top(self, season: Season, limit: int) -> list[Standing]:
        """Return the best `limit` standings with their competition ranks."""
        return self.tops_with_position([season], limit)[0][0]

    def tops_with_position(self, seasons: Sequence[Season], limit: int) -> tuple[list[list[Standing]], Position]:
        """Return the best `limit` of each season with their competition ranks, read at the same moment.

        The position is not before any change that was read.
        """
        lists = " UNION ALL ".join(
            f"""
            SELECT {place} AS place, *, rank() OVER (ORDER BY score DESC) AS rank
            FROM ({best_listed(season, limit, parameter=f"season_{place}")}) best_{place}
            """
            for place, season in enumerate(seasons)
        )
        rows = self._db.rows(
            f"""
            SELECT seen.position, ranked.* FROM (SELECT {self._db.position_sql} AS position) seen
            LEFT JOIN ({lists}) ranked ON true ORDER BY place, score DESC, achieved_at, player_id
            """,
            **{f"season_{place}": season.id for place, season in enumerate(seasons)},
        )
        tops: list[list[Standing]] = [[] for _ in seasons]
        for row in rows:
            if row.place is not None:
                season = seasons[row.place]
                tops[row.place].append(standing_of(season, row, row.score, row.achieved_at, row.rank))
        return tops, rows[0].position

    def rank(self, season: Season, score: int, *, without: str | None = None, segment: Segment | None = None) -> int:
        """Return 1 + the number of players with a better score, not counting the player `without`.

        This counts in the index, for a board that isn't complete in Redis.
        """
        row = self._db.row(
            f"""
            SELECT count(*) + 1 AS rank FROM standings s
            WHERE season_id = :season AND {IS_LISTED} AND score > :score
            AND player_id IS DISTINCT FROM CAST(:without AS uuid){in_segment(segment)}
            """,
            season=season.id,
            score=season.stored(score),
            without=without,
            **segment_values(segment),
        )
        assert row is not None
        return int(row.rank)

    def ranks(self, season: Season, scores: Sequence[int]) -> dict[int, int]:
        """Return the rank of each score, as `rank` does, at little cost in a closed season, which has marks."""
        rows = self._db.rows(
            f"""
            SELECT wanted.score, coalesce(mark.number, 0) + {BETTER_AFTER_MARK} + 1 AS rank
            FROM unnest(CAST(:scores AS bigint[])) wanted (score) {LAST_BETTER}
            """,
            season=season.id,
            scores=[season.stored(score) for score in scores],
        )
        return {season.stored(row.score): int(row.rank) for row in rows}

    def standing(self, season: Season, player_id: UUID, *, own: bool = False) -> BoardEntry | None:
        """Return a player's public standing, or with `own` as the player sees it; None for an unknown player."""
        row = self._db.row(_player_standing(season, own=own), season=season.id, player=player_id)
        if row is None:
            return None
        return own_view(season, row) if own else public_view(season, row)

    def own_standings(self, season: Season, players: Sequence[UUID]) -> dict[UUID, BoardEntry]:
        """Return the standings of players as each of them sees their own; unknown players are left out."""
        query = _player_standing(season, own=True, of="= ANY(:players)")
        rows = self._db.rows(query, season=season.id, players=list(players))
        return {row.player_id: own_view(season, row) for row in rows}

    def own_score(self, season: Season, player_id: UUID) -> int | None:
        """Return a player's score as the player sees it; None before the first event that counts."""
        row = self._db.row(_player_standing(season, own=True), season=season.id, player=player_id)
        return None if row is None or row.own_at is None else season.stored(row.own_score)

    def members(self, season: Season, players: Sequence[UUID]) -> list[MirroredStanding]:
        """Return the standings of these players that the sorted set should have, in no order."""
        return self.members_on([(season, players)])[0]

    def members_on(self, boards: Sequence[tuple[Season, Sequence[UUID]]]) -> list[list[MirroredStanding]]:
        """Return such standings for each of several seasons."""
        pairs = [(season.id, player) for season, players in boards for player in players]
        rows = self._db.rows(
            _MEMBERS_ON,
            seasons=array_text(season_id for season_id, _ in pairs),
            players=array_text(player for _, player in pairs),
        )
        members: dict[int, list[MirroredStanding]] = {season.id: [] for season, _ in boards}
        for season_id, *member in rows:
            members[season_id].append(MirroredStanding(*member))
        return [members[season.id] for season, _ in boards]

    def members_after(self, season: Season, player: UUID, limit: int) -> list[MirroredStanding]:
        """Return the next `limit` standings after this player's, ordered by the players' ids."""
        rows = self._db.rows(
            f"{_MEMBERS} AND s.player_id > :player ORDER BY s.player_id LIMIT :most",
            season=season.id,
            player=player,
            most=limit,
        )
        return [MirroredStanding(*row) for row in rows]

    def player_after(self, season: Season, player: UUID) -> UUID | None:
        """Return the player of the next standing after this player's, None at the end."""
        row = self._db.row(
            """
            SELECT player_id FROM standings WHERE season_id = :season AND player_id > :player
            ORDER BY player_id LIMIT 1
            """,
            season=season.id,
            player=player,
        )
        return row.player_id if row else None

    def best(self, season: Season, limit: int) -> list[MirroredStanding]:
        """Return the standings at the top, in any order within a tie."""
        rows = self._db.rows(
            f"{_MEMBERS} AND s.listed ORDER BY s.score DESC LIMIT :most",
            season=season.id,
            most=limit,
        )
        return [MirroredStanding(*row) for row in rows]

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

    def changed_standings(self, boards: Sequence[tuple[Season, Sequence[int]]]) -> list[list[ChangedStanding]]:
        """Return for each season the listed standings that these events changed, in the board's order.

        OFFSET 0: each event is found by its id, also before PostgreSQL has statistics of the ledger.
        """
        pairs = [(season.id, event) for season, events in boards for event in events]
        if not pairs:
            return [[] for _ in boards]
        rows = self._db.rows(
            f"""
            SELECT s.season_id, s.player_id, p.username, s.score, e.previous_score, e.action_type
            FROM (
                SELECT season_id, player_id, (array_agg(previous_score ORDER BY e.id))[1] AS previous_score,
                       (array_agg(t.slug ORDER BY e.id DESC))[1] AS action_type
                FROM (
                    SELECT wanted.season_id, v.id, v.player_id, v.action_type_id, v.held_under,
                           CASE WHEN v.standings IS NULL THEN v.previous_score ELSE (
                               SELECT CAST(entry ->> 1 AS bigint) FROM jsonb_array_elements(v.standings) entry
                               WHERE CAST(entry ->> 0 AS int) = wanted.season_id
                           ) END AS previous_score
                    FROM unnest(CAST(:seasons AS int[]), CAST(:events AS bigint[])) wanted (season_id, event_id)
                    CROSS JOIN LATERAL (SELECT * FROM score_events WHERE id = wanted.event_id OFFSET 0) v
                ) e JOIN action_types t ON t.id = e.action_type_id
                WHERE NOT ({WAS_HELD}) GROUP BY season_id, player_id
            ) e
            JOIN standings s ON s.season_id = e.season_id AND s.player_id = e.player_id AND {IS_LISTED}
            JOIN players p ON p.id = s.player_id
            ORDER BY s.score DESC, s.achieved_at, s.player_id
            """,
            seasons=array_text(season_id for season_id, _ in pairs),
            events=array_text(event for _, event in pairs),
        )
        changed: dict[int, list[ChangedStanding]] = {season.id: [] for season, _ in boards}
        seasons = {season.id: season for season, _ in boards}
        for season_id, player, name, score, previous, action_type in rows:
            shown = seasons[season_id].stored(score)
            changed[season_id].append(ChangedStanding(player, name, shown, previous, action_type))
        return [changed[season.id] for season, _ in boards]
