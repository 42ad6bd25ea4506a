"""Migrations of the schema, up and down."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg.errors
import sqlalchemy as sa
import structlog
from sqlalchemy.exc import OperationalError

from app.errors import InvalidRequest
from app.stores.postgres import contraction
from app.stores.postgres.session_settings import make_engine

if TYPE_CHECKING:
    from alembic.config import Config

# Alembic is imported where it is used: every process imports this module, few migrate, and Alembic with Mako takes 0.2
# of the 1.5 s of a process's start.

log = structlog.get_logger("fairboard.migrations")

_FOLDER = Path(__file__).resolve().parents[3] / "migrations"

# While a statement waits for a lock on a table, all later ones wait behind it. So it gives up soon, and they go on
# before it tries again: far below PostgreSQL's deadlock_timeout of 1 s, so a deadlock ends here too. But an autovacuum
# makes room only after that time, so every tenth try waits longer.
_LOCK_MS, _LONG_LOCK_MS, _LONG_TRY = 300, 1500, 10
_PAUSE_SECONDS = 1.0


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


def server_version(engine: sa.Engine) -> str:
    """Return PostgreSQL's version, such as 18.6."""
    with engine.connect() as connection:
        return str(connection.execute(sa.text("SHOW server_version")).scalar_one())


def newest() -> str | None:
    """Return the newest revision, which this code needs."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_config()).get_current_head()


def earlier() -> frozenset[str | None]:
    """Return the revisions before the newest: this code can't run on them. None stands for an empty database."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(_config()).walk_revisions()
    return frozenset({None, *(script.revision for script in scripts)} - {newest()})


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
    """Upgrade to `revision`. Safe to call from several machines at once: one migrates, the others wait.

    Processes of the version before may go on. On an empty database there are none, so it is contracted as well.
    """
    from alembic import command
    from alembic.migration import MigrationContext

    with _translate_errors(), alone(url) as connection:
        is_new = MigrationContext.configure(connection).get_current_revision() is None
        connection.rollback()
        retry_locked(connection, lambda: command.upgrade(_config(connection), revision))
        if is_new and revision == "head":
            contraction.drop_leftovers(connection)


def downgrade(url: str, revision: str) -> None:
    """Downgrade to `revision`; `base` empties the database."""
    from alembic import command

    with _translate_errors(), alone(url) as connection:
        retry_locked(connection, lambda: command.downgrade(_config(connection), revision))


@contextmanager
def alone(url: str) -> Iterator[sa.Connection]:
    """Yield a connection for changes of the schema, once no other process makes any.

    It asks again and again for the lock, since an index that is built beside writers waits for all statements that are
    under way, so also for one that waits for this lock. The lock ends with the connection, also of a killed process.
    """
    with engine_for(url).connect() as connection:
        while not connection.execute(sa.text("SELECT pg_try_advisory_lock(hashtext('fairboard migrations'))")).scalar():
            connection.rollback()
            time.sleep(_PAUSE_SECONDS)
        connection.commit()
        yield connection


def retry_locked(connection: sa.Connection, change: Callable[[], None]) -> None:
    """Make a change of the schema; begin it again each time that it can't get a lock soon."""
    for number in itertools.count(1):
        milliseconds = _LOCK_MS if number % _LONG_TRY else _LONG_LOCK_MS
        connection.execute(sa.text(f"SET lock_timeout = {milliseconds}"))
        connection.commit()
        try:
            change()
        except OperationalError as error:
            if not isinstance(error.orig, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected):
                raise
            log.info("schema_locked", reason=str(error.orig).splitlines()[0], tries=number)
            connection.rollback()
            time.sleep(_PAUSE_SECONDS)
        else:
            return
