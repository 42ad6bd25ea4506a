"""`python -m bench.crowd`: the time until the last of 10,000 subscribers on two WebSocket servers has an update.

The subscribers are connected to the servers directly, then through nginx. More of them need more servers, each with a
process of its own for its subscribers: `--subscribers 100000 --servers 7 --direct` where a process may open 20,000
files. Each round is one redemption at a third
process; its times are read from the product's own log lines, by the request id that runs through all of them.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.tables import markdown_table
from bench import players, pushes
from bench.accounts import fine_cpu_of, resident
from bench.audience import Audience
from bench.load import BenchFailed
from bench.machine import describe
from bench.stage import another_web, stage
from devstack.apps import Web
from devstack.child import CannotStart, Child
from devstack.nginx import Nginx
from devstack.stack import Stack

_PLAYERS = 1000
_REST_SECONDS = 0.3  # between two changes: longer than the product merges changes for
_IDLE_SECONDS = 31.0  # two renewals of every socket
_SETTLE_SECONDS = 2.0
_ADDRESSES = 250  # nginx and the product count connections by address
_MILLISECONDS = re.compile(r"\bmilliseconds=([\d.]+)")

Say = Callable[[str], None]
STEPS = (
    "to the relay's publish",
    "to the worker's end",
    "to the first send",
    "to the last send",
    "to the last receipt",
)


@dataclass(frozen=True, slots=True)
class TimedRedemption:
    """One redemption: milliseconds from its event's row in the ledger, just before the commit, to each of STEPS."""

    steps: tuple[float, ...]

    @property
    def last(self) -> float:
        return self.steps[-1]


@dataclass(frozen=True, slots=True)
class SocketRoute:
    """The subscribers' way to the servers, with its figures.

    `connect_seconds` is the time until all had subscribed, `bytes_each` the servers' resident memory for each of them.
    By part: `idle_ms`, CPU milliseconds a second while nothing changes; `busy_ms`, CPU milliseconds for one round
    without those. The subscribers' own are included.
    """

    name: str
    servers: int
    connect_seconds: float
    bytes_each: float
    rounds: list[TimedRedemption]
    idle_ms: dict[str, float]
    busy_ms: dict[str, float]


