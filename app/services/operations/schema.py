"""The database's schema: where it is, and moving it."""

from __future__ import annotations

from app.stores.postgres import migrations
from app.stores.postgres.engine import Database
from app.stores.server_addresses import address


class Schema:
    """Revisions are Alembic's; None stands for an empty database."""

    def __init__(self, database: Database, url: str) -> None:
        self._db, self._url = database, url

    @property
    def place(self) -> str:
        """Which database, without any secret."""
        return address(self._url)

    def current(self) -> str | None:
        """Where the database is."""
        return migrations.current(self._db.engine)

    def newest(self) -> str | None:
        """Where this code wants it."""
        return migrations.newest()

    def upgrade(self, revision: str = "head") -> tuple[str | None, str | None]:
        """Move up; where it was and where it is. Raises InvalidRequest for a revision there isn't."""
        before = self.current()  # which also tells soon if the server is away
        migrations.upgrade(self._url, revision)
        return before, self.current()

    def downgrade(self, revision: str) -> tuple[str | None, str | None]:
        """Move down; where it was and where it is. Raises InvalidRequest for a revision there isn't below."""
        before = self.current()
        migrations.downgrade(self._url, revision)
        return before, self.current()
