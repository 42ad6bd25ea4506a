"""Subscribers who come back whenever they are cut off, and remember what their screen shows."""

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

_PATH = "/api/v1/ws/leaderboard"
_VERSION = re.compile(rb'"version":(\d+)')
_QUIET_SECONDS = 75.0  # two pings missed: the connection is dead
_FIRST_SECONDS = 10.0
_MOST_PAUSE_SECONDS = 4.0


class _Ended(Exception):
    """The connection is over; the text says how, as a client would see it."""


class Watcher:
    """One screen. `board` is the newest message with a board on it, as it came."""

    def __init__(self, address: tuple[str, int], token: str, endings: Counter[str]) -> None:
        self._address, self._token, self._endings = address, token, endings
        # Kept by the client, as the page does: the load balancer sends it to the same server again.
        self._path = f"{_PATH}?client={uuid.uuid4().hex}"
        self.connected = False
        self.board = b""
        self.version = 0
        self.went_back = 0
        self._heard_at = 0.0
        self._failures = 0
        self.silence = 0.0

    def watch(self) -> None:
        """For ever: connect, subscribe, read; again after a random pause when it ends, longer after each failure."""
        while True:
            self._failures += 1
            try:
                self._converse()
            except _Ended as ending:
                self._endings[str(ending)] += 1
            except OSError:
                self._endings["no connection"] += 1
            self.connected = False
            gevent.sleep(random.uniform(0.1, min(_MOST_PAUSE_SECONDS, 0.3 * 2**self._failures)))

    def begin_phase(self) -> None:
        """Count silence from now on."""
        self._heard_at, self.silence, self.went_back = time.monotonic(), 0.0, 0

    def shown(self) -> list[dict[str, Any]]:
        """The rows on this screen."""
        rows: list[dict[str, Any]] = json.loads(self.board)["data"] if self.board else []
        return rows

    def _converse(self) -> None:
        with socket.create_connection(self._address, timeout=_FIRST_SECONDS) as sock:
            _shake_hands(sock, self._address[0], self._path)
            sock.sendall(_frame(1, json.dumps({"type": "subscribe", "auth": f"Bearer {self._token}"}).encode()))
            rest = b""
            while True:
                data = sock.recv(65_536)
                if not data:
                    raise _Ended("cut off")
                rest = self._read(sock, rest + data)
                sock.settimeout(_QUIET_SECONDS)

    def _read(self, sock: socket.socket, data: bytes) -> bytes:
        """Take the whole frames; what is left."""
        while (length := frame_length(data)) is not None and len(data) >= length:
            frame, data = data[:length], data[length:]
            payload = frame[_head(frame) :]
            if frame[0] == 0x88:
                raise _Ended(f"closed with {struct.unpack('!H', payload[:2])[0] if len(payload) >= 2 else 'no code'}")
            self._take(sock, payload)
        return data

    def _take(self, sock: socket.socket, payload: bytes) -> None:
        kind = payload[:40]
        if b'"leaderboard.' in kind:
            self._show(payload)
        elif b'"ping"' in kind:
            sock.sendall(_frame(1, json.dumps({"type": "pong", "timestamp": "2026-01-01T00:00:00Z"}).encode()))

    def _show(self, payload: bytes) -> None:
        found = _VERSION.search(payload, 0, 200)
        version = int(found[1]) if found else 0
        if version < self.version:
            self.went_back += 1
        now = time.monotonic()
        self.silence = max(self.silence, now - self._heard_at)
        self.board, self.version, self._heard_at, self.connected = payload, version, now, True
        self._failures = 0


def _shake_hands(sock: socket.socket, host: str, path: str) -> None:
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", ""]
    sock.sendall("\r\n".join(lines).encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):  # nothing else comes before our subscribe
        data = sock.recv(4096)
        if not data or len(answer) > 16_384:
            raise _Ended("cut off")
        answer += data
        if not answer.startswith(b"HTTP/1.1 101"[: len(answer)]):
            raise _Ended(f"handshake {answer[9:12].decode(errors='replace')}")


def _frame(opcode: int, payload: bytes) -> bytes:
    """A client's frame, masked with zeros: the server undoes it all the same."""
    size = len(payload)
    head = struct.pack("!BB", 0x80 | opcode, 0x80 | size) if size < 126 else struct.pack("!BBH", 0x81, 0xFE, size)
    return head + b"\0\0\0\0" + payload


def _head(frame: bytes) -> int:
    """Length of the head of an unmasked frame."""
    return {126: 4, 127: 10}.get(frame[1], 2)


def frame_length(data: bytes) -> int | None:
    """Length of the unmasked frame at the start, head included; None while the head is incomplete."""
    if len(data) < 2 or len(data) < _head(data):
        return None
    head = _head(data)
    return head + (data[1] if head == 2 else int.from_bytes(data[2:head], "big"))
