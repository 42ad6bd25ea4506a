"""One connection to a Redis node for all greenlets of a process.

Their commands of one turn of the event loop leave in one send. Commands that come while answers are on their way leave
in the next, once all those answers are here. So many commands cost one system call to send and one to read, here and in
Redis. A large answer delays all others, and so does a command that waits: both belong on `separate` connections. A call
that is large itself leaves there anyway.

Nothing that was sent is ever sent again. When the connection is lost, or an answer is late, all commands in flight fail
and the connection is closed, so that a late answer reaches nobody. Those not yet sent leave on the next connection.
"""

from __future__ import annotations

import os
import ssl
import time
from collections import deque
from collections.abc import Iterable, Sequence
from copy import copy
from typing import TYPE_CHECKING

import gevent
import hiredis
import redis
from gevent.hub import Waiter, get_hub
from redis._parsers.hiredis import NOT_ENOUGH_DATA

from app.stores.redis.connection import (
    Command,
    DirectConnection,
    MakeConnection,
    NodeConnection,
    Reply,
    SentCommands,
    SeparateConnections,
    pack,
)

if TYPE_CHECKING:
    from gevent._types import _TimerWatcher

_MOST_SENT = 16_384  # of one call: about the time that Redis gives to one client before it serves the others
_READ, _WRITE = 1, 2  # the events that gevent's watchers wait for
_MOST_READ = 262_144  # at once; above the 16 KiB of a TLS record, none of which may stay in OpenSSL's buffer
_NOT_READY = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class _Call:
    """The commands of one greenlet, which waits for their answers. A killed greenlet's answers are thrown away."""

    __slots__ = ("answers", "count", "due", "packed", "waiter")

    def __init__(self, packed: bytes, count: int, due: float) -> None:
        self.packed, self.count, self.due = packed, count, due
        self.answers: list[Reply] = []
        self.waiter: Waiter[list[Reply]] = Waiter()

    def receive(self, deadline: float | None = None) -> list[Reply]:
        return self.waiter.get()  # its own timeout ends at the same time as those of other nodes

    def abandon(self) -> None:
        pass


class _Link:
    """A socket on which redis-py has signed in, and the calls in flight, in the order of their answers."""

    def __init__(self, owner: SharedConnection, connection: NodeConnection) -> None:
        self.calls: deque[_Call] = deque()
        self.due = 0.0
        self._owner, self._connection = owner, connection
        self._is_lost = False
        self._unwritten = b""
        self._socket, self._reader = connection._get_socket(), connection._get_parser()._reader
        self._socket.settimeout(0)
        loop = get_hub().loop
        self._readable, self._writable = (loop.io(self._socket.fileno(), event) for event in (_READ, _WRITE))
        self._readable.start(self.read)

    def send(self, calls: deque[_Call], due: float) -> None:
        """Send calls while none is in flight; they fail if their answers have not come when `due` is checked."""
        self.calls, self.due = calls, due
        self._write(b"".join([call.packed for call in calls]))

    def read(self) -> None:
        """Read the answers that have come, and wake the greenlets that have all of theirs."""
        try:
            data = self._socket.recv(_MOST_READ)
        except _NOT_READY:
            return
        except OSError as error:
            self.lose(redis.ConnectionError(f"Error while reading from socket: {error}"))
            return
        if not data:
            self.lose(redis.ConnectionError("Connection closed by server."))
            return
        try:
            self._take_answers(data)
        except redis.RedisError as error:
            self.lose(error)
        if not self.calls:
            self._owner.flush_soon()

    def lose(self, error: Exception) -> None:
        """Close the socket; the calls in flight fail with the error."""
        if self._is_lost:
            return
        self._is_lost = True
        for watcher in (self._readable, self._writable):
            watcher.stop()
            watcher.close()
        self._connection.disconnect()
        calls, self.calls = self.calls, deque()
        _fail(calls, error)
        self._owner.forget_link()

    def _write(self, data: bytes) -> None:
        try:
            written = self._socket.send(data)
        except _NOT_READY:
            written = 0
        except OSError as error:
            self.lose(redis.ConnectionError(f"Error while writing to socket: {error}"))
            return
        if written < len(data):
            self._unwritten = data[written:]
            self._writable.start(self._write_rest)

    def _write_rest(self) -> None:
        self._writable.stop()
        self._write(self._unwritten)

    def _take_answers(self, data: bytes) -> None:
        """Give each call its answers. Raises redis.RedisError for one that ends the connection."""
        gets = self._reader.gets
        self._reader.feed(data)
        while not self._is_lost and (reply := gets()) is not NOT_ENOUGH_DATA:
            if isinstance(reply, redis.ConnectionError):
                raise reply
            if isinstance(reply, hiredis.PushNotification):
                continue
            if not self.calls:
                raise redis.InvalidResponse("an answer to no command")
            call = self.calls[0]
            call.answers.append(reply)
            if len(call.answers) == call.count:
                self.calls.popleft()
                call.waiter.switch(call.answers)  # that greenlet runs now, until it waits for something else


