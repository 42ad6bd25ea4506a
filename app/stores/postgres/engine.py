"""One pool to the PostgreSQL primary."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import psycopg
import sqlalchemy as sa
import sqlalchemy.exc

from app.stores.postgres.gevent_connection import GreenConnection, connect_hurried, patched
from app.stores.postgres.lsn import PRIMARY_NOW
from app.stores.postgres.session_settings import make_engine
from app.stores.unavailability import UNAVAILABLE, pg_refuses, statement_outdated, surely_not_done

__all__ = ["UNAVAILABLE", "Database", "Hurry", "surely_not_done"]

_RESTED_SECONDS = 0.05
_MARKS = "fairboard.marks"  # in a connection's own notes


def _connect_green(_dialect: Any, _record: Any, arguments: list[Any], named: dict[str, Any]) -> GreenConnection:
    return GreenConnection.connect(*arguments, **named)


def _connect_in(hurry: Hurry) -> Any:
    def connect(_dialect: Any, _record: Any, arguments: list[Any], named: dict[str, Any]) -> Any:
        return connect_hurried(arguments, named, connect_seconds=hurry.connect, answer_seconds=hurry.answer)

    return connect


def _rested(connection: Any, record: Any) -> None:
    record.info["since"] = time.monotonic()


def _readable(descriptor: int) -> bool:
    waiting = select.poll()  # not select(): that can't take the high numbers of a process with many sockets
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(0))


def _still_there(connection: psycopg.Connection[Any], record: Any, _pooled: Any) -> None:
    """A connection that rested and has something to read was closed by a server that went away: no round trip asks."""
    since = record.info.get("since")
    if since is None or time.monotonic() - since < _RESTED_SECONDS:
        return
    if connection.closed or _readable(connection.fileno()):
        raise sqlalchemy.exc.InvalidatePoolError("the server closed this connection while it rested")


@dataclass(frozen=True, slots=True)
class Hurry:
    """Bounds kept on our side, in seconds, for a server that one can do without: to connect, for an answer, and for
    a connection of the pool to become free."""

    connect: float
    answer: float
    pool: float


class Database:
    """`statement_seconds` bounds each statement on the server (0: no bound)."""

    seen = PRIMARY_NOW
    """SQL for a position that is not before anything that the statement it stands in can see."""

    def __init__(self, url: str, *, pool: int = 16, statement_seconds: float = 5.0, hurry: Hurry | None = None) -> None:
        self.engine = make_engine(
            url,
            name="fairboard",
            session={"statement_timeout": int(statement_seconds * 1000)},
            isolation_level="AUTOCOMMIT",
            pool_size=pool,
            max_overflow=0,
            pool_timeout=hurry.pool if hurry else 3,
            pool_use_lifo=True,  # few warm server processes do the work of many cold ones: 0.05 ms a redeem
            pool_recycle=1800,
            pool_reset_on_return=None,  # every connection comes back in autocommit, with nothing to roll back
            connect_args={"prepare_threshold": 3},
        )
        sa.event.listen(self.engine, "checkin", _rested)
        sa.event.listen(self.engine, "checkout", _still_there)
        if hurry:
            sa.event.listen(self.engine, "do_connect", _connect_in(hurry))
        elif patched():
            sa.event.listen(self.engine, "do_connect", _connect_green)
        self._transactional = self.engine.execution_options(isolation_level="READ COMMITTED")
        self._after: dict[str, Callable[[], None]] = {}

    @contextmanager
    def statement(self) -> Iterator[sa.Connection]:
        """A connection on which each statement is a transaction of its own: one round trip."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def held(self) -> Iterator[Database]:
        """As this one, with every statement on one connection: one server, and the same life of it."""
        with self.engine.connect() as connection:
            yield _Held(self, connection)

    @contextmanager
    def driver(self) -> Iterator[psycopg.Connection[Any]]:
        """A pooled connection as the bare driver has it, with psycopg's errors: 0.1 ms less for a statement."""
        try:
            pooled = self.engine.raw_connection()
        except psycopg.Error as error:
            raise sqlalchemy.exc.OperationalError(None, None, error) from error
        connection = cast("psycopg.Connection[Any]", pooled.driver_connection)
        outdated = False
        try:
            yield connection
        except psycopg.Error as error:
            outdated = statement_outdated(error)
            if pg_refuses(error):
                raise sqlalchemy.exc.OperationalError("", None, error, hide_parameters=True) from error
            raise
        finally:
            if connection.closed or outdated:
                pooled.invalidate()
                self.engine.dispose()  # what was opened with it is as dead
            pooled.close()

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Several statements, all or nothing. What was marked meanwhile is called for after the commit."""
        with self._transactional.begin() as connection:
            marks: set[str] = connection.info.setdefault(_MARKS, set())
            marks.clear()
            yield connection
        for name in marks & self._after.keys():
            self._after[name]()

    def after(self, name: str, call: Callable[[], None]) -> None:
        """Call this after each transaction that `name` was marked on; it may not raise."""
        self._after[name] = call

    @staticmethod
    def mark(connection: sa.Connection, name: str) -> None:
        """Have what `name` stands for called after the commit of the transaction on this connection."""
        connection.info.setdefault(_MARKS, set()).add(name)

    @contextmanager
    def snapshot(self, seconds: int = 120) -> Iterator[sa.Connection]:
        """One moment of the database, only to be read, each statement for so many seconds at the most."""
        with self.transaction() as connection:
            connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
            connection.execute(sa.text(f"SET LOCAL statement_timeout = '{seconds}s'"))
            yield connection

    def rows(self, sql: str, **parameters: Any) -> list[sa.Row[Any]]:
        """Read with one statement."""
        with self.statement() as connection:
            return list(connection.execute(sa.text(sql), parameters))

    def row(self, sql: str, **parameters: Any) -> sa.Row[Any] | None:
        """The first row, or None."""
        found = self.rows(sql, **parameters)
        return found[0] if found else None

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


class _Held(Database):
    def __init__(self, whole: Database, connection: sa.Connection) -> None:
        self.engine, self.seen, self._connection = whole.engine, whole.seen, connection

    @contextmanager
    def statement(self) -> Iterator[sa.Connection]:
        yield self._connection
