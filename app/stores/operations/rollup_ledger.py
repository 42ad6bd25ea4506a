"""Roll-ups as one statement per window computes them from the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import sqlalchemy as sa

from app.domain.rollups import Granularity, RollupFigures, RollupKey, Rollups
from app.stores.boards.counting import COUNTS, newest_reversals_since, total
from app.stores.postgres.engine import Database

# A day of a very busy board takes minutes; a worker's own time limit on a task is longer than this one.
STATEMENT_SECONDS = 500

# An aggregate sorts within work_mem and goes to disk beyond it, so the number of events costs time, not memory.
# An event that was voided since counts as voided in the bucket of its redemption, and as nothing else.
_EVENTS = f"""
    SELECT starts_at, season_id, CASE WHEN grouping(action_type_id) = 1 THEN 0 ELSE action_type_id END AS type,
           count(*) FILTER (WHERE stands) AS redemptions,
           {total("points", "stands")} AS points,
           count(DISTINCT player_id) FILTER (WHERE stands) AS players,
           count(*) FILTER (WHERE NOT stands) AS voided,
           {total("points", "NOT stands")} AS voided_points,
           percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE stands) AS seconds
    FROM (
        SELECT date_trunc(:unit, e.created_at, 'UTC') AS starts_at, season_id, action_type_id, points, player_id,
               greatest(extract(epoch FROM e.created_at - issued_at), 0)::float AS seconds,
               {COUNTS} AS stands
        FROM score_events e {newest_reversals_since("CAST(:since AS timestamptz)")}
        WHERE e.kind = 'redeem' AND e.created_at >= :since AND e.created_at < :until
    ) AS events
    GROUP BY GROUPING SETS ((starts_at, season_id, action_type_id), (starts_at, season_id))
"""
_REFUSALS = """
    SELECT starts_at, season_id, CASE WHEN grouping(action_type_id) = 1 THEN 0 ELSE action_type_id END AS type,
           reason, count(*) AS refusals
    FROM (
        SELECT date_trunc(:unit, created_at, 'UTC') AS starts_at, season_id, action_type_id, reason
        FROM refusals WHERE created_at >= :since AND created_at < :until
    ) AS refused
    GROUP BY GROUPING SETS ((starts_at, season_id, action_type_id, reason), (starts_at, season_id, reason))
"""


class LedgerSnapshot:
    """One moment of the ledger; all transactions before `xmin` have ended, and are in it if they were committed."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self.xmin = int(
            connection.execute(sa.text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text")).scalar_one()
        )

    def compute(self, granularity: Granularity, since: datetime, until: datetime) -> Rollups:
        """Return the roll-ups of all buckets from `since` to before `until`; both are starts of buckets."""
        values = {"unit": granularity, "since": since, "until": until}
        refusals: dict[RollupKey, dict[str, int]] = {}
        for row in self._connection.execute(sa.text(_REFUSALS), values):
            refusals.setdefault(RollupKey(row.starts_at, row.season_id, row.type), {})[row.reason] = row.refusals
        rollups = {key: RollupFigures(refusals=reasons) for key, reasons in refusals.items()}
        for row in self._connection.execute(sa.text(_EVENTS), values):
            key = RollupKey(row.starts_at, row.season_id, row.type)
            median, p95 = row.seconds or (None, None)
            counts = row.redemptions, row.points, row.players, row.voided, row.voided_points
            rollups[key] = RollupFigures(*counts, median, p95, refusals.get(key, {}))
        return rollups


@contextmanager
def ledger_snapshot(source: Database) -> Iterator[LedgerSnapshot]:
    """Yield the ledger as `source`, the primary or a replica, has it now."""
    with source.snapshot(STATEMENT_SECONDS) as connection:
        yield LedgerSnapshot(connection)
