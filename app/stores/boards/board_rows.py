"""The rows of a board as every read of standings makes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.domain.attributes import Segment
from app.domain.boards import Season, Standing
from app.domain.cursors import Place
from app.domain.scoring import ONE_RUN
from app.stores.postgres.rows import Row

# A player is listed from the first public event that counts on. The order of a board: the better score first, which is
# the higher as it is stored; within a tie, the player who got there first.
IS_LISTED = "s.listed AND s.achieved_at IS NOT NULL"
RUN = "LEFT JOIN score_events run ON run.action_id = s.action_id AND run.kind = 'redeem'"
"""The join of the run that counts, on boards of ONE_RUN."""

_IN_SEGMENT = """ AND EXISTS (
    SELECT FROM player_attributes a
    WHERE a.player_id = s.player_id AND a.name = :segment_name AND a.value = :segment_value
)"""


@dataclass(frozen=True, slots=True)
class BoardEntry:
    """A standing without its rank, whether it has one, and its change number (0: no redeemed action yet).

    `score` is the public score as it is stored, None when the standing is off the board: the value that the sorted set
    should have.
    """

    standing: Standing
    is_listed: bool
    change: int
    score: int | None


def listed(season: Season, segment: Segment | None = None) -> str:
    """Return the query of the listed standings of a season, in a segment of them with `segment_values`."""
    return f"{rows_of(season, 'standings')} WHERE s.season_id = :season AND {IS_LISTED}{in_segment(segment)}"


def best_listed(season: Season, count: int, segment: Segment | None = None, *, parameter: str = "season") -> str:
    """Return the query of the first `count` of them, in no order; `parameter` is the name of the season's id.

    Only these are joined with players and runs, also while PostgreSQL has no statistics of a new season. The count is
    in the text: without it PostgreSQL would plan each time anew, since a plan for any count looks dear.
    """
    best = f"""(
        SELECT * FROM standings s WHERE s.season_id = :{parameter} AND {IS_LISTED}{in_segment(segment)}
        ORDER BY s.score DESC, s.achieved_at, s.player_id LIMIT {count:d}
    )"""
    return rows_of(season, best)


def rows_of(season: Season, standings: str) -> str:
    """Return the query of the rows of these standings, a table or a query in brackets."""
    metadata, join = ("run.metadata", RUN) if season.scoring in ONE_RUN else ("CAST(NULL AS json) AS metadata", "")
    return f"""
        SELECT s.player_id, p.username, s.score, s.achieved_at, s.changes, s.listed, {metadata}
        FROM {standings} s JOIN players p ON p.id = s.player_id {join}
    """


def in_segment(segment: Segment | None) -> str:
    """Return a further condition on standings `s`: that they belong to the segment."""
    return "" if segment is None else _IN_SEGMENT


def segment_values(segment: Segment | None) -> dict[str, object]:
    """Return the parameters of `in_segment`."""
    return {} if segment is None else {"segment_name": segment.name, "segment_value": segment.value}


def standing_of(season: Season, row: Row, score: int | None, at: datetime | None, rank: int | None = None) -> Standing:
    """Return the standing of a row, with this stored score."""
    shown = 0 if at is None or score is None else season.stored(score)
    return Standing(rank, row.player_id, row.username, shown, at, season.scoring in ONE_RUN, row.metadata)


def public_view(season: Season, row: Row) -> BoardEntry:
    """Return the standing of a row as everyone sees it."""
    standing = standing_of(season, row, row.score, row.achieved_at)
    return BoardEntry(standing, row.listed, row.changes, row.score if row.listed else None)


def own_view(season: Season, row: Row) -> BoardEntry:
    """Return the standing as only the player sees it: with the held points."""
    standing = standing_of(season, row, row.own_score, row.own_at)
    return BoardEntry(standing, row.active and row.own_at is not None, row.changes, row.score if row.listed else None)


def place_of(season: Season, standing: Standing) -> Place:
    """Return the place of a ranked standing in the order of its board."""
    assert standing.achieved_at is not None
    return Place(season.stored(standing.score), standing.achieved_at, standing.user_id)
