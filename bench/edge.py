"""`python -m bench.edge`: the effect of nginx's cache for readers of the public top ten, while the board changes.

nginx and the two API servers are the same each time; requests that carry an id of their own bypass the cache.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.tables import markdown_table
from bench import players
from bench.accounts import cpu_of
from bench.load import BenchFailed, Request, send
from bench.machine import describe
from bench.players import Redemption
from bench.stage import another_web, stage
from devstack.apps import Web
from devstack.child import CannotStart, Child
from devstack.nginx import Nginx
from devstack.stack import Stack

_PATH = "/api/v1/leaderboard/top"
_CONNECTIONS = 32
_CHANGES_A_SECOND = 20
_PLAYERS = 200
_SENT_WITHOUT_WRK = 20_000

Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class ReadRoute:
    """One way to read: answers a second, 99th percentile in milliseconds, CPU milliseconds for 1,000 reads."""

    name: str
    rate: float
    p99_ms: float
    cpu: dict[str, float]


class Changes:
    """Redemptions at a steady pace inside a `with` block, so that the list changes many times a second."""

    def __init__(self, url: str, redemptions: Sequence[Redemption]) -> None:
        self._url, self._redemptions = url, iter(redemptions)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.refused = 0

    def __enter__(self) -> Changes:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(1 / _CHANGES_A_SECOND):
            try:
                players.redeem(self._url, next(self._redemptions))
            except BenchFailed:
                self.refused += 1


def _parts(stack: Stack, servers: Sequence[Web], nginx: Nginx) -> dict[str, list[Child]]:
    other_children = [child for name, child in stack.processes.items() if name not in ("postgres", "redis")]
    return {
        "nginx": [nginx],
        "API servers": list(servers),
        "Redis": [stack.process("redis")],
        "PostgreSQL": [stack.process("postgres")],
        "the rest": other_children,
    }


def _cpu_seconds(parts: dict[str, list[Child]]) -> dict[str, float]:
    return {name: sum(cpu_of(child.pid) for child in children) for name, children in parts.items()}


def _read(url: str, headers: Headers, seconds: float) -> tuple[int, float, float]:
    """Return answers, seconds, and the 99th percentile in milliseconds; by wrk where the system has it."""
    if shutil.which("wrk") is None:
        status = 304 if "If-None-Match" in headers else 200
        requests: list[Request] = [{"method": "GET", "path": _PATH, "headers": headers}]
        load = send(url, requests, connections=_CONNECTIONS, status=status, repeat=_SENT_WITHOUT_WRK)
        return load.answers, load.seconds, load.p99 * 1000
    command = ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{seconds:g}s", "--latency"]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    output = subprocess.run([*command, url + _PATH], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        raise BenchFailed(f"wrk: {output.strip().splitlines()[-3:]}")
    count = re.search(r"(\d+) requests in ([\d.]+)s", output)
    slowest = re.search(r"99%\s+([\d.]+)(us|ms|s)", output)
    if count is None or slowest is None:
        raise BenchFailed("wrk printed unexpected output")
    scale = {"us": 0.001, "ms": 1.0, "s": 1000.0}[slowest[2]]
    return int(count[1]), float(count[2]), float(slowest[1]) * scale


def _etag(url: str) -> str:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    connection.request("GET", _PATH)
    return connection.getresponse().headers["ETag"]


@contextlib.contextmanager
def _behind_nginx(stack: Stack) -> Iterator[tuple[Nginx, list[Web]]]:
    with another_web(stack, Web) as first, another_web(stack, Web) as second:
        addresses = [first.address, second.address]
        nginx = Nginx(stack.folder.path / "nginx", stack.folder.log("nginx"), api=addresses, ws=addresses)
        nginx.start()
        try:
            yield nginx, [first, second]
        finally:
            nginx.stop()


def measure(seconds: float) -> tuple[list[ReadRoute], str]:
    """Return each way, measured for `seconds`, and the machine; the changes' own CPU time is subtracted."""
    with stage("redis", _say, {"WEB_WORKERS": "1", "TRUSTED_PROXIES": "1"}) as stack, _behind_nginx(stack) as edge:
        nginx, servers = edge
        people = players.register(stack.url, _PLAYERS)
        redemptions = round(_CHANGES_A_SECOND * seconds * 6)
        redeems = players.issue(stack.url, people, -(-redemptions // _PLAYERS))
        parts = _parts(stack, servers, nginx)
        with Changes(stack.url, redeems) as changes:
            _read(nginx.url, {}, 1)
            idle = _measure_idle(parts, seconds)
            ways = [
                _measure_way("past the cache", nginx, {"X-Request-ID": "bench"}, parts, idle, seconds),
                _measure_way("from the cache", nginx, {}, parts, idle, seconds),
                _measure_way(
                    "from the cache, with the ETag", nginx, {"If-None-Match": _etag(nginx.url)}, parts, idle, seconds
                ),
            ]
        if changes.refused:
            raise BenchFailed(f"{changes.refused} redemptions were refused")
        return ways, describe(stack)["machine"]


def _measure_idle(parts: dict[str, list[Child]], seconds: float) -> dict[str, float]:
    """Return the CPU seconds a second while no client reads."""
    before = _cpu_seconds(parts)
    threading.Event().wait(seconds)
    return {name: (seconds_used - before[name]) / seconds for name, seconds_used in _cpu_seconds(parts).items()}


def _measure_way(
    name: str, nginx: Nginx, headers: Headers, parts: dict[str, list[Child]], idle: dict[str, float], seconds: float
) -> ReadRoute:
    _say(f"Reading {name}")
    before = _cpu_seconds(parts)
    answers, duration, p99_ms = _read(nginx.url, headers, seconds)
    after = _cpu_seconds(parts)
    cpu = {part: 1e6 * (after[part] - before[part] - idle[part] * duration) / answers for part in after}
    return ReadRoute(name, answers / duration, p99_ms, cpu)


def rendered(ways: Sequence[ReadRoute]) -> str:
    """Return the table for docs/operations/nginx.md."""
    names = list(ways[0].cpu)
    head = ["top ten", "reads/s", "99% within", "CPU ms for 1,000 reads", *names]
    rows = [
        [way.name, f"{way.rate:,.0f}", f"{way.p99_ms:.1f} ms", f"{sum(way.cpu.values()):,.0f}"]
        + [f"{max(0.0, way.cpu[name]):,.1f}" for name in names]
        for way in ways
    ]
    return markdown_table(rows, head)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.edge", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8, help="for each way (default 8)")
    try:
        ways, machine = measure(parser.parse_args().seconds)
    except (BenchFailed, CannotStart) as error:
        sys.exit(f"bench: {error}")
    print(f"{machine}; {_CONNECTIONS} connections, {_CHANGES_A_SECOND} redemptions a second meanwhile\n")
    print(rendered(ways))


if __name__ == "__main__":
    main()
