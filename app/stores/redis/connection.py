"""Direct connections: a short way to one Redis node, for the few commands that every request sends.

redis-py's client spends 55 µs of a 100 µs command on its pool, its retries and its hooks (measured on two cores with
Python 3.11); a direct connection uses its connection and its parser directly. It never retries: a lost
answer doesn't tell whether the command ran.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

import hiredis
import redis
from redis.exceptions import ResponseError

_IDLE_SECONDS = 0.05

RedisValue: TypeAlias = str | bytes | int | float
Command: TypeAlias = Sequence[RedisValue]
Reply: TypeAlias = Any
"""A reply of Redis, whose type depends on the command. No reply leaves the stores."""
OptionValue: TypeAlias = Any
"""The value of an option of redis-py's connections: each option has a type of its own."""


def raw(text: str) -> bytes:
    """Return the bytes of a text that Redis answered with, to send it back: another program's may be no UTF-8."""
    return text.encode("utf-8", "surrogateescape")


def _pack(command: Command) -> bytes:
    """Return the bytes of a command as redis-py would send it, a name of two words as two arguments."""
    name = command[0]
    words = name.split() if isinstance(name, str) and " " in name else [name]
    packed: bytes = hiredis.pack_command((*words, *command[1:]))
    return packed


class NodeConnection(Protocol):
    """The part of redis-py's connections that a direct connection uses; redis-py itself doesn't give it types."""

    def connect(self) -> object: ...

    def disconnect(self) -> object: ...

    def can_read(self, timeout: float = 0) -> bool: ...

    def send_packed_command(self, command: list[bytes]) -> object: ...

    def read_response(self) -> Reply: ...


class DirectConnection:
    """Connections to one node. Idle ones wait in a list; no connection is used by two callers at once."""

    def __init__(self, make_connection: Callable[[], NodeConnection], address: tuple[str, int] = ("", 0)) -> None:
        """Prepare a direct connection whose `make_connection` returns an unconnected redis-py connection.

        The connections of a redis-py pool would not do: the pool counts them, and refuses more than its maximum.
        """
        self._make_connection = make_connection
        self.address = address
        self._idle: list[tuple[NodeConnection, float]] = []
        self._closed = False

    def call(self, *command: RedisValue) -> Reply:
        """Send one command and return its answer. Raises redis-py's errors."""
        answer = self.call_together([command])[0]
        if isinstance(answer, ResponseError):
            raise answer
        return answer

    def write_durably(self, *command: RedisValue) -> Reply:
        """Send one write and return its answer. On a cluster it also waits for a replica; a single node has none."""
        return self.call(*command)

    def node_of(self, key: str) -> str:
        """Return a name of the node that has the key: '', as there is one node."""
        return ""

    def call_together(self, commands: Sequence[Command]) -> list[Reply]:
        """Send several commands in one round trip; a refused command has its ResponseError as the answer."""
        return self.receive(self.send(commands), len(commands))

    def send(self, commands: Sequence[Command]) -> NodeConnection:
        """Send commands and return the connection that the answers come on, for `receive` or `drop`.

        Raises redis-py's errors, and UnicodeEncodeError or TypeError for a value that can't be sent: then nothing was
        sent, and the connection stays usable.
        """
        connection = self._acquire()
        try:
            packed = b"".join(map(_pack, commands))
        except Exception:
            self._release(connection)
            raise
        try:
            connection.send_packed_command([packed])
        except BaseException:
            self.drop(connection)
            raise
        return connection

    def receive(self, connection: NodeConnection, count: int) -> list[Reply]:
        """Return the answers to the `count` commands that `send` sent."""
        try:
            answers = [self._read_answer(connection) for _ in range(count)]
        except BaseException:
            self.drop(connection)
            raise
        self._release(connection)
        return answers

    def drop(self, connection: NodeConnection) -> None:
        """Close a connection that failed and may hold half an answer, and the idle ones, which may be dead too."""
        connection.disconnect()
        self._close_idle()

    def close(self) -> None:
        """Close the connections; those in use close after their answer."""
        self._closed = True
        self._close_idle()

    def _release(self, connection: NodeConnection) -> None:
        if self._closed:
            connection.disconnect()
        else:
            self._idle.append((connection, time.monotonic()))

    def _acquire(self) -> NodeConnection:
        while self._idle:
            idle_connection, since = self._idle.pop()
            if time.monotonic() - since < _IDLE_SECONDS or self._is_alive(idle_connection):
                return idle_connection
            idle_connection.disconnect()
        connection = self._make_connection()
        connection.connect()
        return connection

    def _is_alive(self, connection: NodeConnection) -> bool:
        """Return whether an idle connection is alive: it has nothing to read unless Redis has closed it."""
        try:
            return not connection.can_read()
        except (redis.exceptions.RedisError, OSError):
            return False

    def _read_answer(self, connection: NodeConnection) -> Reply:
        try:
            return connection.read_response()
        except ResponseError as error:
            return error

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop()[0].disconnect()
