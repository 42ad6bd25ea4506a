"""Moving the schema up and down."""

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

# Alembic is imported where it is used: every process has this module, few move the schema, and Alembic with Mako takes
# 0.2 of the 1.5 s of a process's start.

_FOLDER = Path(__file__).resolve().parents[3] / "migrations"


def _config(connection: sa.Connection | None = None) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def current(engine: sa.Engine) -> str | None:
    """The revision that the database is at; None for an empty one."""
    from alembic.migration import MigrationContext

    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest() -> str | None:
    """The revision that this code wants."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_config()).get_current_head()


def engine_for(url: str) -> sa.Engine:
    """An engine for migrations: each statement takes the time that it needs."""
    return make_engine(url, name="fairboard migrations", session={"statement_timeout": 0}, poolclass=sa.NullPool)


@contextmanager
def _refusing() -> Iterator[None]:
    """A revision that doesn't exist, or not in that direction, is the caller's mistake."""
    from alembic.util.exc import CommandError

    try:
        yield
    except CommandError as error:
        raise InvalidRequest(" ".join(str(error).split())) from error


def upgrade(url: str, revision: str = "head") -> None:
    """Move up to `revision`. Safe to call from several machines at once: one does it, the others wait."""
    from alembic import command

    with _refusing(), engine_for(url).connect() as connection:
        _one_at_a_time(connection)
        command.upgrade(_config(connection), revision)


def downgrade(url: str, revision: str) -> None:
    """Move down to `revision`; `base` empties the database."""
    from alembic import command

    with _refusing(), engine_for(url).connect() as connection:
        _one_at_a_time(connection)
        command.downgrade(_config(connection), revision)


def _one_at_a_time(connection: sa.Connection) -> None:
    # A session lock: it ends with the connection, also when the process is killed.
    connection.execute(sa.text("SELECT pg_advisory_lock(hashtext('fairboard migrations'))"))
    connection.commit()
