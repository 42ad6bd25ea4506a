"""How long ago the background work was last done."""

from __future__ import annotations

from app.stores.postgres.engine import Database


class JobAgeStore:
    """By what the workers write down when they are done."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def ages(self) -> dict[str, float | None]:
        """Seconds since the roll-ups were last computed (`analytics`) and since the end of what has been reviewed
        (`anticheat`); None for what was never done. What was done at a time that is yet to come, from before the
        database's clock was set back, counts as never done."""
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
