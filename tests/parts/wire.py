"""A client's end of a socket pair; wsproto parses the bytes, so that our own code does not check our own frames."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

import gevent
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage


def until(condition: Callable[[], bool], within: float = 10.0) -> None:
    """Let the other greenlets run until the condition is true."""
    with gevent.Timeout(within, AssertionError(f"not within {within:g} s")):
        gevent.sleep(0)
        while not condition():
            gevent.sleep(0.002)


class Wire:
    """Both ends of a connection: `server` is non-blocking and is passed to the code under test."""

    def __init__(self, *, send_buffer: int | None = None) -> None:
        self.server, self.client = socket.socketpair()
        if send_buffer:
            self.server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        self.server.setblocking(False)
        self.client.setblocking(False)
        self.protocol = Connection(ConnectionType.CLIENT)
        self.messages: list[dict[str, Any]] = []
        self.close_code: int | None = None
        self.pongs: list[bytes] = []
        self.ended = False
        self._part = ""

    def send(self, message: Any) -> None:
        """Send a text message to the server."""
        text = message if isinstance(message, str) else json.dumps(message)
        self.write(self.protocol.send(TextMessage(text)))

    def say_binary(self, message: bytes) -> None:
        self.write(self.protocol.send(BytesMessage(message)))

    def ping(self, payload: bytes) -> None:
        self.write(self.protocol.send(Ping(payload)))

    def close(self, code: int = 1000) -> None:
        self.write(self.protocol.send(CloseConnection(code)))

    def write(self, data: bytes) -> None:
        self.client.sendall(data)

    def read(self, most: int = 1 << 20) -> int:
        """Read the bytes that have arrived, at most `most`. Returns their number."""
        try:
            data = self.client.recv(most)
        except BlockingIOError:
            return 0
        except ConnectionError:
            data = b""
        if not data:
            self.ended = True
            return 0
        if self.close_code is not None:
            raise AssertionError("bytes after the close frame")
        self.protocol.receive_data(data)
        for event in self.protocol.events():
            self._handle(event)
        return len(data)

    def read_until(self, condition: Callable[[], bool]) -> None:
        """Read until the condition is true."""

        def look() -> bool:
            self.read()
            return condition()

        until(look)

    def next(self) -> dict[str, Any]:
        """Return the next message that was not returned before; wait for it."""
        self.read_until(lambda: bool(self.messages))
        return self.messages.pop(0)

    def until_closed(self) -> int | None:
        """Read until the close frame or the end of the stream. Returns the close code, None if there was none."""
        self.read_until(lambda: self.close_code is not None or self.ended)
        return self.close_code

    @property
    def unread(self) -> int:
        """Return the number of bytes that the server has not read yet; 0 once it has closed the socket."""
        if self.server.fileno() < 0:
            return 0
        try:
            return len(self.server.recv(1 << 16, socket.MSG_PEEK))
        except BlockingIOError:
            return 0

    def shut(self) -> None:
        self.server.close()
        self.client.close()

    def _handle(self, event: Event) -> None:
        if isinstance(event, TextMessage):
            self._handle_text(event)
        elif isinstance(event, CloseConnection):
            # wsproto also reports a close when it can't parse the bytes; the connection isn't closing then.
            assert self.protocol.state is not ConnectionState.OPEN, f"a corrupt stream: {event.reason}"
            self.close_code = int(event.code)
        else:
            self.pongs.append(bytes(event.payload))  # type: ignore[attr-defined]

    def _handle_text(self, event: TextMessage) -> None:
        self._part += event.data
        if event.message_finished and event.frame_finished:
            self.messages.append(json.loads(self._part))
            self._part = ""
