"""The events of boards: results that counted, first places that changed hands, seasons that ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from app.domain.boards import Season
from app.domain.webhook_events import EventPlayer, EventScore, FirstPlace, RecordSet, ScoreCounted
from app.stores.boards.board_rows import IS_LISTED
from app.stores.play.catalog import SEASONS, read_season
from app.stores.postgres.engine import Database
from app.stores.postgres.rows import Row, parsed

# A replay of the ledger puts another season in the place of the present one, which leads to it from then on.
_SEASONS = f"""
    SELECT s.*, asked.id AS asked_id, f.closed_at IS NOT NULL AS is_final
    FROM seasons asked JOIN seasons f ON f.id = coalesce(asked.replaced_by, asked.id)
    JOIN LATERAL ({SEASONS} WHERE n.id = f.id) s ON true WHERE asked.id = ANY(:ids)
"""
_EVENTS = """
    SELECT e.id, e.action_id, e.player_id, p.username, t.slug AS action_type, e.points AS result, e.created_at,
           e.season_id, e.previous_score, e.score, e.standings, e.held_under IS NOT NULL AS is_held, e.metadata
    FROM score_events e JOIN players p ON p.id = e.player_id JOIN action_types t ON t.id = e.action_type_id
    WHERE e.id = ANY(:events) AND e.kind = 'redeem' ORDER BY e.id
"""
_LEADER = f"""
    SELECT s.player_id, p.username, s.score, s.achieved_at FROM standings s JOIN players p ON p.id = s.player_id
    WHERE s.season_id = :season AND {IS_LISTED} ORDER BY s.score DESC, s.achieved_at, s.player_id LIMIT 1
"""
_ADD_LEADER = """
    INSERT INTO webhook_leaders (season_id, player_id, score)
    SELECT n.id, before.player_id, s.score FROM seasons n
    LEFT JOIN LATERAL (
        SELECT l.player_id FROM seasons o JOIN webhook_leaders l ON l.season_id = o.id
        WHERE o.replaced_by = n.id ORDER BY o.id DESC LIMIT 1
    ) before ON true
    LEFT JOIN standings s ON s.season_id = n.id AND s.player_id = before.player_id
    WHERE n.id = :season ON CONFLICT DO NOTHING
"""
_NOTED_LEADER = """
    SELECT l.player_id, l.score, p.username FROM webhook_leaders l
    LEFT JOIN players p ON p.id = l.player_id WHERE l.season_id = :season FOR UPDATE OF l
"""
_CHANGE_LEADER = "UPDATE webhook_leaders SET player_id = :player, score = :score WHERE season_id = :season"
_FORGET_LEADERS = "DELETE FROM webhook_leaders"
_NOTE_LEADERS = f"""
    INSERT INTO webhook_leaders (season_id, player_id, score)
    SELECT n.id, s.player_id, s.score FROM seasons n CROSS JOIN LATERAL (
        SELECT s.player_id, s.score FROM standings s WHERE s.season_id = n.id AND {IS_LISTED}
        ORDER BY s.score DESC, s.achieved_at, s.player_id LIMIT 1
    ) s
    WHERE n.board_id IS NOT NULL AND n.closed_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class NotedSeason:
    """A season, and whether it is final: it has ended, and no redemption counts in it any more."""

    season: Season
    is_final: bool


@dataclass(frozen=True, slots=True)
class CountedResult:
    """A result that counted on a board, and the score event that it is."""

    event_id: int
    season_id: int
    data: ScoreCounted


class WebhookSourceStore:
    """Reads of the primary, for the events of webhooks."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def seasons(self, ids: Sequence[int]) -> dict[int, NotedSeason]:
        """Return these seasons by their ids, or the ones that a replay has put in their places."""
        rows = self._db.rows(_SEASONS, ids=list(ids))
        return {row.asked_id: NotedSeason(read_season(row), row.is_final) for row in rows}

    def counted(self, season: Season, season_id: int, event_ids: Sequence[int]) -> list[CountedResult]:
        """Return those of the score events that counted in a season, the oldest first.

        `season_id` is the id that the events know it by: a replay may have replaced it since.
        """
        rows = self._db.rows(_EVENTS, events=list(event_ids))
        results = (_counted(season, season_id, row) for row in rows)
        return [result for result in results if result is not None]

    def note_leaders(self, connection: sa.Connection) -> None:
        """Note the first place of every season that goes on, as the one from which a change is told."""
        connection.execute(parsed(_FORGET_LEADERS))
        connection.execute(parsed(_NOTE_LEADERS))

    def new_leader(self, connection: sa.Connection, season: Season) -> RecordSet | None:
        """Note the first place as it is now; return it if another player has it than was noted before.

        Others wait meanwhile, so that each change of hands is returned once.
        """
        values = {"season": season.id}
        connection.execute(parsed(_ADD_LEADER), values)
        noted = connection.execute(parsed(_NOTED_LEADER), values).one()
        leader = connection.execute(parsed(_LEADER), values).one_or_none()
        player, score = (leader.player_id, leader.score) if leader else (None, None)
        if (player, score) != (noted.player_id, noted.score):
            connection.execute(parsed(_CHANGE_LEADER), {**values, "player": player, "score": score})
        if leader is None or player == noted.player_id:
            return None
        return RecordSet(
            board=season.board,
            season=season.number,
            player=_first_place(season, leader),
            previous=None if noted.score is None else _first_place(season, noted),
            achieved_at=leader.achieved_at,
        )

    def now(self) -> datetime:
        """Return the database's time."""
        row = self._db.row("SELECT clock_timestamp() AS now")
        assert row is not None
        now: datetime = row.now
        return now


def _first_place(season: Season, row: Row) -> FirstPlace:
    return FirstPlace(user_id=row.player_id, username=row.username, score=season.stored(row.score))


def _counted(season: Season, season_id: int, row: Row) -> CountedResult | None:
    """Return the effect of the event on the score in this season; None if it fed others, or left the score."""
    fed = row.standings or [[row.season_id, row.previous_score, row.score]]
    scores = {fed_id: (previous, score) for fed_id, previous, score in fed}
    if season_id not in scores:
        return None
    previous, score = scores[season_id]
    if season.scoring == "best" and previous == score:
        return None
    data = ScoreCounted(
        board=season.board,
        season=season.number,
        player=EventPlayer(user_id=row.player_id, username=row.username),
        action_id=row.action_id,
        action_type=row.action_type,
        result=row.result,
        score=EventScore(previous=season.empty_score if previous is None else previous, current=score),
        achieved_at=row.created_at,
        held=row.is_held,
        metadata=row.metadata,
    )
    return CountedResult(row.id, season_id, data)
