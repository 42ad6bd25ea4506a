"""A connection pool to one PostgreSQL server."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias, TypeVar, cast

import psycopg
import sqlalchemy as sa
import sqlalchemy.exc
import structlog
from psycopg.pq import TransactionStatus
from sqlalchemy.pool import ConnectionPoolEntry

from app.stores.postgres.gevent_connection import (
    DriverConnection,
    DriverOptions,
    GreenConnection,
    connect_hurried,
    patched,
)
from app.stores.postgres.lsn import PRIMARY_NOW
from app.stores.postgres.rows import Row, parsed
from app.stores.postgres.session_settings import make_engine
from app.stores.unavailability import UNAVAILABLE, certainly_changed_nothing, is_conflict, pg_refuses, session_outdated

__all__ = ["UNAVAILABLE", "Database", "Hurry", "certainly_changed_nothing"]

Connect: TypeAlias = Callable[[object, object, list[str], DriverOptions], DriverConnection]
"""A listener to SQLAlchemy's `do_connect`: gets the dialect, the pool's record, and psycopg's arguments."""

log = structlog.get_logger("fairboard.postgres")

Result = TypeVar("Result")

_IDLE_SECONDS = 0.05
_REPEATS = 3  # of a transaction that was one side of a deadlock
_MARKS, _CALLS = "fairboard.marks", "fairboard.calls"  # the keys in a connection's `info`


def _connect_green(_dialect: object, _record: object, arguments: list[str], named: DriverOptions) -> GreenConnection:
    return GreenConnection.connect(*arguments, **named)


def _make_connect(hurry: Hurry) -> Connect:
    def connect(_dialect: object, _record: object, arguments: list[str], named: DriverOptions) -> DriverConnection:
        return connect_hurried(arguments, named, connect_seconds=hurry.connect, answer_seconds=hurry.answer)

    return connect


def _record_checkin(connection: object, record: ConnectionPoolEntry) -> None:
    record.info["since"] = time.monotonic()


def _is_readable(descriptor: int) -> bool:
    poller = select.poll()  # not select(): that can't take the high descriptors of a process with many sockets
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(0))


def _check_open(connection: DriverConnection, record: ConnectionPoolEntry, _pooled: object) -> None:
    """Raise InvalidatePoolError for an idle connection that its server has closed: there is something to read on it."""
    since = record.info.get("since")
    if since is None or time.monotonic() - since < _IDLE_SECONDS:
        return
    if connection.closed or _is_readable(connection.fileno()):
        raise sqlalchemy.exc.InvalidatePoolError("the server closed this connection while it was idle")


@dataclass(frozen=True, slots=True)
class Hurry:
    """Client-side time limits for an optional server, in seconds.

    They bound the wait for a connection, for an answer, and for a free connection of the pool.
    """

    connect: float
    answer: float
    pool: float


