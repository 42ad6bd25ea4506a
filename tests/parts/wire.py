"""A client's end of a socket pair: wsproto says what arrived, so that no frame of ours is checked by ourselves."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

import gevent
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage


def until(true: Callable[[], bool], within: float = 10.0) -> None:
    """Let the other greenlets run until it is so."""
    with gevent.Timeout(within, AssertionError(f"not within {within:g} s")):
        gevent.sleep(0)
        while not true():
            gevent.sleep(0.002)


class Wire:
    """Both ends of a connection: `server` is non-blocking and goes to what is tested."""

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

    def say(self, message: Any) -> None:
        """A text message to the server."""
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
        """Take what has arrived, at most so many bytes; how many it were."""
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
            self._take(event)
        return len(data)

    def read_until(self, true: Callable[[], bool]) -> None:
        """Read until it is so."""

        def look() -> bool:
            self.read()
            return true()

        until(look)

    def next(self) -> dict[str, Any]:
        """The next message that nobody has taken yet."""
        self.read_until(lambda: bool(self.messages))
        return self.messages.pop(0)

    def until_closed(self) -> int | None:
        """The code of the close frame; fails if the stream ends without one."""
        self.read_until(lambda: self.close_code is not None or self.ended)
        return self.close_code

    @property
    def unread(self) -> int:
        """Bytes of the client that the server has not taken yet."""
        try:
            return len(self.server.recv(1 << 16, socket.MSG_PEEK))
        except BlockingIOError:
            return 0

    def shut(self) -> None:
        self.server.close()
        self.client.close()

    def _take(self, event: Event) -> None:
        if isinstance(event, TextMessage):
            self._text(event)
        elif isinstance(event, CloseConnection):
            # wsproto also says "close" when it can't parse what came; then the connection isn't closing.
            assert self.protocol.state is not ConnectionState.OPEN, f"a corrupt stream: {event.reason}"
            self.close_code = int(event.code)
        else:
            self.pongs.append(bytes(event.payload))  # type: ignore[attr-defined]

    def _text(self, event: TextMessage) -> None:
        self._part += event.data
        if event.message_finished and event.frame_finished:
            self.messages.append(json.loads(self._part))
            self._part = ""
