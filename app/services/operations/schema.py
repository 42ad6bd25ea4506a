"""The database's schema: its revision, and changes of it."""

from __future__ import annotations

import re

from app.errors import Conflict
from app.stores.postgres import contraction, migrations
from app.stores.postgres.engine import Database
from app.stores.server_addresses import address

_OLDEST_POSTGRES = 18


def check_postgres(version: str) -> None:
    """Raise Conflict for a server that the newest schema can't be made on; `version` is like 18.6."""
    number = re.match(r"\d+", version)
    if number is None or int(number[0]) < _OLDEST_POSTGRES:
        raise Conflict(f"PostgreSQL {_OLDEST_POSTGRES} or later is needed; this one is {version}. Nothing was changed.")


class Schema:
    """Revisions are Alembic's; None stands for an empty database."""

    def __init__(self, database: Database, url: str) -> None:
        self._db, self._url = database, url

    @property
    def address(self) -> str:
        """Return the database's address without secrets."""
        return address(self._url)

    def current(self) -> str | None:
        """Return the database's revision."""
        return migrations.current(self._db.engine)

    def newest(self) -> str | None:
        """Return the newest revision of this code."""
        return migrations.newest()

    def is_behind(self) -> bool:
        """Return whether the database is at an earlier revision than this code needs; it may be at a later one."""
        return self.current() in migrations.earlier()

    def upgrade(self, revision: str = "head") -> tuple[str | None, str | None]:
        """Upgrade; return the revisions before and after.

        Raises InvalidRequest for an unknown revision, Conflict for a server that is too old.
        """
        before = self.current()  # which also fails soon if the server is away
        check_postgres(migrations.server_version(self._db.engine))
        migrations.upgrade(self._url, revision)
        return before, self.current()

    def awaits_contraction(self) -> bool:
        """Return whether the schema still has something that only processes of earlier versions need."""
        with self._db.statement() as connection:
            return contraction.is_pending(connection)

    def contract(self) -> bool:
        """Drop what only processes of earlier versions need; return False if there was nothing left.

        Raises Conflict while one of them is connected.
        """
        with migrations.alone(self._url) as connection:
            if not contraction.is_pending(connection):
                return False
            if earlier := contraction.earlier_sessions(connection):
                sessions = ", ".join(f"{number} of '{name}'" for name, number in earlier.items())
                raise Conflict(f"Processes of an earlier version are connected: {sessions}. Stop them first.")
            migrations.retry_locked(connection, lambda: contraction.drop_leftovers(connection))
        return True

    def downgrade(self, revision: str) -> tuple[str | None, str | None]:
        """Downgrade; return the revisions before and after. Raises InvalidRequest for one that isn't lower."""
        before = self.current()
        migrations.downgrade(self._url, revision)
        return before, self.current()
