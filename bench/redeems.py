"""What a redemption costs, beside pgbench running the same statement on the same PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from app.containers.container import Container
from app.settings import Settings
from bench.accounts import Accounts, cpu, spent
from bench.load import BenchFailed, Load, Request, send
from bench.pgbench import Floor, PgBench
from devstack.stack import Stack

_DRAIN_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Redeems:
    """One number of connections. `cpu_ms`: per redemption by kind of process; `client_ms`: the load generator's."""

    connections: int
    redeemed: int
    rate: float
    p50_ms: float
    p99_ms: float
    cpu_ms: Accounts
    client_ms: float
    floor: Floor | None

    @property
    def total_ms(self) -> float:
        """CPU of the whole product per redemption."""
        return sum(self.cpu_ms.values())

    @property
    def share(self) -> float | None:
        """Redemptions a second as a part of what pgbench does."""
        return self.rate / self.floor.rate if self.floor else None


def measure(stack: Stack, requests: list[Request], connections: int, floor: Callable[[], Floor] | None) -> Redeems:
    """Redeem all of it, then wait until every change has reached the board: that is part of the cost."""
    before: list[Accounts] = []
    load = send(stack.url, requests, connections=connections, at_start=lambda: before.append(cpu(stack)))
    wait_until_drained(stack)
    used = spent(before[0], cpu(stack))
    return _report(connections, load, used, floor() if floor else None)


def _report(connections: int, load: Load, used: Accounts, floor: Floor | None) -> Redeems:
    each = 1000 / load.answers
    return Redeems(
        connections,
        load.answers,
        load.rate,
        load.p50 * 1000,
        load.p99 * 1000,
        {name: seconds * each for name, seconds in used.items()},
        load.cpu * each,
        floor,
    )


def floors(pgbench: PgBench, connections: int, seconds: int) -> Callable[[], Floor]:
    """The floor for so many connections, to be run beside."""
    return lambda: pgbench.run(connections, seconds)


def wait_until_drained(stack: Stack) -> None:
    """Until no change waits in the outbox; BenchFailed when that takes too long."""
    deadline = time.monotonic() + _DRAIN_SECONDS
    with psycopg.connect(stack.postgres.url, autocommit=True) as connection:
        while _one(connection, "SELECT count(*) FROM outbox"):
            if time.monotonic() > deadline:
                raise BenchFailed(f"changes still wait in the outbox {_DRAIN_SECONDS:.0f} s after the last redemption")
            time.sleep(0.02)
    time.sleep(0.3)  # the task that the last of them became


def check(stack: Stack, redeemed: int) -> None:
    """The ledger, the standings and Redis agree, with exactly `redeemed` redemptions and no suspicion; or BenchFailed.

    Suspicion would mean that something else than an ordinary redemption was measured.
    """
    with psycopg.connect(stack.postgres.url) as connection:
        events = _one(connection, "SELECT count(*) FROM score_events")
        points = _one(connection, "SELECT coalesce(sum(points), 0)::bigint FROM score_events")
        scores = _one(connection, "SELECT coalesce(sum(score), 0)::bigint FROM standings")
        signals = _one(connection, "SELECT count(*) FROM signals")
        durable = connection.execute("SHOW synchronous_commit").fetchone()
        forced = connection.execute("SHOW fsync").fetchone()
    if (events, points) != (redeemed, scores):
        raise BenchFailed(f"{redeemed} answers, {events} events of {points} points, standings of {scores}")
    if signals:
        raise BenchFailed(f"anti-cheat saw {signals} signals: these were no ordinary redemptions")
    if (durable, forced) != (("on",), ("on",)):
        raise BenchFailed(f"commits were not durable: synchronous_commit {durable}, fsync {forced}")
    _check_board(stack)


def _check_board(stack: Stack) -> None:
    container = Container(Settings.from_env(stack.env))
    try:
        differences = container.refresh.verify(container.standings.season("main"))
    finally:
        container.close()
    if differences:
        raise BenchFailed(f"{len(differences)} differences between Redis and the database, such as {differences[0]}")


def _one(connection: psycopg.Connection, query: str) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])
