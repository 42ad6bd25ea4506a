"""Several executions of prepared statements in one round trip and one transaction, through libpq's pipeline.

psycopg's own pipeline sends each statement as soon as it is executed, waits for the socket each time, and sends the
Sync that commits when its block ends by an error of ours as well. Here all leave together with one Sync behind them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeAlias, cast

import psycopg
from psycopg import generators, pq
from psycopg._preparing import Prepare
from psycopg._queries import PostgresQuery
from psycopg.abc import PQGen
from psycopg.adapt import Transformer
from psycopg.rows import TupleRow

from app.stores.postgres.gevent_connection import DriverConnection

Parameters: TypeAlias = list[bytes | None]

_NAMED = re.compile(r"%\((\w+)\)s")


class PreparedStatement:
    """A statement with parameters like `%(name)s`, whose types PostgreSQL infers from the statement alone."""

    types = ()  # psycopg's bookkeeping of prepared statements has the text and these for its key

    def __init__(self, sql: str) -> None:
        places: dict[str, int] = {}
        text = _NAMED.sub(lambda match: f"${places.setdefault(match[1], len(places) + 1)}", sql)
        self.query, self._names = text.encode(), tuple(places)

    def parameters(self, values: Mapping[str, object]) -> Parameters:
        """Return the values as PostgreSQL reads them. Raises psycopg.DataError for one that it has no text for."""
        return [_text(values[name]) for name in self._names]


Execution: TypeAlias = tuple[PreparedStatement, Parameters]

_LIMIT_WAITS = PreparedStatement("SELECT set_config('lock_timeout', %(ms)s, true)")


def execute_together(
    connection: DriverConnection, executions: Sequence[Execution], *, lock_ms: int
) -> list[list[TupleRow]]:
    """Return the rows of each execution once all are committed; each wait for a lock takes at most `lock_ms`.

    Takes a connection in autocommit. Raises the error of the first statement that fails, and then all is rolled back.
    After any other error the connection is closed: only `certainly_changed_nothing` tells whether all was committed.
    """
    limited = [(_LIMIT_WAITS, _LIMIT_WAITS.parameters({"ms": lock_ms})), *executions]
    try:
        rows, error = connection.wait(_exchange(connection, limited))
    except BaseException:
        connection.close()  # with the transaction, unless its Sync had arrived
        raise
    if error is not None:
        raise error
    return rows[1:]


def _exchange(
    connection: DriverConnection, executions: Sequence[Execution]
) -> PQGen[tuple[list[list[TupleRow]], psycopg.Error | None]]:
    pgconn = connection.pgconn
    pgconn.enter_pipeline_mode()
    expected = [_send(connection, statement, parameters) for statement, parameters in executions]
    pgconn.pipeline_sync()
    yield from generators.send(pgconn)
    reader = _Reader(connection)
    for statement, name, prepare in expected:
        if prepare is Prepare.SHOULD:
            connection._prepared.validate((statement.query, ()), prepare, name, (yield from reader.results()))
        reader.add_rows((yield from reader.results()))
    yield from reader.read_sync()
    if not reader.is_lost:
        pgconn.exit_pipeline_mode()
    return reader.rows, reader.error


def _send(
    connection: DriverConnection, statement: PreparedStatement, parameters: Parameters
) -> tuple[PreparedStatement, bytes, Prepare]:
    """Put one execution into the buffer, and before it the statement's preparation where the session lacks it.

    The names are psycopg's, which forgets them when it deallocates all, as after each rollback.
    """
    prepared, query = connection._prepared, cast("PostgresQuery", statement)
    prepare, name = prepared.get(query, True)
    if prepare is Prepare.SHOULD:
        connection.pgconn.send_prepare(name, statement.query)
        prepared.maybe_add_to_cache(query, prepare, name)
    connection.pgconn.send_query_prepared(name, parameters)
    return statement, name, prepare


class _Reader:
    """The answers to a pipeline, in order. The statements after a failed one are only reported as skipped."""

    def __init__(self, connection: DriverConnection) -> None:
        self.rows: list[list[TupleRow]] = []
        self.error: psycopg.Error | None = None
        self.is_lost = False
        self._connection, self._transformer = connection, Transformer(connection)

    def results(self) -> PQGen[list[pq.abc.PGresult]]:
        """Return the results of the next command, none on a connection that was lost after an error."""
        if self.is_lost:
            return []
        try:
            results: list[pq.abc.PGresult] = yield from generators.fetch_many(self._connection.pgconn)
        except psycopg.OperationalError:
            if self.error is None:
                raise
            self.is_lost = True  # by the error that was read before
            return []
        for result in results:
            if result.status == pq.ExecStatus.FATAL_ERROR and self.error is None:
                self.error = psycopg.errors.error_from_result(result)
        return results

    def add_rows(self, results: list[pq.abc.PGresult]) -> None:
        if self.error is None:
            (result,) = results
            self._transformer.set_pgresult(result)
            self.rows.append(self._transformer.load_rows(0, result.ntuples, tuple))

    def read_sync(self) -> PQGen[None]:
        """Read on until the transaction has ended, which may fail too."""
        while not self.is_lost:
            for result in (yield from self.results()):
                if result.status == pq.ExecStatus.PIPELINE_SYNC:
                    return


def _text(value: object) -> bytes | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.isoformat().encode()
    if isinstance(value, str) and "\0" in value:
        raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise psycopg.DataError(f"no text for a {type(value).__name__}")
    return str(value).encode()