class SocketStage:
    """A stack with more web processes that hold the sockets."""

    def __init__(self, stack: Stack, servers: Sequence[Web], subscribers: int, say: Say) -> None:
        self._stack, self._servers, self._subscribers, self._say = stack, servers, subscribers, say
        people = players.register(stack.url, _PLAYERS)
        self._tokens = [player.access_token for player in people]
        self._people = people
        self._number = 0

    def measure(
        self, name: str, addresses: Sequence[tuple[str, int]], rounds: int, parts: Sequence[Child]
    ) -> SocketRoute:
        """Measure one way: an equal part of the subscribers connects to each address; count the CPU time of `parts`."""
        changes = players.issue(self._stack.url, self._people[: rounds + 1], 1)
        per_address = self._subscribers // len(addresses)
        self._say(f"{name}: connecting {self._subscribers:,} subscribers")
        memory, start = self._resident(), time.monotonic()
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as exit_stack:
            audiences = []
            for number, address in enumerate(addresses):
                plan_folder = Path(folder) / str(number)
                plan_folder.mkdir()
                audiences.append(Audience(plan_folder, address, per_address, self._tokens, addresses=_ADDRESSES))
            with ThreadPoolExecutor(len(audiences)) as pool:
                list(pool.map(exit_stack.enter_context, audiences))
            connect_seconds = time.monotonic() - start
            time.sleep(_SETTLE_SECONDS)
            bytes_each = (self._resident() - memory) / self._subscribers
            self._say(f"{name}: connected in {connect_seconds:.0f} s, {bytes_each / 1000:.2f} kB each")
            self._round(audiences, changes.pop())
            self._say(f"{name}: {_IDLE_SECONDS:.0f} s of rest")
            parts = [*parts, *(self._stack.process(part) for part in ("redis", "worker", "relay"))]
            idle = {
                part: ms / _IDLE_SECONDS for part, ms in _cpu_while(parts, lambda: time.sleep(_IDLE_SECONDS)).items()
            }
            self._say(f"{name}: {rounds} rounds")
            busy_from = time.monotonic()
            results: list[tuple[TimedRedemption, float]] = []
            busy = _cpu_while(parts, lambda: results.extend(self._round(audiences, change) for change in changes))
            seconds = time.monotonic() - busy_from
            busy = {part: (ms - idle[part] * seconds) / rounds for part, ms in busy.items()}
            busy["subscribers"] = sum(cpu for _, cpu in results) * 1000 / rounds
            rounds_only = [round_times for round_times, _ in results]
            return SocketRoute(name, len(addresses), connect_seconds, bytes_each, rounds_only, idle, busy)

    def _resident(self) -> int:
        return resident(pid for server in self._servers for pid in server.pids())

    def _round(self, audiences: Sequence[Audience], change: players.Redemption) -> tuple[TimedRedemption, float]:
        """Make one redemption; return its times and the subscribers' CPU seconds."""
        self._number += 1
        request_id = f"crowd-{self._number:04}-{int(time.time())}"
        for audience in audiences:
            audience.listen()
        web = self._stack.process("web")
        assert isinstance(web, Web)
        players.redeem(web.url, change, request_id)
        scored_at = pushes.scored_at(self._stack, change.action["action_id"])
        receipts = [audience.wait_for_receipt() for audience in audiences]
        time.sleep(_REST_SECONDS)
        published = _find_log_line(self._stack.folder.log("relay"), request_id, "published")[0]
        refreshed = _find_log_line(self._stack.folder.log("worker"), request_id, "board_refreshed")[0]
        sends = [_find_log_line(server.log, request_id, "board_") for server in self._servers]
        times = (
            published,
            refreshed,
            min(end - duration for end, duration in sends),
            max(end for end, _ in sends),
            max(receipt.last for receipt in receipts),
        )
        return TimedRedemption(tuple((moment - scored_at) * 1000 for moment in times)), sum(
            receipt.cpu for receipt in receipts
        )


def _find_log_line(log: Path, request_id: str, event: str) -> tuple[float, float]:
    """Return when a log line about this request was written (Unix seconds), and the duration in it in seconds.

    A server that had read the board before the news of it came has `board_already_read` instead of `board_pushed`.
    """
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        for line in reversed(log.read_text().splitlines()):
            if request_id in line and event in line:
                duration = _MILLISECONDS.search(line)
                moment = datetime.fromisoformat(line.split(" ", 1)[0].replace("Z", "+00:00")).timestamp()
                return moment, float(duration[1]) / 1000 if duration else 0.0
        time.sleep(0.05)
    raise BenchFailed(f"no line '{event}' about {request_id} in {log.name}")


def _cpu_while(parts: Sequence[Child], work: Callable[[], object]) -> dict[str, float]:
    """Return the CPU milliseconds by the name of the part; parts of the same name are added up."""
    before = [fine_cpu_of(part.pid) for part in parts]
    work()
    used: dict[str, float] = {}
    for part, start in zip(parts, before, strict=True):
        name = part.name.lower()
        used[name] = used.get(name, 0.0) + (fine_cpu_of(part.pid) - start) * 1000
    return used


@contextlib.contextmanager
def _servers(stack: Stack, count: int) -> Iterator[list[Web]]:
    with contextlib.ExitStack() as exit_stack:
        yield [exit_stack.enter_context(another_web(stack, Web)) for _ in range(count)]


