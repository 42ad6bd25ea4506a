"""The short way to one Redis node, for the few commands that every request sends.

redis-py's client spends 55 µs of a 100 µs command on its pool, its retries and its hooks (measured on two cores with
Python 3.11); its connection and its parser, used here directly, do the work. No retries: a lost answer doesn't tell.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import redis
from redis.exceptions import ResponseError

_RESTED_SECONDS = 0.05

Command = Sequence[Any]


@dataclass(slots=True)
class Along:
    """A question that may travel with another command's round trip; `answer` is None until it has."""

    command: Command
    answer: Any = None


passenger: ContextVar[Along | None] = ContextVar("passenger", default=None)
"""What the next command of this request that takes passengers should ask along."""


class Lane:
    """Connections that are idle wait in a list; one is never used by two callers at once."""

    def __init__(self, make: Callable[[], Any], address: tuple[str, int] = ("", 0)) -> None:
        """`make`: a redis-py connection, not yet connected. A pool's own would count them, and refuse after so many."""
        self._make = make
        self.address = address
        self._idle: list[tuple[Any, float]] = []
        self._closed = False

    def call(self, *command: Any) -> Any:
        """Send one command and return its answer. Raises what redis-py raises."""
        answer = self.together([command])[0]
        if isinstance(answer, ResponseError):
            raise answer
        return answer

    def kept(self, *command: Any) -> Any:
        """As `call`. On a cluster it waits for a replica as well; here the one node is all there is."""
        return self.call(*command)

    def together(self, commands: Sequence[Command]) -> list[Any]:
        """Send several in one round trip; a command that Redis refused has its ResponseError as the answer."""
        return self.receive(self.send(commands), len(commands))

    def send(self, commands: Sequence[Command]) -> Any:
        """The first half of `together`: the connection that the answers come on, for `receive` or `drop`.

        Raises what redis-py raises, and UnicodeEncodeError or DataError for a value that can't be sent: then nothing
        has been, and the connection is as good as before.
        """
        connection = self._take()
        try:
            packed = connection.pack_commands(commands)
        except Exception:
            self._rest(connection)
            raise
        try:
            connection.send_packed_command(packed)
        except BaseException:
            self.drop(connection)
            raise
        return connection

    def receive(self, connection: Any, count: int) -> list[Any]:
        """The second half: the answers to `count` commands."""
        try:
            answers = [self._read(connection) for _ in range(count)]
        except BaseException:
            self.drop(connection)
            raise
        self._rest(connection)
        return answers

    def drop(self, connection: Any) -> None:
        """Whatever went wrong, this connection may hold half an answer, and the others may be as dead."""
        connection.disconnect()
        self._clear()

    def close(self) -> None:
        """Give the connections back; those in use go when their answer is there."""
        self._closed = True
        self._clear()

    def _rest(self, connection: Any) -> None:
        if self._closed:
            connection.disconnect()
        else:
            self._idle.append((connection, time.monotonic()))

    def _take(self) -> Any:
        while self._idle:
            rested, since = self._idle.pop()
            if time.monotonic() - since < _RESTED_SECONDS or self._alive(rested):
                return rested
            rested.disconnect()
        connection = self._make()
        connection.connect()
        return connection

    def _alive(self, connection: Any) -> bool:
        """An idle connection has nothing to read, unless Redis has closed it."""
        try:
            return not connection.can_read()
        except (redis.exceptions.RedisError, OSError):
            return False

    def _read(self, connection: Any) -> Any:
        try:
            return connection.read_response()
        except ResponseError as error:
            return error

    def _clear(self) -> None:
        while self._idle:
            self._idle.pop()[0].disconnect()
