"""WebSocket clients that know only docs/api.md: one that behaves well, and one that sends raw bytes."""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import websocket

from tests.parts.described import check_message

PATH = "/api/v1/ws/leaderboard"


class Closed(Exception):
    """The server closed the socket; `code` is None if it just hung up."""

    def __init__(self, code: int | None, reason: str = "") -> None:
        super().__init__(f"closed with {code} {reason}")
        self.code = code


class Subscriber:
    """A socket that reads on demand and answers pings unless `answers_pings` is false."""

    def __init__(
        self,
        url: str,
        *,
        origin: str | None = None,
        address: str | None = None,
        answers_pings: bool = True,
        receive_buffer: int | None = None,
    ) -> None:
        self.answers_pings = answers_pings
        self.pings: list[dict[str, Any]] = []
        options: list[Any] = []
        if receive_buffer:
            options.append((socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer))
        self._ws: Any = websocket.WebSocket(enable_multithread=True, sockopt=options)
        connect_options: dict[str, Any] = {"suppress_origin": True} if origin is None else {"origin": origin}
        if address:
            connect_options["socket"] = _connect_from(address, url, receive_buffer)
        self._ws.connect("ws" + url.removeprefix("http") + PATH, timeout=20, **connect_options)  # type: ignore[no-untyped-call]

    def __enter__(self) -> Subscriber:
        return self

    def __exit__(self, *_: object) -> None:
        self._ws.shutdown()

    def send(self, message: Any) -> None:
        self._ws.send(message if isinstance(message, str) else json.dumps(message))

    def send_binary(self, message: bytes) -> None:
        self._ws.send_binary(message)

    def close(self) -> None:
        self._ws.close()

    def vanish(self) -> None:
        """Hang up without a close frame."""
        self._ws.shutdown()

    def subscribe(self, token: str | None, board: str | None = None) -> None:
        message: dict[str, Any] = {"type": "subscribe"}
        if token is not None:
            message["auth"] = f"Bearer {token}"
        if board is not None:
            message["board"] = board
        self.send(message)

    def receive(self, within: float = 15.0) -> dict[str, Any]:
        """Return the next message, pings (answered) included. Raises `Closed`, or `AssertionError` if none comes."""
        self._ws.settimeout(max(within, 0.01))
        try:
            opcode, payload = self._ws.recv_data()
        except websocket.WebSocketTimeoutException:
            raise AssertionError(f"no message within {within:g} s") from None
        except (websocket.WebSocketConnectionClosedException, ConnectionError):
            raise Closed(None) from None
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            code = struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else None
            raise Closed(code, payload[2:].decode())
        message: dict[str, Any] = json.loads(payload)
        check_message(message)
        if message["type"] == "ping":
            self.pings.append(message)
            if self.answers_pings:
                self.pong()
        return message

    def pong(self) -> None:
        self.send({"type": "pong", "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z")})

    def next(self, kind: str = "leaderboard.update", within: float = 15.0) -> dict[str, Any]:
        """Return the next message of this type; pings and updates before it are skipped."""
        deadline = time.monotonic() + within
        while True:
            message = self.receive(deadline - time.monotonic())
            if message["type"] == kind:
                return message
            assert message["type"] in ("ping", "leaderboard.update"), message

    def until_score(self, user_id: str, score: int, within: float = 15.0) -> dict[str, Any]:
        """Return the first message whose top ten has this player with this score."""
        deadline = time.monotonic() + within
        while True:
            message = self.receive(deadline - time.monotonic())
            rows = message.get("data") or []
            if any(row["user_id"] == user_id and row["score"] == score for row in rows):
                return message

    def until_change(self, user_id: str, score: int, within: float = 15.0) -> dict[str, Any]:
        """Return the first update that says that this player's score became `score`."""
        deadline = time.monotonic() + within
        while True:
            update = self.next(within=deadline - time.monotonic())
            if any(change["user_id"] == user_id and change["score"] == score for change in update["changeInfo"]):
                return update

    def until_closed(self, within: float = 20.0) -> tuple[int | None, list[dict[str, Any]]]:
        """Wait until the server closes the socket. Returns the close code and the messages before it."""
        messages: list[dict[str, Any]] = []
        deadline = time.monotonic() + within
        while True:
            try:
                messages.append(self.receive(deadline - time.monotonic()))
            except Closed as closed:
                return closed.code, messages

    @property
    def raw(self) -> socket.socket:
        """Return the underlying socket, to write bytes that are no WebSocket message."""
        sock: socket.socket = self._ws.sock
        return sock


def subscribed(url: str, token: str, **options: Any) -> Subscriber:
    """Return a subscriber that already has its `leaderboard.initial`."""
    subscriber = Subscriber(url, **options)
    subscriber.subscribe(token)
    subscriber.next("leaderboard.initial")
    return subscriber


def refused_upgrade(url: str, *, origin: str | None = None, address: str | None = None) -> int:
    """Return the HTTP status with which an upgrade was refused; 101 if it was not."""
    try:
        with Subscriber(url, origin=origin, address=address):
            return 101
    except websocket.WebSocketBadStatusException as refusal:
        return int(refusal.status_code)


def frame_header(opcode: int, length: int, *, final: bool = True) -> bytes:
    """Return the header of a client's frame with a mask of zeros."""
    first = (0x80 if final else 0) | opcode
    if length < 126:
        return struct.pack("!BB", first, 0x80 | length) + b"\0\0\0\0"
    if length < 1 << 16:
        return struct.pack("!BBH", first, 0x80 | 126, length) + b"\0\0\0\0"
    return struct.pack("!BBQ", first, 0x80 | 127, length) + b"\0\0\0\0"


def handshake_request(host: str) -> bytes:
    """Return the bytes of a plain upgrade request."""
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {PATH} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def _connect_from(address: str, url: str, receive_buffer: int | None) -> socket.socket:
    parts = urlsplit(url)
    sock = socket.socket()
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(20)
    sock.bind((address, 0))
    sock.connect((parts.hostname or "127.0.0.1", parts.port or 80))
    return sock
