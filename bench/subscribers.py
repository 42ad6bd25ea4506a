"""The subscribers: a process of its own that holds many sockets and notes when each has received a board.

    python -m bench.subscribers PLAN

PLAN is JSON: `{"host", "port", "count", "tokens", "frame", "addresses"}`. Without tokens it connects and says nothing,
for the floor; with them it opens WebSockets and subscribes. The sockets come from so many addresses of this machine,
the usual one if 0. It prints `ready`; then, for each line on standard input, it prints `go` and, once every socket has
received one more whole frame, a line of JSON: `{"first", "last", "frames", "size", "versions", "cpu"}`, `first` and
`last` in Unix seconds. The last frame received is written to the file `frame`.
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
_MAX_HANDSHAKES = 64  # handshakes under way at the same time
_VERSION = re.compile(rb'"version":(\d+)')
_TIMEOUT_SECONDS = 60.0


@dataclass(slots=True)
class Round:
    """The frames since the last line; `waiting_sockets` have not had a frame yet."""

    waiting_sockets: set[int]
    first: float = 0.0
    last: float = 0.0
    frames: int = 0
    size: int = 0
    versions: set[int] = field(default_factory=set)

    def take(self, descriptor: int, frame: bytes, now: float) -> None:
        """Count one whole frame."""
        self.first = self.first or now
        self.last = now
        self.frames += 1
        self.size += len(frame)
        self.waiting_sockets.discard(descriptor)
        match = _VERSION.search(frame, 0, 200)
        if match:
            self.versions.add(int(match[1]))


class Subscribers:
    """All sockets, with one epoll."""

    def __init__(self, host: str, port: int, addresses: int) -> None:
        self._address = (host, port)
        self._sources = [f"127.1.{number // 250}.{number % 250 + 1}" for number in range(addresses)]
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._partial_frames: dict[int, bytes] = {}
        self.newest = b""

    def connect(self, count: int, tokens: list[str]) -> None:
        """Open all sockets; with tokens, as WebSockets that have subscribed and received their first board."""
        for start in range(0, count, _MAX_HANDSHAKES):
            batch = [self._open(number) for number in range(start, min(start + _MAX_HANDSHAKES, count))]
            if tokens:
                _handshake(batch, self._address[0])
                for number, sock in enumerate(batch, start):
                    sock.sendall(_subscribe(tokens[number % len(tokens)]))
            for sock in batch:
                sock.setblocking(False)
                self._sockets[sock.fileno()] = sock
                self._poll.register(sock.fileno(), select.EPOLLIN)
            if tokens:
                self.receive({sock.fileno() for sock in batch})

    def receive(self, waiting: set[int] | None = None) -> Round:
        """Read until every socket, or every descriptor in `waiting`, has received one more whole frame."""
        current = Round(set(self._sockets) if waiting is None else waiting)
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while current.waiting_sockets:
            ready = self._poll.poll(1.0, 512)
            for descriptor, _ in ready:
                self._read(descriptor, current)
            if not ready and time.monotonic() > deadline:
                sys.exit(
                    f"subscribers: {len(current.waiting_sockets)} have received nothing for {_TIMEOUT_SECONDS:.0f} s"
                )
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
        if descriptor in self._partial_frames:
            data = self._partial_frames.pop(descriptor) + data
        while data:
            length = _frame_length(data)
            if length is None or len(data) < length:
                self._partial_frames[descriptor] = data
                return
            if data[0] != 0x81 or b'"type":"error"' in data[:60]:
                sys.exit(f"subscribers: {data[:300]!r} instead of a board")
            self.newest, data = data[:length], data[length:]
            current.take(descriptor, self.newest, now)


def _frame_length(data: bytes) -> int | None:
    """Return the length of the frame at the start, head included; `None` while the head is incomplete."""
    if len(data) < 4:
        return None
    length = data[1]
    if length < 126:
        return 2 + length
    if length == 126:
        return 4 + int.from_bytes(data[2:4], "big")
    return 10 + int.from_bytes(data[2:10], "big") if len(data) >= 10 else None


def _handshake(batch: list[socket.socket], host: str) -> None:
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [f"GET {_PATH} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", ""]
    for sock in batch:
        sock.sendall("\r\n".join(lines).encode())
    for sock in batch:
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += sock.recv(4096) or sys.exit("subscribers: the server closed a socket in its handshake")
        if not answer.startswith(b"HTTP/1.1 101"):
            sys.exit(f"subscribers: {answer[:300]!r} instead of 101")


def _subscribe(token: str) -> bytes:
    payload = json.dumps({"type": "subscribe", "auth": f"Bearer {token}"}).encode()
    # Mask with zeros: the server must unmask it all the same, and we need not.
    return struct.pack("!BBH", 0x81, 0x80 | 126, len(payload)) + b"\0\0\0\0" + payload


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _serve_rounds(subscribers: Subscribers, frame: Path) -> None:
    for _ in sys.stdin:
        print("go", flush=True)
        before = _cpu()
        received = subscribers.receive()
        report: dict[str, Any] = {
            "first": received.first,
            "last": received.last,
            "frames": received.frames,
            "size": received.size,
            "versions": sorted(received.versions),
            "cpu": _cpu() - before,
        }
        frame.write_bytes(subscribers.newest)
        print(json.dumps(report), flush=True)


def main() -> None:
    """Carry out the plan, as the module says."""
    plan = json.loads(Path(sys.argv[1]).read_text())
    subscribers = Subscribers(plan["host"], plan["port"], plan["addresses"])
    subscribers.connect(plan["count"], plan["tokens"])
    print("ready", flush=True)
    _serve_rounds(subscribers, Path(plan["frame"]))


if __name__ == "__main__":
    main()
