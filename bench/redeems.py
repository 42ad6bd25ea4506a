"""The cost of a redemption, beside pgbench running the same statement on the same PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

import psycopg

from app.containers.container import Container
from app.settings import Settings
from bench.accounts import Accounts, cpu, spent
from bench.load import BenchFailed, Load, send
from bench.pgbench import Floor, PgBench
from bench.players import Redemption
from devstack.group import Group

_DRAIN_SECONDS = 30.0
_SCORES = """
    SELECT coalesce(sum(score), 0)::bigint FROM standings JOIN seasons n ON n.id = season_id
    JOIN boards b ON b.id = n.board_id WHERE b.slug = 'main' AND n.number > 0
"""


@dataclass(frozen=True, slots=True)
class Redeems:
    """One number of connections. `cpu_ms`: per redemption by kind of process; `client_ms`: the load generator's.

    `turns` are the parts that this is the sum of, each with a floor of its own.
    """

    connections: int
    redeemed: int
    rate: float
    p50_ms: float
    p99_ms: float
    cpu_ms: Accounts
    client_ms: float
    floor: Floor | None
    turns: Sequence[Redeems] = ()

    @property
    def total_ms(self) -> float:
        """Return the CPU of the whole product per redemption."""
        return sum(self.cpu_ms.values())

    @property
    def share(self) -> float | None:
        """Return the redemptions a second as a share of pgbench's."""
        return self.rate / self.floor.rate if self.floor else None

    @property
    def cpu_ratio(self) -> float:
        """Return the CPU of the whole product per redemption as a multiple of PostgreSQL's per statement of pgbench."""
        return self.total_ms / self.floor.cpu_ms if self.floor else 0.0

    @property
    def p99_ratio(self) -> float:
        """Return the p99 as a multiple of pgbench's mean time at as many connections."""
        return self.p99_ms * self.floor.rate / self.connections / 1000 if self.floor else 0.0


def measure(
    stack: Group, redemptions: list[Redemption], connections: int, floor: Callable[[], Floor] | None
) -> Redeems:
    """Redeem all of it, then wait until every change has reached the board: that is part of the cost."""
    before: list[Accounts] = []
    requests = [redemption.request for redemption in redemptions]
    load = send(stack.url, requests, connections=connections, at_start=lambda: before.append(cpu(stack)))
    wait_until_drained(stack)
    cpu_seconds = spent(before[0], cpu(stack))
    return _report(connections, load, cpu_seconds, floor() if floor else None)


def sum_of(turns: Sequence[Redeems]) -> Redeems:
    """Return the figures of turns of equal length at the same number of connections; of times, the median turn's."""
    floors = [turn.floor for turn in turns if turn.floor]
    rate = len(turns) / sum(1 / turn.rate for turn in turns)
    return Redeems(
        turns[0].connections,
        sum(turn.redeemed for turn in turns),
        rate,
        median(turn.p50_ms for turn in turns),
        median(turn.p99_ms for turn in turns),
        {kind: fmean(turn.cpu_ms[kind] for turn in turns) for kind in turns[0].cpu_ms},
        fmean(turn.client_ms for turn in turns),
        Floor(fmean(floor.rate for floor in floors), fmean(floor.cpu_ms for floor in floors)) if floors else None,
        turns,
    )


def _report(connections: int, load: Load, cpu_seconds: Accounts, floor: Floor | None) -> Redeems:
    per_answer = 1000 / load.answers
    return Redeems(
        connections,
        load.answers,
        load.rate,
        load.p50 * 1000,
        load.p99 * 1000,
        {name: seconds * per_answer for name, seconds in cpu_seconds.items()},
        load.cpu * per_answer,
        floor,
    )


def floors(pgbench: PgBench, connections: int, seconds: int) -> Callable[[], Floor]:
    """Return a function that measures the floor for so many connections."""
    return lambda: pgbench.run(connections, seconds)


def wait_until_drained(stack: Group) -> None:
    """Wait until no change waits in the outbox. Raises `BenchFailed` when that takes too long."""
    deadline = time.monotonic() + _DRAIN_SECONDS
    with psycopg.connect(stack.postgres.url, autocommit=True) as connection:
        while _count(connection, "SELECT count(*) FROM outbox"):
            if time.monotonic() > deadline:
                raise BenchFailed(f"changes still wait in the outbox {_DRAIN_SECONDS:.0f} s after the last redemption")
            time.sleep(0.02)
    time.sleep(0.3)  # the last change's task still runs


def check(stack: Group, redeemed: int) -> None:
    """Check the run. Raises `BenchFailed` for a wrong number of redemptions, for suspicion, or for a wrong board.

    The ledger, the standings and Redis must agree, with exactly `redeemed` redemptions. Suspicion would mean that the
    measured redemptions were not ordinary ones.
    """
    with psycopg.connect(stack.postgres.url) as connection:
        events = _count(connection, "SELECT count(*) FROM score_events")
        points = _count(connection, "SELECT coalesce(sum(points), 0)::bigint FROM score_events")
        scores = _count(connection, _SCORES)
        signals = _count(connection, "SELECT count(*) FROM signals")
        synchronous_commit = connection.execute("SHOW synchronous_commit").fetchone()
        fsync = connection.execute("SHOW fsync").fetchone()
    if (events, points) != (redeemed, scores):
        raise BenchFailed(f"{redeemed} answers, {events} events of {points} points, standings of {scores}")
    if signals:
        raise BenchFailed(f"anti-cheat saw {signals} signals: these were no ordinary redemptions")
    if (synchronous_commit, fsync) != (("on",), ("on",)):
        raise BenchFailed(f"commits were not durable: synchronous_commit {synchronous_commit}, fsync {fsync}")
    _check_board(stack)


def _check_board(stack: Group) -> None:
    container = Container(Settings.from_env(stack.env))
    try:
        differences = container.board_sync.verify(container.standings.season("main"))
    finally:
        container.close()
    if differences:
        raise BenchFailed(f"{len(differences)} differences between Redis and the database, such as {differences[0]}")


def _count(connection: psycopg.Connection, query: str) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])
