"""Redemptions through nginx on one to three API servers of the cluster: the rate, and the CPU by kind of process."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

import psutil
import psycopg

from bench import players
from bench.accounts import Accounts, cpu, fine_cpu_of, spent
from bench.load import Load, Request, send
from bench.players import ACTION_TYPE, BenchPlayer, Redemption
from bench.redeems import check, wait_until_drained
from devstack.apps import Web
from devstack.cluster import API_SERVERS, Cluster

CONNECTIONS = 64
_PLAYERS = 1000
_WARM_UP = 300
_TURN = 600
_TURNS = 3  # for each number of servers
_STOPPED = 3000  # redemptions while the relay stands still, which then takes full batches
_IDLE_SECONDS = 15.0
_SETTLE_SECONDS = 3.0  # for workers that still have tasks
_RELOAD_SECONDS = 1.0
_DATABASE = """
    SELECT pg_current_wal_lsn() - '0/0'::pg_lsn, pg_total_relation_size('score_events'),
           (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()),
           (SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal')
"""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Turn:
    """Redemptions on `servers`: their rate, and CPU milliseconds of each by kind of process, without the idle load.

    `client_ms`: the load generator's; `others`: cores that programs outside of the measurement used meanwhile.
    """

    servers: int
    rate: float
    cpu_ms: Accounts
    client_ms: float
    others: float

    @property
    def total_ms(self) -> float:
        """Return the CPU of the whole product per redemption."""
        return sum(self.cpu_ms.values())


@dataclass(frozen=True, slots=True)
class Writes:
    """The primary's work for each redemption of all turns: bytes of WAL, bytes of the ledger, commits, WAL flushes."""

    wal_bytes: float
    ledger_bytes: float
    commits: float
    flushes: float


@dataclass(frozen=True, slots=True)
class Run:
    """All turns. `idle`: cores by kind while nothing happens; `issue_ms`: CPU of an action's start, by kind.

    `full_batch_ms`: CPU by kind for each redemption after its commit, when the relay takes full batches.
    """

    turns: Sequence[Turn]
    idle: Accounts
    issue_ms: Accounts
    full_batch_ms: Accounts
    writes: Writes

    def on(self, servers: int) -> Turn:
        """Return the sum of the turns on so many servers."""
        turns = [turn for turn in self.turns if turn.servers == servers]
        return Turn(
            servers,
            len(turns) / sum(1 / turn.rate for turn in turns),
            {kind: fmean(turn.cpu_ms[kind] for turn in turns) for kind in turns[0].cpu_ms},
            fmean(turn.client_ms for turn in turns),
            fmean(turn.others for turn in turns),
        )

    def mean_ms(self, kind: str) -> float:
        """Return the CPU of this kind of process per redemption in all turns, in milliseconds."""
        return fmean(turn.cpu_ms[kind] for turn in self.turns)

    def spread(self, servers: int) -> float:
        """Return half of the range of the turns' CPU per redemption as a share of their median."""
        totals = [turn.total_ms for turn in self.turns if turn.servers == servers]
        return (max(totals) - min(totals)) / 2 / median(totals)


def measure(cluster: Cluster, say: Say) -> Run:
    """Measure in turns on one, two and three of the API servers. Raises `BenchFailed` for figures that mean nothing."""
    say(f"Registering {_PLAYERS} players")
    people = players.register(cluster.url, _PLAYERS)
    say(f"{_IDLE_SECONDS:.0f} s of rest")
    time.sleep(_SETTLE_SECONDS)
    before = _kinds(cluster)
    time.sleep(_IDLE_SECONDS)
    idle = {kind: seconds / _IDLE_SECONDS for kind, seconds in spent(before, _kinds(cluster)).items()}
    count = _WARM_UP + _TURN * _TURNS * API_SERVERS + _STOPPED
    say(f"Starting {count:,} actions")
    actions, issue_ms = _issue(cluster, people, -(-count // _PLAYERS), idle)
    stream = iter(actions)
    _redeem(cluster, [next(stream) for _ in range(_WARM_UP)], API_SERVERS, idle)
    first = _database(cluster)
    turns = []
    for number in range(_TURNS):
        for servers in range(1, API_SERVERS + 1):
            turns.append(_redeem(cluster, [next(stream) for _ in range(_TURN)], servers, idle))
            say(f"Turn {number + 1}, {servers} servers: {turns[-1].rate:,.0f}/s, {turns[-1].total_ms:.2f} ms")
    last = _database(cluster)
    written = [(after - earlier) / (_TURN * len(turns)) for earlier, after in zip(first, last, strict=True)]
    full_batch_ms = _full_batches(cluster, [next(stream) for _ in range(_STOPPED)], idle)
    check(cluster, count)
    return Run(turns, idle, issue_ms, full_batch_ms, Writes(*written))


def _issue(
    cluster: Cluster, people: list[BenchPlayer], each: int, idle: Mapping[str, float]
) -> tuple[list[Redemption], Accounts]:
    order = random.Random(1)
    turns = [player for _ in range(each) for player in order.sample(people, len(people))]
    requests: list[Request] = [
        {"method": "POST", "path": "/api/v1/actions", "headers": player.headers, "body": {"action_type": ACTION_TYPE}}
        for player in turns
    ]
    start, before = time.monotonic(), _kinds(cluster)
    load = send(cluster.url, requests, connections=CONNECTIONS, status=201, keep=True)
    seconds, used = time.monotonic() - start, spent(before, _kinds(cluster))
    actions = [Redemption(player, json.loads(body)["data"]) for player, body in zip(turns, load.bodies, strict=True)]
    return actions, _per_call(used, idle, seconds, load.answers)


def _redeem(cluster: Cluster, redemptions: list[Redemption], servers: int, idle: Mapping[str, float]) -> Turn:
    """Redeem all of it on the first `servers` of the API servers, and wait until every change has reached the board."""
    _use(cluster, servers)
    started: list[tuple[float, Accounts, float]] = []
    load = send(
        cluster.url,
        [redemption.request for redemption in redemptions],
        connections=CONNECTIONS,
        at_start=lambda: started.append((time.monotonic(), _kinds(cluster), _busy_seconds())),
    )
    start, before, busy_before = started[0]
    busy = _busy_seconds() - busy_before
    at_end = spent(before, _kinds(cluster))
    wait_until_drained(cluster)
    used = spent(before, _kinds(cluster))
    return _turn(servers, load, _per_call(used, idle, time.monotonic() - start, load.answers), busy, at_end)


def _full_batches(cluster: Cluster, redemptions: list[Redemption], idle: Mapping[str, float]) -> Accounts:
    """Redeem while the relay stands still; return the CPU from its return until all changes have left the outbox."""
    relay = cluster.process("relay")
    os.kill(relay.pid, signal.SIGSTOP)
    try:
        send(cluster.url, [redemption.request for redemption in redemptions], connections=CONNECTIONS)
        start, before = time.monotonic(), _kinds(cluster)
    finally:
        os.kill(relay.pid, signal.SIGCONT)
    wait_until_drained(cluster)
    time.sleep(_SETTLE_SECONDS)
    return _per_call(spent(before, _kinds(cluster)), idle, time.monotonic() - start, len(redemptions))


def _turn(servers: int, load: Load, cpu_ms: Accounts, busy: float, at_end: Accounts) -> Turn:
    others = max(0.0, (busy - sum(at_end.values()) - load.cpu) / load.seconds)
    return Turn(servers, load.rate, cpu_ms, load.cpu * 1000 / load.answers, others)


def _per_call(used: Accounts, idle: Mapping[str, float], seconds: float, calls: int) -> Accounts:
    return {kind: max(0.0, used[kind] - idle[kind] * seconds) * 1000 / calls for kind in used}


def _use(cluster: Cluster, servers: int) -> None:
    """Let nginx send requests to the first `servers` of the API servers alone."""
    cluster.nginx.api = [server.address for server in _api_servers(cluster)[:servers]]
    cluster.nginx.reload()
    time.sleep(_RELOAD_SECONDS)


def _api_servers(cluster: Cluster) -> list[Web]:
    servers = [cluster.process(f"api-{number}") for number in range(1, API_SERVERS + 1)]
    return [server for server in servers if isinstance(server, Web)]


def _kinds(cluster: Cluster) -> Accounts:
    """Return the CPU seconds so far by kind: each Redis master apart, the busiest of which has the board.

    Those of processes that use little and don't fork are to the nanosecond: a turn costs a master a few ticks.
    """
    masters = {node.name: f"Redis {number}" for number, node in enumerate(cluster.redis.nodes[:3], 1)}
    fine = {name: fine_cpu_of(child.pid) for name, child in cluster.processes.items() if name.startswith(_FINE)}
    accounts: Accounts = {}
    for name, seconds in (cpu(cluster) | fine).items():
        kind = masters.get(name) or _KINDS.get(name.partition("-")[0], name)
        accounts[kind] = accounts.get(kind, 0.0) + seconds
    return accounts


_FINE = ("redis", "relay", "worker", "rabbitmq")
_KINDS = {
    "api": "web",
    "ws": "WebSocket servers",
    "replica": "standbys",
    "redis": "Redis replicas",
    "epmd": "RabbitMQ",
    "rabbitmq": "RabbitMQ",
    "postgres": "PostgreSQL",
    "worker": "workers",
}


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def _database(cluster: Cluster) -> list[float]:
    with psycopg.connect(cluster.postgres.url, autocommit=True) as connection:
        row = connection.execute(_DATABASE).fetchone()
    assert row is not None
    return [float(value) for value in row]