class SharedConnection(DirectConnection):
    """A `DirectConnection` of all greenlets of a process; a forked process connects anew.

    A call waits at most `timeout` seconds to be sent, then as long for its answers.
    """

    def __init__(self, make_connection: MakeConnection, timeout: float, address: tuple[str, int] = ("", 0)) -> None:
        super().__init__(address)
        self.separate = SeparateConnections(make_connection, address)
        self._make_connection, self._timeout = make_connection, timeout
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._link: _Link | None = None
        self._unsent: deque[_Call] = deque()
        self._timer: _TimerWatcher | None = None
        self._is_connecting = False
        self._will_flush = False
        self._is_closed = False

    def send(self, commands: Sequence[Command]) -> SentCommands:
        """Send commands in this turn of the event loop or, if others are in flight, after their answers."""
        packed = b"".join(map(pack, commands))
        if len(packed) > _MOST_SENT:
            return self.separate.send(commands)
        call = _Call(packed, len(commands), time.monotonic() + self._timeout)
        if not commands:
            call.waiter.switch([])
            return call
        self._unsent.append(call)
        if self._timer is None:
            self._check_after(self._timeout)
        if self._link is None:
            self._connect()
        elif not self._link.calls:
            self.flush_soon()
        return call

    def close(self) -> None:
        """Close the connections, once the commands that wait have their answers."""
        self._is_closed = True
        self._flush()
        self.separate.close()

    def flush_soon(self) -> None:
        """Send once the greenlets that are ready now have had their turn."""
        if not self._will_flush and (self._unsent or self._is_closed):
            self._will_flush = True
            get_hub().loop.run_callback(self._flush)

    def forget_link(self) -> None:
        """Connect anew for the commands that were not sent, or else for the next."""
        self._link = None
        if self._unsent:
            self._connect()

    def _connect(self) -> None:
        if not self._is_connecting:
            self._is_connecting = True
            gevent.spawn(self._open_link)

    def _open_link(self) -> None:
        """Connect as redis-py does. This greenlet is no caller's: the end of a caller does not interrupt it."""
        try:
            connection = self._make_connection()
            connection.connect()
            self._link = _Link(self, connection)
        except Exception as error:  # noqa: BLE001 - every caller raises it
            calls, self._unsent = self._unsent, deque()
            _fail(calls, error)
        finally:
            self._is_connecting = False
        self._flush()

    def _flush(self) -> None:
        self._will_flush = False
        if self._link is None or self._link.calls:
            return
        if self._unsent:
            calls, self._unsent = self._unsent, deque()
            self._link.send(calls, time.monotonic() + self._timeout)
        elif self._is_closed:
            self._link.lose(redis.ConnectionError("closed"))

    def _check_after(self, seconds: float) -> None:
        self._timer = get_hub().loop.timer(seconds)
        self._timer.start(self._check)

    def _check(self) -> None:
        """Fail the calls that are late. One timer, due with the first of them, serves all."""
        link = self._link
        if link is not None:
            link.read()  # an answer that has come while this process was busy is not late
            if link.calls and link.due <= time.monotonic():
                link.lose(redis.TimeoutError("Timeout reading from socket"))
        self._flush()
        now, late = time.monotonic(), []
        while self._unsent and self._unsent[0].due <= now:
            late.append(self._unsent.popleft())
        _fail(late, redis.TimeoutError("Timeout connecting to server"))
        self._timer = None
        if self._link is not None and self._link.calls:  # those not yet sent came later
            self._check_after(max(0.0, self._link.due - now))
        elif self._unsent:
            self._check_after(max(0.0, self._unsent[0].due - now))


def _fail(calls: Iterable[_Call], error: Exception) -> None:
    """Wake the greenlets of these calls with an error each; an exception may be raised in one greenlet alone."""
    run_callback = get_hub().loop.run_callback
    for call in calls:
        run_callback(call.waiter.throw, copy(error))
