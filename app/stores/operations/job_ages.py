"""The age of the last background work."""

from __future__ import annotations

from app.stores.postgres.engine import Database


class JobAgeStore:
    """The ages of jobs, from the times that the workers record when they finish."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def ages(self) -> dict[str, float | None]:
        """Return the seconds since the last roll-ups (`analytics`) and since the end of the last review (`anticheat`).

        `None` means never. A time in the future, from before the database's clock was set back, counts as never.
        """
        row = self._db.row(
            """
            SELECT extract(epoch FROM clock_timestamp() - (
                       SELECT max(computed_at) FROM rollup_progress WHERE computed_at <= clock_timestamp()
                   ))::float AS analytics,
                   extract(epoch FROM clock_timestamp() - (
                       SELECT max(reviewed_before) FROM review_progress WHERE reviewed_before <= clock_timestamp()
                   ))::float AS anticheat
            """
        )
        assert row is not None
        return {"analytics": row.analytics, "anticheat": row.anticheat}
