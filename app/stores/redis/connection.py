"""Direct connections: a short way to one Redis node, for the few commands that every request sends.

redis-py's client spends 55 µs of a 100 µs command on its pool, its retries and its hooks (measured on two cores with
Python 3.11); a direct connection uses its connection and its parser directly. It never retries: a lost
answer doesn't tell whether the command ran. Under gevent all greenlets share one (shared_connection.py).
"""

from __future__ import annotations

import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

import hiredis
import redis
from redis.exceptions import ResponseError

from app.stores.postgres.gevent_connection import patched

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


def pack(command: Command) -> bytes:
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

    def _get_socket(self) -> socket.socket: ...

    def _get_parser(self) -> Any: ...


MakeConnection: TypeAlias = Callable[[], NodeConnection]
"""Returns an unconnected redis-py connection. One of a pool would not do: the pool refuses more than its maximum."""


class SentCommands(Protocol):
    """Commands that were sent, whose answers are still to come."""

    def receive(self, deadline: float | None = None) -> list[Reply]:
        """Return the answers, in order. Raises redis-py's errors, and TimeoutError at `deadline`, in monotonic time."""

    def abandon(self) -> None:
        """Throw the answers away; later commands still get their own."""


class DirectConnection(ABC):
    """A way to one node, for many callers at once."""

    def __init__(self, address: tuple[str, int] = ("", 0)) -> None:
        self.address = address
        self.separate: DirectConnection = self
        """The node on connections that one caller at a time has, for large answers and for commands that wait."""

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
        return self.send(commands).receive()

    @abstractmethod
    def send(self, commands: Sequence[Command]) -> SentCommands:
        """Send commands, and return them to receive or abandon their answers.

        Raises redis-py's errors, and UnicodeEncodeError or TypeError for a value that can't be sent: then nothing was
        sent, and the connection stays usable.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the connections."""


def connect_directly(
    make_connection: MakeConnection, timeout: float, address: tuple[str, int] = ("", 0)
) -> DirectConnection:
    """Return the way to one node that suits this process; it connects later. `timeout` is that of the connections."""
    if not patched():
        return SeparateConnections(make_connection, address)
    from app.stores.redis.shared_connection import SharedConnection

    return SharedConnection(make_connection, timeout, address)


class SeparateConnections(DirectConnection):
    """Connections that one caller at a time has. Idle ones wait in a list."""

    def __init__(self, make_connection: MakeConnection, address: tuple[str, int] = ("", 0)) -> None:
        super().__init__(address)
        self._make_connection = make_connection
        self._idle: list[tuple[NodeConnection, float]] = []
        self._closed = False

    def send(self, commands: Sequence[Command]) -> SentCommands:
        """Send commands on an idle connection, or on a new one."""
        connection = self._acquire()
        try:
            packed = b"".join(map(pack, commands))
        except Exception:
            self.release(connection)
            raise
        try:
            connection.send_packed_command([packed])
        except BaseException:
            self.drop(connection)
            raise
        return _SentSeparately(self, connection, len(commands))

    def close(self) -> None:
        """Close the connections; those in use close after their answer."""
        self._closed = True
        self._close_idle()

    def release(self, connection: NodeConnection) -> None:
        """Let the next caller have a connection whose answers were all read."""
        if self._closed:
            connection.disconnect()
        else:
            self._idle.append((connection, time.monotonic()))

    def drop(self, connection: NodeConnection) -> None:
        """Close a connection that failed and may hold half an answer, and the idle ones, which may be dead too."""
        connection.disconnect()
        self._close_idle()

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

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop()[0].disconnect()


class _SentSeparately:
    def __init__(self, owner: SeparateConnections, connection: NodeConnection, count: int) -> None:
        self._owner, self._connection, self._count = owner, connection, count

    def receive(self, deadline: float | None = None) -> list[Reply]:
        try:
            if deadline is not None and not self._connection.can_read(timeout=max(0.0, deadline - time.monotonic())):
                raise redis.TimeoutError("the node did not answer in time")
            answers = [self._read_answer() for _ in range(self._count)]
        except BaseException:
            self._owner.drop(self._connection)
            raise
        self._owner.release(self._connection)
        return answers

    def abandon(self) -> None:
        self._connection.disconnect()  # the answers are still to come; the node's other connections stay usable

    def _read_answer(self) -> Reply:
        try:
            return self._connection.read_response()
        except ResponseError as error:
            return error
