"""The database's schema: its revision, and changes of it."""

from __future__ import annotations

from app.stores.postgres import migrations
from app.stores.postgres.engine import Database
from app.stores.server_addresses import address


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

    def upgrade(self, revision: str = "head") -> tuple[str | None, str | None]:
        """Upgrade; return the revisions before and after. Raises InvalidRequest for an unknown revision."""
        before = self.current()  # which also fails soon if the server is away
        migrations.upgrade(self._url, revision)
        return before, self.current()

    def downgrade(self, revision: str) -> tuple[str | None, str | None]:
        """Downgrade; return the revisions before and after. Raises InvalidRequest for one that isn't lower."""
        before = self.current()
        migrations.downgrade(self._url, revision)
        return before, self.current()
