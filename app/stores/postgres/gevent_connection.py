"""psycopg connections that wait cheaply under gevent, or for a limited time.

psycopg waits with a patched `select`, which builds a poll object, its watchers and a timer for every statement: 60 of
the 150 µs that a statement costs the process (measured). gevent's own wait on the socket needs none of these.
"""

from __future__ import annotations

import sys
import time
from typing import Any, TypeAlias, TypeVar

import psycopg
from psycopg import _queries
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow
from psycopg.waiting import Ready, Wait

Result = TypeVar("Result")

DriverConnection: TypeAlias = psycopg.Connection[TupleRow]
DriverOptions: TypeAlias = dict[str, Any]
"""The named arguments of psycopg's `connect`: each has a type of its own."""

# psycopg parses statements of up to 4,096 characters once, longer ones each time; those of redemptions are longer.
_queries.MAX_CACHED_STATEMENT_LENGTH = 8192

_READY = {Wait.R: Ready.R, Wait.W: Ready.W, Wait.RW: Ready.RW}


def patched() -> bool:
    """Return whether this process runs on gevent."""
    monkey = sys.modules.get("gevent.monkey")
    return bool(monkey and monkey.is_module_patched("select"))


class HurriedConnection(psycopg.Connection[TupleRow]):
    """A connection to a server that may stall: an answer that is late closes the connection and is an error.

    The server's own statement_timeout doesn't help against a server that is stopped, nor do TCP's timers on a Unix
    socket.
    """

    answer_seconds: float | None = None

    def wait(self, gen: PQGen[Result], interval: float = 0.1, timeout: float | None = None) -> Result:
        """Drive psycopg's generator and return its result. Raises OperationalError when the time is up."""
        try:
            return super().wait(gen, interval, self.answer_seconds if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.close()  # a late answer would pass for that of the next statement
            raise


class GreenConnection(psycopg.Connection[TupleRow]):
    """A psycopg connection under gevent; `answer_seconds` as in HurriedConnection, `None` for no bound."""

    answer_seconds: float | None = None

    def wait(self, gen: PQGen[Result], interval: float = 0.1, timeout: float | None = None) -> Result:
        """Drive psycopg's generator and return its result; other greenlets run while the socket isn't ready."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        if self.answer_seconds is not None:
            return self._wait_until(gen, time.monotonic() + self.answer_seconds)
        from gevent.socket import wait_read, wait_readwrite, wait_write

        waits = {Wait.R: wait_read, Wait.W: wait_write, Wait.RW: wait_readwrite}
        socket = self.pgconn.socket
        try:
            direction = next(gen)
            while True:
                waits[direction](socket)
                direction = gen.send(_READY[direction])
        except StopIteration as end:
            result: Result = end.value
            return result

    def _wait_until(self, gen: PQGen[Result], deadline: float) -> Result:
        from gevent.socket import wait_read, wait_readwrite, wait_write

        waits = {Wait.R: wait_read, Wait.W: wait_write, Wait.RW: wait_readwrite}
        socket = self.pgconn.socket
        try:
            direction = next(gen)
            while True:
                waits[direction](socket, timeout=max(0.0, deadline - time.monotonic()), timeout_exc=_Stalled())
                direction = gen.send(_READY[direction])
        except StopIteration as end:
            result: Result = end.value
            return result
        except _Stalled:
            self.close()  # a late answer would pass for that of the next statement
            raise


class _Stalled(psycopg.OperationalError):
    def __init__(self) -> None:
        super().__init__("no answer in time")


def connect_hurried(
    arguments: list[str], named: DriverOptions, *, connect_seconds: float, answer_seconds: float
) -> DriverConnection:
    """Return a connection to a server that may stall, with client-side limits in seconds.

    Without gevent, connecting takes up to psycopg's own minimum of 2 s: those processes answer no requests.
    """
    if not patched():
        plain_connection = HurriedConnection.connect(*arguments, **named)
        plain_connection.answer_seconds = answer_seconds
        return plain_connection
    from gevent import Timeout

    with Timeout(connect_seconds, psycopg.errors.ConnectionTimeout("no connection in time")):
        green_connection = GreenConnection.connect(*arguments, **named)
    green_connection.answer_seconds = answer_seconds
    return green_connection
