"""The load generator: a process of its own that sends prepared HTTP requests over keep-alive connections.

    python -m bench.client PLAN ANSWERS

PLAN is JSON: `{"host", "port", "connections", "status", "needle", "keep", "requests": [{"method", "path", "headers",
"body"}], "repeat"}`. The generator renders the requests and opens the connections, prints `ready`, waits for a line on
standard input, sends, and writes to ANSWERS: `{"answers", "seconds", "cpu", "p50", "p99", "bodies"}`. An answer with
another status, or without `needle` in it, ends it with exit code 1.
"""

from __future__ import annotations

import json
import resource
import select
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, repeat
from pathlib import Path
from typing import Any

_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


class Unexpected(Exception):
    """The server's answer differs from the plan."""


@dataclass(slots=True)
class Connection:
    """One keep-alive connection with at most one request in flight."""

    sock: socket.socket
    start: float = 0.0
    index: int = 0
    buffer: bytes = b""


@dataclass(slots=True)
class Tally:
    """The answers so far, with their latencies in seconds."""

    status: bytes
    needle: bytes
    keep: bool
    latencies: list[float] = field(default_factory=list)
    bodies: dict[int, str] = field(default_factory=dict)

    def take(self, index: int, answer: bytes, seconds: float) -> None:
        """Count one whole answer. Raises `Unexpected` unless it matches the plan."""
        if answer[9:12] != self.status or self.needle not in answer:
            raise Unexpected(f"request {index}: {answer[:600]!r}")
        self.latencies.append(seconds)
        if self.keep:
            self.bodies[index] = answer.partition(_END)[2].decode()


def render(host: str, request: dict[str, Any]) -> bytes:
    """Return the bytes of a request on the wire."""
    body = json.dumps(request["body"]).encode() if request.get("body") is not None else b""
    lines = [f"{request['method']} {request['path']} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in request.get("headers", {}).items()]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + _END + body


def _is_complete(buffer: bytes) -> bool:
    head = buffer.find(_END)
    if head < 0:
        return False
    start = buffer[:head].lower().find(_LENGTH)
    if start < 0:
        return True
    length = int(buffer[start + len(_LENGTH) : head].split(b"\r\n", 1)[0])
    return len(buffer) >= head + len(_END) + length


def run(connections: list[Connection], requests: Iterator[tuple[int, bytes]], tally: Tally) -> float:
    """Send everything, each connection as fast as it is answered; return the seconds until the last answer."""
    poll = select.epoll()
    by_descriptor = {connection.sock.fileno(): connection for connection in connections}
    start = time.perf_counter()
    busy = 0
    for connection in connections:
        poll.register(connection.sock.fileno(), select.EPOLLIN)
        busy += _send_next(connection, requests)
    while busy:
        for descriptor, _ in poll.poll():
            connection = by_descriptor[descriptor]
            data = connection.sock.recv(262_144)
            if not data:
                raise Unexpected(f"request {connection.index}: the server closed the connection")
            connection.buffer = connection.buffer + data if connection.buffer else data
            if _is_complete(connection.buffer):
                tally.take(connection.index, connection.buffer, time.perf_counter() - connection.start)
                connection.buffer = b""
                busy -= not _send_next(connection, requests)
    return time.perf_counter() - start


def _send_next(connection: Connection, requests: Iterator[tuple[int, bytes]]) -> bool:
    numbered_request = next(requests, None)
    if numbered_request is None:
        return False
    connection.index, wire = numbered_request
    connection.start = time.perf_counter()
    connection.sock.sendall(wire)
    return True


def _connect(host: str, port: int) -> Connection:
    sock = socket.create_connection((host, port), timeout=60)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Connection(sock)


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Carry out the plan, as the module says."""
    plan = json.loads(Path(sys.argv[1]).read_text())
    wires = list(enumerate(render(plan["host"], request) for request in plan["requests"]))
    tally = Tally(str(plan["status"]).encode(), plan.get("needle", "").encode(), plan.get("keep", False))
    print("ready", flush=True)
    sys.stdin.readline()
    connections = [_connect(plan["host"], plan["port"]) for _ in range(plan["connections"])]
    before = _cpu()
    try:
        seconds = run(connections, chain.from_iterable(repeat(wires, plan.get("repeat", 1))), tally)
    except (Unexpected, OSError) as error:
        sys.exit(f"load generator: {error}")
    used = _cpu() - before
    ordered = sorted(tally.latencies)
    result = {
        "answers": len(ordered),
        "seconds": seconds,
        "cpu": used,
        "p50": ordered[len(ordered) // 2],
        "p99": ordered[len(ordered) * 99 // 100],
        "bodies": [tally.bodies[index] for index in sorted(tally.bodies)],
    }
    Path(sys.argv[2]).write_text(json.dumps(result))


if __name__ == "__main__":
    main()
