"""The health of the parts that a process needs: whether they answer and work."""

from __future__ import annotations

from redis.exceptions import ResponseError

from app.stores.operations.probes import PostgresProbe, RedisProbe
from app.stores.postgres import migrations
from app.stores.postgres.engine import UNAVAILABLE, Database
from app.stores.unavailability import connection_refusal, pg_refuses, reason_of


class Health:
    """A part is down when it doesn't answer, or can't be worked with."""

    def __init__(self, database: Database, postgres: PostgresProbe, redis_probe: RedisProbe) -> None:
        self._db, self._postgres_probe, self._redis_probe = database, postgres, redis_probe
        self._earlier: frozenset[str | None] = frozenset()

    def faults(self) -> dict[str, str]:
        """Return the faults by part, `{}` when there are none."""
        faults = {"postgresql": self._postgresql(), "redis": self._redis()}
        return {part: fault for part, fault in faults.items() if fault}

    def _postgresql(self) -> str | None:
        try:
            revision = migrations.current(self._db.engine)
            self._earlier = self._earlier or migrations.earlier()
            if revision in self._earlier:  # one that we don't know is a later version's, beside which we may go on
                return f"is at migration {revision}, not {migrations.newest()}: run 'flask db upgrade'"
            return self._postgres_probe.obstacle()
        except UNAVAILABLE as error:
            return _describe(error)

    def _redis(self) -> str | None:
        try:
            self._redis_probe.write()
        except UNAVAILABLE as error:
            return _describe(error)
        return None


def _describe(error: Exception) -> str:
    if isinstance(error, ResponseError) or pg_refuses(getattr(error, "orig", None)):
        return f"refuses: {reason_of(error)}"
    if reason := connection_refusal(error):
        return f"refuses the connection: {reason}"
    return f"does not answer ({type(error).__name__})"