@contextlib.contextmanager
def _nginx(stack: Stack, servers: Sequence[Web]) -> Iterator[Nginx]:
    web = stack.process("web")
    assert isinstance(web, Web)
    nginx = Nginx(
        stack.folder.path / "nginx",
        stack.folder.log("nginx"),
        api=[web.address],
        ws=[server.address for server in servers],
    )
    nginx.start()
    try:
        yield nginx
    finally:
        nginx.stop()


def markdown(subscribers: int, ways: Sequence[SocketRoute]) -> str:
    """Return three tables: milliseconds from the commit to each step; CPU of a round; CPU at rest."""
    steps = []
    for way in ways:
        for number, step in enumerate(STEPS):
            values = [round_times.steps[number] for round_times in way.rounds]
            name = way.name if number == 0 else ""
            steps.append([name, step, f"{statistics.median(values):.0f} ms", f"{max(values):.0f} ms"])
    return "\n\n".join(
        (
            f"{subscribers:,} subscribers on {ways[0].servers} servers, {len(ways[0].rounds)} rounds each:",
            markdown_table(steps, ["subscribers come", "", "median", "worst"]),
            *(
                f"{way.name.capitalize()}: {subscribers / way.connect_seconds:,.0f} connects and subscribes a second, "
                f"{way.bytes_each / 1000:.1f} kB of the servers' resident memory for each."
                for way in ways
            ),
            "CPU milliseconds for one round, all its pushes together:",
            _by_part(ways, lambda way: way.busy_ms),
            f"CPU milliseconds a second while nothing changes, signs of life of {subscribers:,} sockets included:",
            _by_part(ways, lambda way: way.idle_ms),
        )
    )


def _by_part(ways: Sequence[SocketRoute], figures: Callable[[SocketRoute], dict[str, float]]) -> str:
    parts = ["web", "nginx", "redis", "worker", "relay", "subscribers"]
    rows = [[way.name, *(f"{figures(way).get(part, 0):.1f}" for part in parts)] for way in ways]
    return markdown_table(rows, ["subscribers come", "WebSocket servers", *parts[1:]])


def _run(stack: Stack, subscribers: int, rounds: int, say: Say, *, servers: int, is_direct: bool) -> list[SocketRoute]:
    with _servers(stack, servers) as webs:
        crowd = SocketStage(stack, webs, subscribers, say)
        ways = [crowd.measure("directly", [web.address for web in webs], rounds, webs)]
        if not is_direct:
            with _nginx(stack, webs) as nginx:
                ways.append(crowd.measure("through nginx", [nginx.address] * servers, rounds, [*webs, nginx]))
    return ways


def main() -> None:
    """Run `python -m bench.crowd`; its --help lists the options."""
    parser = argparse.ArgumentParser(prog="python -m bench.crowd", description=__doc__)
    parser.add_argument("--subscribers", type=int, default=10_000)
    parser.add_argument("--servers", type=int, default=2)
    parser.add_argument("--direct", action="store_true", help="leave nginx out: it holds two descriptors for each")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--broker", choices=("redis", "rabbitmq"), default="rabbitmq")
    arguments = parser.parse_args()
    max_files = pushes.allow_many_sockets()
    per_server = arguments.subscribers // arguments.servers
    if max_files < per_server * 4 // 3 + 500:  # a server keeps a quarter of its descriptors for requests
        sys.exit(
            f"bench: this system allows {max_files} open files; raise its limit (ulimit -Hn), or use more --servers"
        )

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    try:
        with stage(arguments.broker, say, {"WEB_WORKERS": "1", "TRUSTED_PROXIES": "1"}) as stack:
            facts = describe(stack)
            ways = _run(
                stack,
                arguments.subscribers,
                arguments.rounds,
                say,
                servers=arguments.servers,
                is_direct=arguments.direct,
            )
    except (BenchFailed, CannotStart) as error:
        sys.exit(f"bench: {error}")
    print(f"{facts}\n\n{markdown(arguments.subscribers, ways)}")


if __name__ == "__main__":
    main()
