"""Migrations of the schema, up and down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from app.errors import InvalidRequest
from app.stores.postgres.session_settings import make_engine

if TYPE_CHECKING:
    from alembic.config import Config

# Alembic is imported where it is used: every process imports this module, few migrate, and Alembic with Mako takes 0.2
# of the 1.5 s of a process's start.

_FOLDER = Path(__file__).resolve().parents[3] / "migrations"


def _config(connection: sa.Connection | None = None) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def current(engine: sa.Engine) -> str | None:
    """Return the revision of the database; `None` for an empty one."""
    from alembic.migration import MigrationContext

    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest() -> str | None:
    """Return the newest revision, which this code needs."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_config()).get_current_head()


def engine_for(url: str) -> sa.Engine:
    """Return an engine for migrations, without a limit on the time of a statement."""
    return make_engine(url, name="fairboard migrations", session={"statement_timeout": 0}, poolclass=sa.NullPool)


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Raise InvalidRequest for a revision that doesn't exist, or not in that direction: it is the caller's mistake."""
    from alembic.util.exc import CommandError

    try:
        yield
    except CommandError as error:
        raise InvalidRequest(" ".join(str(error).split())) from error


def upgrade(url: str, revision: str = "head") -> None:
    """Upgrade to `revision`. Safe to call from several machines at once: one migrates, the others wait."""
    from alembic import command

    with _translate_errors(), engine_for(url).connect() as connection:
        _lock(connection)
        command.upgrade(_config(connection), revision)


def downgrade(url: str, revision: str) -> None:
    """Downgrade to `revision`; `base` empties the database."""
    from alembic import command

    with _translate_errors(), engine_for(url).connect() as connection:
        _lock(connection)
        command.downgrade(_config(connection), revision)


def _lock(connection: sa.Connection) -> None:
    # A session lock: it ends with the connection, also when the process is killed.
    connection.execute(sa.text("SELECT pg_advisory_lock(hashtext('fairboard migrations'))"))
    connection.commit()
