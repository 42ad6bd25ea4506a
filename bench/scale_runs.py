"""What is measured on a board: commands, proofs in a worker, reads, and a floor for the rebuild."""

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

from bench.accounts import Accounts, cpu, spent
from bench.load import BenchFailed, Request, send
from bench.players import Player
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
_PROVED = re.compile(r"board_(?:proved|mended)|boards_rebuilt|tick_skipped|task_failed")


@dataclass(frozen=True, slots=True)
class Command:
    """One command: how long it took, what it cost with its servers in CPU seconds, the most memory it had, and how
    often it had failed before."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    failures: int


@dataclass(frozen=True, slots=True)
class Proofs:
    """The median of some runs of the task, and the most memory that a process of the worker has had since its start."""

    seconds: float
    cpu_seconds: float
    worker_seconds: float
    compared: float
    peak_mb: float


def run_command(stack: Stack, *line: str) -> Command:
    """Run `flask …` until it exits with 0. BenchFailed with its last line after some failures."""
    command = [sys.executable, "-m", "flask", "--app", "wsgi", *line, "--json"]
    for failures in range(_TRIES):
        began, before = time.monotonic(), cpu(stack)
        with subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **stack.env}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process:
            assert process.stderr is not None
            said = process.stderr.read().decode().strip()
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode == 0:
            servers = sum(_of(spent(before, cpu(stack)), "postgres", "redis"))
            own = used.ru_utime + used.ru_stime
            return Command(time.monotonic() - began, own + servers, used.ru_maxrss / 1024, failures)
        print(f"{' '.join(line)} failed after {time.monotonic() - began:.0f} s: {said}", file=sys.stderr, flush=True)
    raise BenchFailed(f"{' '.join(line)} failed {_TRIES} times")


def _of(accounts: Accounts, *parts: str) -> list[float]:
    return [accounts[part] for part in parts]


def floor(stack: Stack) -> float:
    """CPU seconds, ours and the servers', to copy all standings out of PostgreSQL and write them to a sorted set and
    a hash of no meaning."""
    began, before = time.process_time(), cpu(stack)
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
        own, servers = time.process_time() - began, _of(spent(before, cpu(stack)), "postgres", "redis")
        client.unlink("bench:scores", "bench:versions")
    return own + sum(servers)


def _write(client: redis.Redis, batch: Sequence[tuple[str, str, str]]) -> None:
    if batch:
        pipeline = client.pipeline(transaction=False)
        pipeline.zadd("bench:scores", {player: score for player, score, _ in batch})
        pipeline.hset("bench:versions", mapping={player: change for player, _, change in batch})
        pipeline.execute()


def proofs(stack: Stack) -> Proofs:
    """Start the worker anew and send it the task, one after the other."""
    worker = stack.process("worker")
    worker.stop()
    worker.start()
    publisher = Publisher(plain_app(stack.env["BROKER_URL"]))
    runs = [_proof(stack, publisher) for _ in range(_PROOFS)]
    publisher.drop()
    middle = sorted(runs, key=lambda run: run[1])[_PROOFS // 2]
    return Proofs(*middle, max(_peak_mb(process.pid) for process in tree(worker.pid)))


def _proof(stack: Stack, publisher: Publisher) -> tuple[float, float, float, float]:
    """Seconds, CPU seconds in all and of the worker, and standings that were compared."""
    log = stack.folder.log("worker")
    size, before, began = log.stat().st_size, cpu(stack), time.monotonic()
    publisher.send("leaderboard.prove", {})
    line = None
    while line is None:
        if time.monotonic() - began > _PROOF_SECONDS:
            raise BenchFailed("a proof did not end")
        time.sleep(0.02)
        with log.open("rb") as text:
            text.seek(size)
            line = next((line for line in text.read().decode().splitlines() if _PROVED.search(line)), None)
    seconds, used = time.monotonic() - began, spent(before, cpu(stack))
    compared = re.search(r'"?compared"?[=:] ?(\d+)', line)
    parts = _of(used, "worker", "postgres", "redis")
    return seconds, sum(parts), parts[0], float(compared[1]) if compared else 0.0


def _peak_mb(pid: int) -> float:
    match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(match[1]) / 1024 if match else 0.0


def reads(stack: Stack, readers: Sequence[Player]) -> dict[str, float]:
    """CPU milliseconds of web, PostgreSQL and Redis for one read of each route."""
    routes: dict[str, list[Request]] = {
        "/leaderboard/top": [{"method": "GET", "path": "/api/v1/leaderboard/top"}],
        "/leaderboard/users/{id}": [_get(f"/leaderboard/users/{reader.player_id}") for reader in readers],
        "/leaderboard/me": [_get("/leaderboard/me", reader) for reader in readers],
        "/me": [_get("/me", reader) for reader in readers],
    }
    times = {}
    for route, requests in routes.items():
        _warm_up(stack, requests)
        before = cpu(stack)
        load = send(stack.url, requests, connections=1, repeat=_READS // len(requests))
        times[route] = sum(_of(spent(before, cpu(stack)), "web", "postgres", "redis")) / load.answers * 1000
    return times


def _warm_up(stack: Stack, requests: list[Request]) -> None:
    """Until all answer: after a rebuild Redis writes its file anew, and a busy machine may be slow for a moment."""
    for _ in range(_WARM_UPS):
        with contextlib.suppress(BenchFailed):
            send(stack.url, requests, connections=1, repeat=2)
            return
        time.sleep(1)


def _get(path: str, reader: Player | None = None) -> Request:
    request: Request = {"method": "GET", "path": f"/api/v1{path}"}
    return request | {"headers": reader.headers} if reader else request
