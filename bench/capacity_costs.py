"""The costs of the capacity model: from docs/performance.md, and from a run on the cluster."""

from __future__ import annotations

import re
from collections.abc import Mapping
from statistics import fmean

from bench.capacity_model import BATCH_SECONDS, Costs
from bench.capacity_run import Run

_MASTERS = ("Redis 1", "Redis 2", "Redis 3")
# `python -m bench.crowd` on docs/performance.md: CPU of nginx in a round of 10,000 pushes, and of Redis while 10,000
# sockets are at rest. `python -m bench.edge` on docs/operations/nginx.md: CPU of nginx for 1,000 reads from its cache.
_PUSH_NGINX_US = 10.0
_SOCKET_REDIS_US = 1.25
_READ_MS = 0.010


def from_performance(page: str) -> dict[str, float]:
    """Return the costs of the page by the field of `Costs`. Raises `StopIteration` for a page without its tables.

    Web and PostgreSQL at 64 connections, as busy servers have them. Relay and workers work once for each batch and once
    for each redemption: the two parts follow from the rates at 1 and at 64 connections.
    """
    rates = {row["connections"]: _number(row["redeems/s"]) for row in _rows(page, "connections", "redeems/s")}
    cpu = {row["connections"]: row for row in _rows(page, "connections", "web")}
    few, many = cpu["1"], cpu["64"]
    relay, relay_batch = _split(rates["1"], _number(few["relay"]), rates["64"], _number(many["relay"]))
    worker, worker_batch = _split(rates["1"], _number(few["worker"]), rates["64"], _number(many["worker"]))
    pushes = next(row for row in _rows(page, "subscribers", "CPU per push") if row["subscribers"].startswith("5,000"))
    memory = re.search(r"An idle subscriber costs (\d+) kB", page)
    frame = re.search(r"x ([\d,]+) B", pushes["subscribers"])
    assert memory is not None
    assert frame is not None
    return {
        "web": _number(many["web"]),
        "primary": _number(many["postgres"]),
        "relay": relay,
        "relay_batch": relay_batch,
        "worker": worker,
        "worker_batch": worker_batch,
        "push": _number(pushes["CPU per push"]),
        "socket": _number(pushes["idle"]) / 5000 * 1000,
        "socket_redis": _SOCKET_REDIS_US,
        "socket_memory": float(memory[1]),
        "frame": _number(frame[1]),
        "push_nginx": _PUSH_NGINX_US,
        "read": _READ_MS,
    }


def from_cluster(run: Run) -> dict[str, float]:
    """Return the costs that only a run on the cluster shows, by the field of `Costs`: the mean of all its turns.

    The busiest master has the board; the others have the keys of players alone, as it has beside.
    """
    masters = sorted(run.mean_ms(master) for master in _MASTERS)
    players = sum(masters[:-1]) / (len(masters) - 1)
    return {
        "nginx": run.mean_ms("nginx"),
        "standby": run.mean_ms("standbys") / 2,
        "redis_players": players * len(masters),
        "redis_board": masters[-1] - players,
        "redis_replica": run.mean_ms("Redis replicas"),
        "broker_batch": fmean(turn.cpu_ms["RabbitMQ"] * turn.rate for turn in run.turns) * BATCH_SECONDS,
        "start_web": run.issue_ms["web"],
        "start_nginx": run.issue_ms["nginx"],
        "start_primary": run.issue_ms["PostgreSQL"],
        "start_redis": sum(run.issue_ms[master] for master in _MASTERS),
        "wal": run.writes.wal_bytes,
        "flushes": run.writes.flushes,
        "ledger": run.writes.ledger_bytes,
    }


def combine(*parts: Mapping[str, float]) -> Costs:
    """Return the costs of all parts, rounded as a page shows them. Raises `TypeError` where one is missing."""
    return Costs(**{name: rounded(value) for part in parts for name, value in part.items()})


def rounded(value: float) -> float:
    """Return the value with three significant digits."""
    return float(f"{value:.3g}")


def _split(rate: float, ms: float, higher_rate: float, higher_ms: float) -> tuple[float, float]:
    """Return the CPU milliseconds of each redemption and of each batch, from those per redemption at two rates."""
    redeem_ms = max(0.0, (higher_ms * higher_rate - ms * rate) / (higher_rate - rate))
    return redeem_ms, max(0.0, (ms - redeem_ms) * rate * BATCH_SECONDS)


def _rows(page: str, *headings: str) -> list[dict[str, str]]:
    """Return the rows of the table whose first headings are these, or that has them, by heading."""
    tables = re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE)
    cells = ([[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()] for table in tables)
    head, _, *rows = next(lines for lines in cells if lines[0][0] == headings[0] and set(headings) <= set(lines[0]))
    return [dict(zip(head, row, strict=True)) for row in rows]


def _number(text: str) -> float:
    return float(text.replace(",", "").split()[0])
