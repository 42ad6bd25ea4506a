"""The load generator: a process of its own that sends prepared HTTP requests over keep-alive connections.

    python -m bench.client PLAN ANSWERS

PLAN is JSON: `{"host", "port", "connections", "status", "needle", "keep", "requests": [{"method", "path",
"headers", "body"}], "repeat"}`. Requests are rendered and connections opened first; then it says `ready`, waits for a
line on standard input, sends, and writes to ANSWERS: `{"answers", "seconds", "cpu", "p50", "p99", "bodies"}`.
An answer with another status, or without `needle` in it, ends it with exit code 1.
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
    """The server answered otherwise than the plan says."""


@dataclass(slots=True)
class Connection:
    """One keep-alive connection with at most one request on its way."""

    sock: socket.socket
    began: float = 0.0
    index: int = 0
    got: bytes = b""


@dataclass(slots=True)
class Tally:
    """What came back. `seconds` is the time from the first request to the last answer."""

    status: bytes
    needle: bytes
    keep: bool
    latencies: list[float] = field(default_factory=list)
    bodies: dict[int, str] = field(default_factory=dict)

    def take(self, index: int, answer: bytes, seconds: float) -> None:
        """One whole answer; Unexpected unless it is what the plan says."""
        if answer[9:12] != self.status or self.needle not in answer:
            raise Unexpected(f"request {index}: {answer[:600]!r}")
        self.latencies.append(seconds)
        if self.keep:
            self.bodies[index] = answer.partition(_END)[2].decode()


def render(host: str, request: dict[str, Any]) -> bytes:
    """A request as it goes over the wire."""
    body = json.dumps(request["body"]).encode() if request.get("body") is not None else b""
    lines = [f"{request['method']} {request['path']} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in request.get("headers", {}).items()]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + _END + body


def _whole(got: bytes) -> bool:
    head = got.find(_END)
    if head < 0:
        return False
    start = got[:head].lower().find(_LENGTH)
    if start < 0:
        return True
    length = int(got[start + len(_LENGTH) : head].split(b"\r\n", 1)[0])
    return len(got) >= head + len(_END) + length


def run(connections: list[Connection], requests: Iterator[tuple[int, bytes]], tally: Tally) -> float:
    """Send everything, each connection as fast as it is answered; the seconds it took."""
    poll = select.epoll()
    by_descriptor = {one.sock.fileno(): one for one in connections}
    began = time.perf_counter()
    busy = 0
    for one in connections:
        poll.register(one.sock.fileno(), select.EPOLLIN)
        busy += _send_next(one, requests)
    while busy:
        for descriptor, _ in poll.poll():
            one = by_descriptor[descriptor]
            data = one.sock.recv(262_144)
            if not data:
                raise Unexpected(f"request {one.index}: the server closed the connection")
            one.got = one.got + data if one.got else data
            if _whole(one.got):
                tally.take(one.index, one.got, time.perf_counter() - one.began)
                one.got = b""
                busy -= not _send_next(one, requests)
    return time.perf_counter() - began


def _send_next(one: Connection, requests: Iterator[tuple[int, bytes]]) -> bool:
    following = next(requests, None)
    if following is None:
        return False
    one.index, wire = following
    one.began = time.perf_counter()
    one.sock.sendall(wire)
    return True


def _connect(host: str, port: int) -> Connection:
    sock = socket.create_connection((host, port), timeout=60)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Connection(sock)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """See the module."""
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
