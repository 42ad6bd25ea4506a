"""The measurements on a board: commands, reconcile runs ("proofs") in a worker, reads, and a floor for the rebuild."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis

from app.containers.container import Container
from app.domain.cursors import Cursors, Place
from app.settings import Settings
from bench.accounts import Accounts, cpu, spent
from bench.load import BenchFailed, Request, send
from bench.players import BenchPlayer
from devstack.child import ROOT
from devstack.processes import tree
from devstack.stack import Stack
from workers.broker import plain_app
from workers.publisher import Publisher

_TRIES = 3
_PROOFS = 3
_PROOF_SECONDS = 300.0
_READS = 1000
_WARM_UPS = 30
_BATCH = 1000
_PROVED = re.compile(r"board_(?:proved|corrected)|boards_rebuilt|tick_skipped|task_failed")


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its duration, its CPU seconds and its servers', its peak memory, and the failed tries before it."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    failures: int


@dataclass(frozen=True, slots=True)
class Proofs:
    """The median of some runs of the task, and the peak memory of a process of the worker since its start."""

    seconds: float
    cpu_seconds: float
    worker_seconds: float
    compared: float
    peak_mb: float


def run_command(stack: Stack, *line: str) -> Command:
    """Run `flask …` until it exits with 0. Raises `BenchFailed` after some failures."""
    command = [sys.executable, "-m", "flask", "--app", "wsgi", *line, "--json"]
    for failures in range(_TRIES):
        start, before = time.monotonic(), cpu(stack)
        with subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **stack.env}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process:
            assert process.stderr is not None
            errors = process.stderr.read().decode().strip()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode == 0:
            servers = sum(_pick(spent(before, cpu(stack)), "postgres", "redis"))
            own_seconds = usage.ru_utime + usage.ru_stime
            return Command(time.monotonic() - start, own_seconds + servers, usage.ru_maxrss / 1024, failures)
        print(f"{' '.join(line)} failed after {time.monotonic() - start:.0f} s: {errors}", file=sys.stderr, flush=True)
    raise BenchFailed(f"{' '.join(line)} failed {_TRIES} times")


def _pick(accounts: Accounts, *parts: str) -> list[float]:
    return [accounts[part] for part in parts]


def floor(stack: Stack) -> float:
    """Return the CPU seconds, ours and the servers', to copy all standings from PostgreSQL to Redis.

    They go to a sorted set and a hash that nothing else uses.
    """
    start, before = time.process_time(), cpu(stack)
    copy = "COPY (SELECT player_id, score, changes FROM standings) TO STDOUT"
    with redis.Redis.from_url(stack.env["REDIS_URL"]) as client, psycopg.connect(stack.postgres.url) as connection:
        with connection.cursor().copy(copy) as rows:
            batch: list[tuple[str, str, str]] = []
            for row in rows.rows():
                batch.append((row[0], row[1], row[2]))
                if len(batch) == _BATCH:
                    _write(client, batch)
                    batch = []
            _write(client, batch)
        own_seconds, server_seconds = time.process_time() - start, _pick(spent(before, cpu(stack)), "postgres", "redis")
        client.unlink("bench:scores", "bench:versions")
    return own_seconds + sum(server_seconds)


def _write(client: redis.Redis, batch: Sequence[tuple[str, str, str]]) -> None:
    if batch:
        pipeline = client.pipeline(transaction=False)
        pipeline.zadd("bench:scores", {player: score for player, score, _ in batch})
        pipeline.hset("bench:versions", mapping={player: change for player, _, change in batch})
        pipeline.execute()


def proofs(stack: Stack) -> Proofs:
    """Measure the task: restart the worker, send it the task several times in turn, and return the median run."""
    worker = stack.process("worker")
    worker.stop()
    worker.start()
    publisher = Publisher(plain_app(stack.env["BROKER_URL"]))
    runs = [_proof(stack, publisher) for _ in range(_PROOFS)]
    publisher.drop()
    median = sorted(runs, key=lambda run: run[1])[_PROOFS // 2]
    return Proofs(*median, max(_peak_mb(process.pid) for process in tree(worker.pid)))


def _proof(stack: Stack, publisher: Publisher) -> tuple[float, float, float, float]:
    """Return the seconds, CPU seconds in all and of the worker, and the number of compared standings."""
    log = stack.folder.log("worker")
    size, before, start = log.stat().st_size, cpu(stack), time.monotonic()
    publisher.send("leaderboard.prove", {})
    line = None
    while line is None:
        if time.monotonic() - start > _PROOF_SECONDS:
            raise BenchFailed("a proof did not end")
        time.sleep(0.02)
        with log.open("rb") as text:
            text.seek(size)
            line = next((line for line in text.read().decode().splitlines() if _PROVED.search(line)), None)
    seconds, accounts = time.monotonic() - start, spent(before, cpu(stack))
    compared = re.search(r'"?compared"?[=:] ?(\d+)', line)
    parts = _pick(accounts, "worker", "postgres", "redis")
    return seconds, sum(parts), parts[0], float(compared[1]) if compared else 0.0


@dataclass(frozen=True, slots=True)
class Restart:
    """Redis was killed and came back with its data: the time that the repair of the board took, and its CPU seconds."""

    seconds: float
    cpu_seconds: float


def restart_redis(stack: Stack) -> Restart:
    """Kill Redis, start it, and repair the board. Raises `BenchFailed` if that takes a rebuild."""
    server = stack.process("redis")
    server.kill()
    server.start()
    container = Container(Settings.from_env(stack.env))
    try:
        before, own_before, start = cpu(stack), time.process_time(), time.monotonic()
        if rebuilt := container.board_sync.repair():
            raise BenchFailed(f"a restart of Redis took a rebuild of {rebuilt}")
        servers = sum(_pick(spent(before, cpu(stack)), "postgres", "redis"))
        return Restart(time.monotonic() - start, time.process_time() - own_before + servers)
    finally:
        container.close()


def _peak_mb(pid: int) -> float:
    match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(match[1]) / 1024 if match else 0.0


def reads(stack: Stack, readers: Sequence[BenchPlayer]) -> dict[str, float]:
    """Return the CPU milliseconds of web, PostgreSQL and Redis for one read of each route."""
    ids = [reader.player_id for reader in readers]
    routes: dict[str, list[Request]] = {
        "GET /leaderboard/top": [_get("/leaderboard/top")],
        "GET /leaderboard/users/{id}": [_get(f"/leaderboard/users/{player}") for player in ids],
        "GET /leaderboard/me": [_get("/leaderboard/me", reader) for reader in readers],
        "GET /me": [_get("/me", reader) for reader in readers],
        "GET /leaderboard/top?after=…": [
            _get(f"/leaderboard/top?after={cursor}") for cursor in cursors(stack, readers)
        ],
        "GET /leaderboard/top?segment=…": [_get(f"/leaderboard/top?segment=country:C{number}") for number in range(16)],
        "GET /leaderboard/around?rank=…": [_get(f"/leaderboard/around?rank={rank}") for rank in places(stack, readers)],
        "GET /leaderboard/around?score=…": [_get(f"/leaderboard/around?score={10**n}") for n in range(6)],
        "GET /leaderboard/around?user_id=…": [_get(f"/leaderboard/around?user_id={player}") for player in ids],
        "GET /leaderboard/around?user_id=…&segment=…": [
            _get(f"/leaderboard/around?user_id={player}&segment=country:{value}")
            for player, value in countries(stack, readers)
        ],
        "POST /leaderboard/lookup of 20": [
            {"method": "POST", "path": "/api/v1/leaderboard/lookup", "body": {"user_ids": ids}}
        ],
        "GET /players/{id}": [_get(f"/players/{player}") for player in ids],
        "GET /players/{id}/history": [_get(f"/players/{player}/history") for player in ids],
    }
    times = {}
    for route, requests in routes.items():
        _warm_up(stack, requests)
        before = cpu(stack)
        load = send(stack.url, requests, connections=1, repeat=_READS // len(requests))
        times[route] = sum(_pick(spent(before, cpu(stack)), "web", "postgres", "redis")) / load.answers * 1000
    return times


def cursors(stack: Stack, readers: Sequence[BenchPlayer]) -> list[str]:
    """Return cursors of `main` at the places of these players, anywhere on the board."""
    cursors_of_stack = Cursors([key.secret for key in Settings.from_env(stack.env).action_token_keys])
    with psycopg.connect(stack.postgres.admin_url("fairboard")) as connection:
        rows = connection.execute(
            "SELECT score, achieved_at, player_id FROM standings WHERE player_id = ANY(%s::uuid[])",
            ([reader.player_id for reader in readers],),
        ).fetchall()
    return [cursors_of_stack.write_place(["main", 1, ""], Place(*row)) for row in rows]


def countries(stack: Stack, readers: Sequence[BenchPlayer]) -> list[tuple[str, str]]:
    """Return the players with their countries."""
    with psycopg.connect(stack.postgres.admin_url("fairboard")) as connection:
        query = "SELECT player_id::text, value FROM player_attributes WHERE player_id = ANY(%s::uuid[])"
        return connection.execute(query, ([reader.player_id for reader in readers],)).fetchall()


def places(stack: Stack, readers: Sequence[BenchPlayer]) -> list[int]:
    """Return as many numbers of places as there are players, spread over all of `main`."""
    with psycopg.connect(stack.postgres.admin_url("fairboard")) as connection:
        (total,) = connection.execute("SELECT count(*) FROM standings").fetchone() or (0,)
    return [1 + number * (total - 1) // len(readers) for number in range(len(readers))]


def _warm_up(stack: Stack, requests: list[Request]) -> None:
    """Wait until all answer: after a rebuild Redis rewrites its file, and a busy machine may be slow for a moment."""
    for _ in range(_WARM_UPS):
        with contextlib.suppress(BenchFailed):
            send(stack.url, requests, connections=1, repeat=2)
            return
        time.sleep(1)


def _get(path: str, reader: BenchPlayer | None = None) -> Request:
    request: Request = {"method": "GET", "path": f"/api/v1{path}"}
    return request | {"headers": reader.headers} if reader else request
