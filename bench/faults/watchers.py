"""Subscribers that reconnect whenever they are cut off, and remember the board on their screen."""

from __future__ import annotations

import base64
import json
import os
import random
import re
import socket
import struct
import time
import uuid
from collections import Counter
from typing import Any

import gevent

from bench.faults import comeback

_PATH = "/api/v1/ws/leaderboard"
_VERSION = re.compile(rb'"version":(\d+)')
_CUT_OFF = 1006  # a browser's code for a connection that ended without a close frame


class _Ended(Exception):
    """The connection is over; the text says how, as a client would see it."""

    def __init__(self, text: str, code: int = _CUT_OFF) -> None:
        super().__init__(text)
        self.code = code


class Watcher:
    """One screen, of the board `slug`. `board` is the newest message with a board on it, as received.

    With `keeps_times`, `times` has the time of each message with rows, and the oldest `achieved_at` of its rows.
    """

    def __init__(
        self, address: tuple[str, int], token: str, slug: str, endings: Counter[str], *, keeps_times: bool
    ) -> None:
        self._address, self._token, self.slug, self._endings = address, token, slug, endings
        self.keeps_times = keeps_times
        self.times: list[tuple[float, str]] = []
        # The client keeps this id, as the page does: the load balancer sends it to the same server again.
        self._path = f"{_PATH}?client={uuid.uuid4().hex}"
        self.connected = False
        self.board = b""
        self.version = 0
        self.went_back = 0
        self._board_at = 0.0
        self._failures = 0
        self._live_since = 0.0
        self.silence = 0.0

    def watch(self) -> None:
        """Connect, subscribe and read forever; after an end, pause and connect again, as the page does."""
        while True:
            code = self._watch_once()
            if self.connected and time.monotonic() - self._live_since >= comeback.STEADY_SECONDS:
                self._failures = 0
            self.connected = False
            gevent.sleep(random.uniform(*comeback.pause(code, self._failures)))
            self._failures += 1

    def _watch_once(self) -> int:
        """Serve one connection to its end; return the close code."""
        try:
            self._converse()
        except _Ended as ending:
            self._endings[str(ending)] += 1
            return ending.code
        except TimeoutError:
            self._endings["no word" if self.connected else "no board in time"] += 1
        except OSError:
            self._endings["no connection"] += 1
        return _CUT_OFF

    def begin_phase(self) -> None:
        """Count silence from now on."""
        self._board_at, self.silence, self.went_back = time.monotonic(), 0.0, 0
        self.times = []

    def screen_rows(self) -> list[dict[str, Any]]:
        """Return the rows on this screen."""
        rows: list[dict[str, Any]] = json.loads(self.board)["data"] if self.board else []
        return rows

    def _converse(self) -> None:
        deadline = time.monotonic() + comeback.try_seconds(self._failures)
        with socket.create_connection(self._address, timeout=_remaining_seconds(deadline)) as sock:
            _handshake(sock, self._address[0], self._path, deadline)
            subscription = {"type": "subscribe", "auth": f"Bearer {self._token}", "board": self.slug}
            sock.sendall(_frame(1, json.dumps(subscription).encode()))
            partial_frame = b""
            while True:
                sock.settimeout(comeback.QUIET_SECONDS if self.connected else _remaining_seconds(deadline))
                data = sock.recv(65_536)
                if not data:
                    raise _Ended("cut off")
                partial_frame = self._read(sock, partial_frame + data)

    def _read(self, sock: socket.socket, data: bytes) -> bytes:
        """Take the whole frames; return the remaining bytes."""
        while (length := frame_length(data)) is not None and len(data) >= length:
            frame, data = data[:length], data[length:]
            payload = frame[_head_length(frame) :]
            if frame[0] == 0x88:
                code = struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else 1005
                raise _Ended(f"closed with {code}", code)
            self._take(sock, payload)
        return data

    def _take(self, sock: socket.socket, payload: bytes) -> None:
        kind = payload[:40]
        if b'"leaderboard.' in kind:
            self._show(payload)
        elif b'"ping"' in kind:
            sock.sendall(_frame(1, json.dumps({"type": "pong", "timestamp": "2026-01-01T00:00:00Z"}).encode()))

    def _show(self, payload: bytes) -> None:
        match = _VERSION.search(payload, 0, 200)
        version = int(match[1]) if match else 0
        if version < self.version:
            self.went_back += 1
        now = time.monotonic()
        self.silence = max(self.silence, now - self._board_at)
        if not self.connected:
            self._live_since = now
        self.board, self.version, self._board_at, self.connected = payload, version, now, True
        if self.keeps_times and (rows := self.screen_rows()):
            self.times.append((time.time(), min(row["achieved_at"] for row in rows)))


def _remaining_seconds(deadline: float) -> float:
    """Return the seconds until the deadline; at least a little, since 0 would mean not to wait at all."""
    return max(0.001, deadline - time.monotonic())


def _handshake(sock: socket.socket, host: str, path: str, deadline: float) -> None:
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", ""]
    sock.sendall("\r\n".join(lines).encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):  # the server sends nothing else before our subscribe
        sock.settimeout(_remaining_seconds(deadline))
        data = sock.recv(4096)
        if not data or len(answer) > 16_384:
            raise _Ended("cut off")
        answer += data
        if not answer.startswith(b"HTTP/1.1 101"[: len(answer)]):
            raise _Ended(f"handshake {answer[9:12].decode(errors='replace')}")


def _frame(opcode: int, payload: bytes) -> bytes:
    """Return a client's frame, masked with zeros: the server unmasks it all the same."""
    size = len(payload)
    head = struct.pack("!BB", 0x80 | opcode, 0x80 | size) if size < 126 else struct.pack("!BBH", 0x81, 0xFE, size)
    return head + b"\0\0\0\0" + payload


def _head_length(frame: bytes) -> int:
    """Return the length of the head of an unmasked frame."""
    return {126: 4, 127: 10}.get(frame[1], 2)


def frame_length(data: bytes) -> int | None:
    """Return the length of the unmasked frame at the start, head included; `None` while the head is incomplete."""
    if len(data) < 2 or len(data) < _head_length(data):
        return None
    head = _head_length(data)
    return head + (data[1] if head == 2 else int.from_bytes(data[2:head], "big"))
