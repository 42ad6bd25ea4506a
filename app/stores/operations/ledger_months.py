"""The partitions of the ledger: one for each month in which actions are issued, and one for all before the first.

A further one, `score_events_rest`, is for events of no other: from a clock that is far ahead, or when no month was
added for long. Nothing is lost by that, but these events stay out of the partition of their month.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import psycopg.errors
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from app.stores.postgres.engine import Database

MONTHS_AHEAD = 3

_REST = "score_events_rest"
_LOCK_MS, _ANALYZE_SECONDS = 300, 60
_PARTITIONS = r"""
    SELECT p.relname AS name,
           CAST(substring(pg_get_expr(p.relpartbound, p.oid) FROM 'TO \(''([^'']+)''') AS timestamptz) AS ends_at, (
               SELECT count(*) = 2 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
               WHERE i.indrelid = p.oid AND i.indisunique AND i.indisvalid AND i.indnkeyatts = 1
                 AND c.relname ~ '^uq_score_events_(action|voids)'
           ) AS is_unique
    FROM pg_inherits h JOIN pg_class p ON p.oid = h.inhrelid WHERE h.inhparent = 'score_events'::regclass
"""
_MISSING = f"""
    SELECT to_char(month, 'YYYY_MM') AS part, month, month + interval '1 month' AS ends_at
    FROM (SELECT max(ends_at) AS ends_at FROM ({_PARTITIONS}) p) newest
    CROSS JOIN generate_series(newest.ends_at, clock_timestamp() + interval '{MONTHS_AHEAD} months', '1 month') month
    ORDER BY month
"""
_ADD = """
    SELECT add_score_events_partition(
        :part, format('FOR VALUES FROM (%L) TO (%L)', CAST(:starts AS timestamptz), CAST(:ends AS timestamptz))
    )
"""
# Autovacuum gathers no statistics of a partitioned table as a whole, by which joins are planned.
_ANALYZED_LATELY = """
    SELECT coalesce(last_analyze > clock_timestamp() - interval '1 day', false) AS is_new
    FROM pg_stat_user_tables WHERE relid = 'score_events'::regclass
"""
_WAITS = psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected
_TAKEN = psycopg.errors.CheckViolation  # the rest has events of this month
_ADDED = psycopg.errors.DuplicateTable, psycopg.errors.UniqueViolation  # by another process at this moment


class Partition(NamedTuple):
    """A part of the ledger with the events issued before `ends_at`, and not before the end of another part.

    The rest has no end. `is_unique`: no action, and no void, can be in it twice.
    """

    name: str
    ends_at: datetime | None
    is_unique: bool


class LedgerMonthStore:
    """Adds months ahead of time, each in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def partitions(self) -> list[Partition]:
        """Return all partitions in the order of time, the rest last."""
        return [Partition(*row) for row in self._db.rows(f"{_PARTITIONS} ORDER BY ends_at NULLS LAST")]

    def rest(self, most: int) -> int:
        """Return the number of events that lie in no month, at most `most`."""
        row = self._db.row(f"SELECT count(*) AS events FROM (SELECT FROM {_REST} LIMIT :most) rest", most=most)
        return int(row.events) if row else 0

    def add_missing(self) -> list[str]:
        """Add the months that are missing up to MONTHS_AHEAD from now; return those that were added, as YYYY_MM.

        Those whose lock is taken are left for the next call, and those with events in the rest stay out.
        """
        return [month.part for month in self._db.rows(_MISSING) if self._add(month.part, month.month, month.ends_at)]

    def _add(self, part: str, starts_at: datetime, ends_at: datetime) -> bool:
        try:
            with self._db.transaction() as connection:
                connection.execute(sa.text(f"SET LOCAL lock_timeout = {_LOCK_MS}"))
                connection.execute(sa.text(_ADD), {"part": part, "starts": starts_at, "ends": ends_at})
        except DBAPIError as error:
            if isinstance(error.orig, (*_WAITS, _TAKEN, *_ADDED)):
                return False
            raise
        return True

    def analyze(self) -> bool:
        """Gather the statistics of the whole ledger if those are older than a day; return whether it did."""
        row = self._db.row(_ANALYZED_LATELY)
        if row is not None and row.is_new:
            return False
        try:
            with self._db.transaction() as connection:
                connection.execute(sa.text(f"SET LOCAL statement_timeout = '{_ANALYZE_SECONDS}s'"))
                connection.execute(sa.text(f"SET LOCAL lock_timeout = {_LOCK_MS}"))
                connection.execute(sa.text("ANALYZE ONLY score_events"))
        except DBAPIError as error:
            if isinstance(error.orig, _WAITS):
                return False
            raise
        return True
