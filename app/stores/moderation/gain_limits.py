"""The limits of gain in force, the honest accounts' days that they come from, and the players above them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from uuid import UUID

import sqlalchemy as sa

from anticheat.gain import GainLimits
from app.stores.boards.counting import bounded
from app.stores.postgres.engine import Database

DAYS = 14
"""The days of play that the limits come from."""
WINDOW = "date_trunc('hour', now() - interval '24 hours', 'UTC')"
"""The begin of the whole hours that contain the last 24."""
FIRST_DAY = f"date_trunc('day', now() - interval '{DAYS} days', 'UTC')"
SUMMED = """
    IN (SELECT t.id FROM action_types t JOIN boards b ON b.id = t.board_id OR b.id = ANY(t.more_boards)
        WHERE b.scoring = 'sum' AND b.archived_at IS NULL)
"""
"""The condition on ids of action types whose results are points: they feed a board that sums. Others report times."""
_MOST_ACCOUNTS = 20_000  # as many give the limits as exactly as all

_HONEST_DAYS = f"""
    SELECT array_agg(d.points) AS points FROM gain_days d JOIN players p ON p.id = d.player_id
    WHERE d.starts_at >= {FIRST_DAY} AND d.starts_at < date_trunc('day', now(), 'UTC') AND p.status = 'active'
      AND NOT EXISTS (SELECT FROM cases c WHERE c.player_id = d.player_id AND c.state <> 'cleared')
    GROUP BY d.player_id ORDER BY md5(CAST(d.player_id AS text)) LIMIT {_MOST_ACCOUNTS}
"""
_ABOVE = f"""
    SELECT p.id AS player_id, p.username, g.points FROM (
        SELECT player_id, {bounded("sum(points)")} AS points FROM gain_hours WHERE starts_at >= {WINDOW}
        GROUP BY player_id HAVING sum(points) > :high
    ) g JOIN players p ON p.id = g.player_id ORDER BY g.points DESC LIMIT :most
"""


@dataclass(frozen=True, slots=True)
class HighGain:
    """A player above the limit from which to look."""

    player_id: UUID
    username: str
    points: int


class GainLimitStore:
    """The limits and their sources."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def honest_days(self) -> list[list[int]]:
        """Return the points of the last full days of accounts without an open or confirmed case; by account."""
        return [row.points for row in self._db.rows(_HONEST_DAYS)]

    def action_types(self) -> list[tuple[float, float, float | None]]:
        """Return points, minimum and expected median (seconds) of the action types with fixed points for a sum."""
        rows = self._db.rows(
            f"""
            SELECT points, min_seconds, expected_median_seconds FROM action_types
            WHERE retired_at IS NULL AND points IS NOT NULL AND id {SUMMED}
            """
        )
        return [(row.points, row.min_seconds, row.expected_median_seconds) for row in rows]

    def store_limits(self, limits: GainLimits) -> None:
        """Put the limits into force, and delete sums and looks that no longer matter."""
        with self._db.transaction() as connection:
            connection.execute(
                sa.text("UPDATE gain_progress SET limits = CAST(:limits AS jsonb), limits_at = now()"),
                {"limits": json.dumps(asdict(limits))},
            )
            connection.execute(sa.text(f"DELETE FROM gain_hours WHERE starts_at < {WINDOW}"))
            connection.execute(sa.text(f"DELETE FROM gain_days WHERE starts_at < {FIRST_DAY}"))
            connection.execute(sa.text("DELETE FROM gain_looks WHERE looked_at < now() - interval '2 days'"))

    def above(self, high: float, most: int) -> list[HighGain]:
        """Return the players with more points in 24 hours, the most first; up to an hour more is counted."""
        return [HighGain(*row) for row in self._db.rows(_ABOVE, high=high, most=most)]
