"""The subscribers: a process of its own that holds many sockets and notes when each has received a board.

    python -m bench.subscribers PLAN

PLAN is JSON: `{"host", "port", "count", "tokens", "frame", "addresses"}`. Without tokens it connects and says nothing,
for the floor; with them it opens WebSockets and subscribes; they come from so many addresses of this machine, the usual
one if 0. It prints `ready`; then, for each line on standard input, `go`, and
once every socket has received one more whole frame a line of JSON: `{"first", "last", "frames", "size", "versions",
"cpu"}`, `first` and `last` in Unix seconds. The last frame received is written to the file `frame`.
"""

from __future__ import annotations

import base64
import json
import os
import re
import resource
import select
import socket
import struct
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_PATH = "/api/v1/ws/leaderboard"
_TOGETHER = 64  # handshakes under way at the same time
_VERSION = re.compile(rb'"version":(\d+)')
_SECONDS = 60.0


@dataclass(slots=True)
class Round:
    """What came since the last line: `waiting` are the sockets that have not had a frame yet."""

    waiting: set[int]
    first: float = 0.0
    last: float = 0.0
    frames: int = 0
    size: int = 0
    versions: set[int] = field(default_factory=set)

    def take(self, descriptor: int, frame: bytes, now: float) -> None:
        """One whole frame."""
        self.first = self.first or now
        self.last = now
        self.frames += 1
        self.size += len(frame)
        self.waiting.discard(descriptor)
        found = _VERSION.search(frame, 0, 200)
        if found:
            self.versions.add(int(found[1]))


class Subscribers:
    """All sockets, one epoll."""

    def __init__(self, host: str, port: int, addresses: int) -> None:
        self._address = (host, port)
        self._sources = [f"127.1.{number // 250}.{number % 250 + 1}" for number in range(addresses)]
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._rest: dict[int, bytes] = {}
        self.newest = b""

    def connect(self, count: int, tokens: list[str]) -> None:
        """Open them all; with tokens, as WebSockets that have subscribed and received their first board."""
        for start in range(0, count, _TOGETHER):
            batch = [self._open(number) for number in range(start, min(start + _TOGETHER, count))]
            if tokens:
                _handshake(batch, self._address[0])
                for number, one in enumerate(batch, start):
                    one.sendall(_subscribe(tokens[number % len(tokens)]))
            for one in batch:
                one.setblocking(False)
                self._sockets[one.fileno()] = one
                self._poll.register(one.fileno(), select.EPOLLIN)
            if tokens:
                self.receive({one.fileno() for one in batch})

    def receive(self, waiting: set[int] | None = None) -> Round:
        """Read until every socket (or those given) has received one more whole frame."""
        current = Round(set(self._sockets) if waiting is None else waiting)
        deadline = time.monotonic() + _SECONDS
        while current.waiting:
            ready = self._poll.poll(1.0, 512)
            for descriptor, _ in ready:
                self._read(descriptor, current)
            if not ready and time.monotonic() > deadline:
                sys.exit(f"subscribers: {len(current.waiting)} have received nothing for {_SECONDS:.0f} s")
        return current

    def _open(self, number: int) -> socket.socket:
        source = self._sources[number % len(self._sources)] if self._sources else None
        sock = socket.create_connection(self._address, timeout=30, source_address=(source, 0) if source else None)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def _read(self, descriptor: int, current: Round) -> None:
        data = self._sockets[descriptor].recv(65_536)
        now = time.time()
        if not data:
            sys.exit("subscribers: the server closed a socket")
        if descriptor in self._rest:
            data = self._rest.pop(descriptor) + data
        while data:
            length = _frame_length(data)
            if length is None or len(data) < length:
                self._rest[descriptor] = data
                return
            if data[0] != 0x81 or b'"type":"error"' in data[:60]:
                sys.exit(f"subscribers: {data[:300]!r} instead of a board")
            self.newest, data = data[:length], data[length:]
            current.take(descriptor, self.newest, now)


def _frame_length(data: bytes) -> int | None:
    """Length of the frame at the start, head included; None while the head is incomplete."""
    if len(data) < 4:
        return None
    short = data[1]
    if short < 126:
        return 2 + short
    if short == 126:
        return 4 + int.from_bytes(data[2:4], "big")
    return 10 + int.from_bytes(data[2:10], "big") if len(data) >= 10 else None


def _handshake(batch: list[socket.socket], host: str) -> None:
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [f"GET {_PATH} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", ""]
    for one in batch:
        one.sendall("\r\n".join(lines).encode())
    for one in batch:
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += one.recv(4096) or sys.exit("subscribers: the server closed a socket in its handshake")
        if not answer.startswith(b"HTTP/1.1 101"):
            sys.exit(f"subscribers: {answer[:300]!r} instead of 101")


def _subscribe(token: str) -> bytes:
    payload = json.dumps({"type": "subscribe", "auth": f"Bearer {token}"}).encode()
    # Masked with zeros: the server must undo it all the same, and we need not do it.
    return struct.pack("!BBH", 0x81, 0x80 | 126, len(payload)) + b"\0\0\0\0" + payload


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _play(subscribers: Subscribers, frame: Path) -> None:
    for _ in sys.stdin:
        print("go", flush=True)
        before = _cpu()
        done = subscribers.receive()
        report: dict[str, Any] = {
            "first": done.first,
            "last": done.last,
            "frames": done.frames,
            "size": done.size,
            "versions": sorted(done.versions),
            "cpu": _cpu() - before,
        }
        frame.write_bytes(subscribers.newest)
        print(json.dumps(report), flush=True)


def main() -> None:
    """See the module."""
    plan = json.loads(Path(sys.argv[1]).read_text())
    subscribers = Subscribers(plan["host"], plan["port"], plan["addresses"])
    subscribers.connect(plan["count"], plan["tokens"])
    print("ready", flush=True)
    _play(subscribers, Path(plan["frame"]))


if __name__ == "__main__":
    main()
