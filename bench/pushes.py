"""The cost of a pushed board and the delay to the last subscriber, beside a C loop of send(); memory of idle ones."""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median

import psycopg

from bench.accounts import fine_cpu_of, resident
from bench.audience import Audience, FloorServer, Receipt
from bench.load import BenchFailed
from bench.players import BenchPlayer, Redemption, redeem
from devstack.apps import Web
from devstack.stack import Stack

_REST_SECONDS = 0.25  # between two changes: longer than the product merges changes for
_SETTLE_SECONDS = 1.0
_IDLE_SECONDS = 3.0
_PARTS = 4  # the rounds, a multiple of it, are measured in so many parts: their range is the noise of the ratio


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU microseconds for each frame, and milliseconds until the last subscriber had it: median and worst."""

    cpu_us: float
    last_ms: float
    worst_ms: float


@dataclass(frozen=True, slots=True)
class Pushes:
    """The figures for one number of subscribers. `client_us`: the subscribers' own CPU for each frame.

    `idle_ms`: CPU milliseconds a second of the web tier that holds them while nothing changes; `product` is without it.
    `turns` are the ratios of parts of the rounds.
    """

    subscribers: int
    rounds: int
    frame_bytes: int
    product: Cost
    idle_ms: float
    client_us: float
    floor: Cost
    turns: Sequence[float]

    @property
    def ratio(self) -> float:
        """Return the CPU for each push, as a multiple of the floor's."""
        return self.product.cpu_us / self.floor.cpu_us


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of resident memory for each idle subscriber."""

    subscribers: int
    bytes_each: float


@dataclass(frozen=True, slots=True)
class _Part:
    """The rounds of a part, and the web tier's CPU seconds for them."""

    results: list[tuple[float, Receipt]]
    cpu: float

    @property
    def cpu_each(self) -> float:
        return self.cpu / sum(receipt.frames for _, receipt in self.results)


class Pushing:
    """A web tier of its own that holds the sockets; the changes come from redemptions at the stack's own.

    So its CPU is the cost of pushing, without the redemption that caused the push.
    """

    def __init__(self, stack: Stack, players: list[BenchPlayer], redemptions: list[Redemption]) -> None:
        self._stack, self._redemptions = stack, list(redemptions)
        self._tokens = [player.access_token for player in players]

    def memory(self, web: Web, count: int) -> Memory:
        """Measure the memory of `count` subscribers that connect and do nothing."""
        with tempfile.TemporaryDirectory() as name:
            with Audience(Path(name), web.address, 50, self._tokens):
                pass  # the first sockets load code and grow pools: that memory is not theirs
            time.sleep(_SETTLE_SECONDS)
            before = resident(web.pids())
            with Audience(Path(name), web.address, count, self._tokens):
                time.sleep(_SETTLE_SECONDS)
                return Memory(count, (resident(web.pids()) - before) / count)

    def measure(self, web: Web, count: int, rounds: int) -> Pushes:
        """Change the board `rounds` times with `count` subscribers, then let the floor send the same frame as often."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            with Audience(folder, web.address, count, self._tokens) as audience:
                time.sleep(_SETTLE_SECONDS)
                self._round(audience)
                idle = _cpu_while(web, lambda: time.sleep(_IDLE_SECONDS)) / _IDLE_SECONDS
                parts = [self._part(web, audience, rounds // _PARTS, idle) for _ in range(_PARTS)]
            floor_parts = self._floor(folder, count, rounds // _PARTS)
        results = [result for part in parts for result in part.results]
        receipts = [receipt for _, receipt in results]
        frame_count = sum(receipt.frames for receipt in receipts)
        delays = [delay for delay, receipt in results if len(receipt.versions) == 1]
        product = _cost(sum(part.cpu for part in parts), frame_count, delays)
        floor_rounds = [floor_round for part in floor_parts for floor_round in part]
        floor = _cost(
            sum(cpu for _, cpu in floor_rounds), len(floor_rounds) * count, [delay for delay, _ in floor_rounds]
        )
        ratios = [
            part.cpu_each / fmean(cpu / count for _, cpu in floor_part)
            for part, floor_part in zip(parts, floor_parts, strict=True)
        ]
        client = sum(receipt.cpu for receipt in receipts) / frame_count * 1e6
        size = receipts[-1].size // receipts[-1].frames
        return Pushes(count, len(results), size, product, idle * 1000, client, floor, ratios)

    def _part(self, web: Web, audience: Audience, rounds: int, idle: float) -> _Part:
        start = time.monotonic()
        results: list[tuple[float, Receipt]] = []
        cpu = _cpu_while(web, lambda: results.extend(self._round(audience) for _ in range(rounds)))
        return _Part(results, cpu - idle * (time.monotonic() - start))

    def _round(self, audience: Audience) -> tuple[float, Receipt]:
        """Make one change; return the seconds from its row in the ledger to the last subscriber, and the receipt.

        A receipt has several versions when a board was read again meanwhile: such a round has no time of its own.
        """
        audience.listen()
        redemption = self._redemptions.pop()
        web = self._stack.process("web")
        assert isinstance(web, Web)
        redeem(web.url, redemption)
        receipt = audience.wait_for_receipt()
        delay = receipt.last - scored_at(self._stack, redemption.action["action_id"])
        time.sleep(_REST_SECONDS)
        return delay, receipt

    @staticmethod
    def _floor(folder: Path, count: int, rounds: int) -> list[list[tuple[float, float]]]:
        with FloorServer(folder, count) as server, Audience(folder, server.address, count, ()) as audience:
            server.wait_until_ready()
            _floor_round(server, audience)
            return [[_floor_round(server, audience) for _ in range(rounds)] for _ in range(_PARTS)]


def scored_at(stack: Stack, action_id: str) -> float:
    """Return when the score event of an action was written, in Unix seconds."""
    with psycopg.connect(stack.postgres.url) as connection:
        row = connection.execute(
            "SELECT extract(epoch FROM created_at)::float FROM score_events WHERE action_id = %s", (action_id,)
        ).fetchone()
    assert row is not None
    return float(row[0])


def _floor_round(server: FloorServer, audience: Audience) -> tuple[float, float]:
    audience.listen()
    start, cpu = server.send()
    delay = audience.wait_for_receipt().last - start
    time.sleep(_REST_SECONDS)
    return delay, cpu


def _cpu_while(web: Web, work: Callable[[], None]) -> float:
    before = fine_cpu_of(web.pid)
    work()
    return fine_cpu_of(web.pid) - before


def _cost(cpu: float, frames: int, delays: list[float]) -> Cost:
    if not delays:
        raise BenchFailed("no change reached the subscribers alone, without another one beside it")
    return Cost(cpu / frames * 1e6, median(delays) * 1000, max(delays) * 1000)


def allow_many_sockets() -> int:
    """Raise the limit of open files as far as possible, for us and our children; return the limit."""
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    return limit