class Database:
    """A pool to one server. `statement_seconds` bounds each statement on the server (0: no bound)."""

    position_sql = PRIMARY_NOW
    """SQL for a position at or after every commit that the statement around it can see."""

    def __init__(self, url: str, *, pool: int = 16, statement_seconds: float = 5.0, hurry: Hurry | None = None) -> None:
        self.engine = make_engine(
            url,
            name="fairboard",
            session={"statement_timeout": int(statement_seconds * 1000)},
            isolation_level="AUTOCOMMIT",
            pool_size=pool,
            max_overflow=0,
            pool_timeout=hurry.pool if hurry else 3,
            pool_use_lifo=True,  # a few warm server processes do the work of many cold ones: 0.05 ms less a redemption
            pool_recycle=1800,
            pool_reset_on_return=None,  # every connection returns in autocommit, with nothing to roll back
            connect_args={"prepare_threshold": 3},
        )
        sa.event.listen(self.engine, "checkin", _record_checkin)
        sa.event.listen(self.engine, "checkout", _check_open)
        if hurry:
            sa.event.listen(self.engine, "do_connect", _make_connect(hurry))
        elif patched():
            sa.event.listen(self.engine, "do_connect", _connect_green)
        self._transactional = self.engine.execution_options(isolation_level="READ COMMITTED")
        self._callbacks: dict[str, Callable[[], None]] = {}

    @contextmanager
    def statement(self) -> Iterator[sa.Connection]:
        """Yield a connection on which each statement is a transaction of its own: one round trip."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def on_one_connection(self) -> Iterator[Database]:
        """Yield this database with all statements on one connection: one server, and no restart of it in between."""
        with self.engine.connect() as connection:
            yield _OneConnection(self, connection)

    @contextmanager
    def driver(self) -> Iterator[DriverConnection]:
        """Yield a pooled connection of the bare driver, with psycopg's errors: 0.1 ms less per statement."""
        try:
            pooled = self.engine.raw_connection()
        except psycopg.Error as error:
            raise sqlalchemy.exc.OperationalError(None, None, error) from error
        connection = cast("DriverConnection", pooled.driver_connection)
        outdated = False
        try:
            yield connection
        except psycopg.Error as error:
            outdated = session_outdated(error)
            if pg_refuses(error):
                raise sqlalchemy.exc.OperationalError("", None, error, hide_parameters=True) from error
            raise
        except BaseException:
            if connection.pgconn.transaction_status == TransactionStatus.ACTIVE:
                connection.close()  # its greenlet was killed: the answer would pass for that of the next statement
            raise
        finally:
            if connection.closed or outdated:
                pooled.invalidate()
                self.engine.dispose()  # connections that were opened with it may be dead too
            pooled.close()

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Yield a connection for several statements, all or nothing; marked callbacks are called after the commit."""
        with self._transactional.begin() as connection:
            # New ones each time: the next transaction on this connection may begin before the callbacks are called.
            marks: set[str] = set()
            calls: list[Callable[[], None]] = []
            connection.info.update({_MARKS: marks, _CALLS: calls})
            yield connection
            if not connection.in_transaction():  # it was rolled back
                return
        for call in calls:
            call()
        for name in marks & self._callbacks.keys():
            self._callbacks[name]()

    def run(self, work: Callable[[sa.Connection], Result]) -> Result:
        """Return the result of `work`, which gets the connection of a transaction and has no effect outside it.

        If PostgreSQL ends the transaction because of a deadlock or a serialization failure, `work` is called again in a
        new one, three times at most. Then raises OperationalError.
        """
        for _ in range(_REPEATS):
            try:
                with self.transaction() as connection:
                    return work(connection)
            except sqlalchemy.exc.OperationalError as error:
                if not is_conflict(error.orig):
                    raise
                log.warning("transaction_repeated", error=str(error.orig).split("\n")[0])
        with self.transaction() as connection:
            return work(connection)

    def register_after_commit(self, name: str, callback: Callable[[], None]) -> None:
        """Register a callback for after each transaction on which `name` was marked; it may not raise."""
        self._callbacks[name] = callback

    @staticmethod
    def request_after_commit(connection: sa.Connection, name: str) -> None:
        """Mark `name`: its callback is called after the commit of the transaction on this connection."""
        connection.info.setdefault(_MARKS, set()).add(name)

    @staticmethod
    def call_after_commit(connection: sa.Connection, callback: Callable[[], None]) -> None:
        """Call this once after the commit of the transaction on this connection; it may not raise."""
        connection.info.setdefault(_CALLS, []).append(callback)

    @contextmanager
    def snapshot(self, seconds: int = 120) -> Iterator[sa.Connection]:
        """Yield a read-only connection to one moment of the database; each statement takes at most `seconds`."""
        with self.transaction() as connection:
            connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
            connection.execute(sa.text(f"SET LOCAL statement_timeout = '{seconds}s'"))
            yield connection

    def rows(self, sql: str, **parameters: object) -> list[Row]:
        """Return the rows of one statement."""
        with self.statement() as connection:
            return list(connection.execute(parsed(sql), parameters).all())  # one by one they cost twice as much

    def row(self, sql: str, **parameters: object) -> Row | None:
        """Return the first row, or `None`."""
        rows = self.rows(sql, **parameters)
        return rows[0] if rows else None

    def close(self) -> None:
        """Close the pool's connections."""
        self.engine.dispose()


class _OneConnection(Database):
    def __init__(self, database: Database, connection: sa.Connection) -> None:
        self.engine, self.position_sql, self._connection = database.engine, database.position_sql, connection

    @contextmanager
    def statement(self) -> Iterator[sa.Connection]:
        yield self._connection
