"""Whether the parts that a process needs answer."""

from __future__ import annotations

from app.stores import migrations
from app.stores.database import UNAVAILABLE, Database
from app.stores.redis_store import Client


class Health:
    """A part is down when it doesn't answer, or can't be worked with."""

    def __init__(self, database: Database, client: Client) -> None:
        self._db, self._client = database, client
        self._newest: str | None = None

    def down(self) -> dict[str, str]:
        """What is wrong, part by part; empty when nothing is."""
        found = {"postgresql": self._postgresql(), "redis": self._redis()}
        return {part: wrong for part, wrong in found.items() if wrong}

    def _postgresql(self) -> str | None:
        try:
            revision = migrations.current(self._db.engine)
        except UNAVAILABLE as error:
            return f"does not answer ({type(error).__name__})"
        self._newest = self._newest or migrations.newest()
        if revision != self._newest:
            return f"is at migration {revision}, not {self._newest}: run 'flask db upgrade'"
        return None

    def _redis(self) -> str | None:
        try:
            self._client.ping()
        except UNAVAILABLE as error:
            return f"does not answer ({type(error).__name__})"
        return None
