"""`make cluster-status`: the health of each part of a cluster, from any terminal; exit 1 when a part is not well."""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import amqp
import psutil
import psycopg
import redis

from app.domain.quantities import quantity
from app.result_sink import guard_results
from app.tables import aligned
from devstack import cluster_map, processes, surroundings
from devstack.child import ROOT, accepts
from devstack.cluster_map import Part
from devstack.redis_cluster import NODES, SLOTS

_TIMEOUT_SECONDS = 3
_YOUNG_SECONDS = 3
_FAILURES = (OSError, psutil.Error, psycopg.Error, redis.RedisError, amqp.AMQPError, http.client.HTTPException)


@dataclass(frozen=True)
class PartHealth:
    """The health of one part; `note` says why."""

    well: bool
    note: str


@dataclass(frozen=True)
class State:
    """A part with its health."""

    name: str
    pid: int | None
    address: str
    role: str
    well: bool
    note: str


class ClusterExaminer:
    """An examiner of the cluster whose map is in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._env = cluster_map.environment(folder)
        self._broker = urlsplit(self._env["BROKER_URL"])

    def examine(self, parts: list[Part]) -> list[State]:
        """Return the state of all parts, examined at the same time within a few seconds."""
        with ThreadPoolExecutor(len(parts) or 1) as pool:
            return list(pool.map(self._examine_part, parts))

    def _examine_part(self, part: Part) -> State:
        health = PartHealth(False, "its process has ended")
        family = processes.tree(part.pid) if part.pid is not None else []
        if family:
            try:
                health = self._probe(part, family[0].age())
            except _FAILURES as error:
                message = " ".join(str(error).split())
                health = PartHealth(False, message[:120] or type(error).__name__)
        return State(**asdict(part), **asdict(health))

    def _probe(self, part: Part, age: float) -> PartHealth:
        probes: dict[str, Callable[[Part], PartHealth]] = {
            "postgres": self._primary,
            "replica": self._replica,
            "redis": self._redis,
            "epmd": lambda part: PartHealth(*_port(part)),
            "rabbitmq": self._rabbitmq,
            "nginx": lambda part: _http(part, "/healthz"),
            "api": lambda part: _http(part, "/readyz"),
            "ws": lambda part: _http(part, "/readyz"),
            "worker": self._worker,
        }
        if part.kind in probes:
            return probes[part.kind](part)
        # A part of this kind answers no requests: a low age shows that it ends again and again.
        return PartHealth(age > _YOUNG_SECONDS, f"started {age:.0f} s ago")

    def _primary(self, part: Part) -> PartHealth:
        query = "SELECT pg_is_in_recovery(), (SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming')"
        with self._database(part) as connection:
            standby, followers = connection.execute(query).fetchone() or (True, 0)
        return PartHealth(not standby, "is a standby" if standby else f"primary, {followers} replicas follow")

    def _replica(self, part: Part) -> PartHealth:
        query = """SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn()::text,
                          (SELECT status = 'streaming' FROM pg_stat_wal_receiver), pg_is_wal_replay_paused()"""
        with self._database(part) as connection:
            standby, position, streaming, paused = connection.execute(query).fetchone() or (False, None, False, False)
        if not standby:
            return PartHealth(False, "is not a standby")
        if not streaming:
            return PartHealth(False, "does not follow the primary")
        note = f"{_lag(self._env['DATABASE_URL'], position)} bytes behind" + (", replay is paused" if paused else "")
        return PartHealth(not paused, note)

    def _redis(self, part: Part) -> PartHealth:
        host, port = part.address.split(":")
        password = urlsplit(self._env["REDIS_URL"].split(",")[0]).password
        options: dict[str, Any] = {"password": password, "socket_timeout": _TIMEOUT_SECONDS, "decode_responses": True}
        with redis.Redis(host, int(port), **options) as client:
            info, role = client.execute_command("CLUSTER INFO"), client.execute_command("ROLE")
        knows_all, covers_all = int(info["cluster_known_nodes"]) == NODES, int(info["cluster_slots_ok"]) == SLOTS
        is_well = info["cluster_state"] == "ok" and knows_all and covers_all
        note = f"cluster {info['cluster_state']}, {info['cluster_slots_ok']} slots served, "
        if role[0] == "master":
            return PartHealth(is_well, note + f"master of {len(role[2])}")
        return PartHealth(is_well and role[3] == "connected", note + f"replica of port {role[2]}, {role[3]}")

    def _rabbitmq(self, part: Part) -> PartHealth:
        with self._broker_connection():
            return PartHealth(True, "answers")

    def _worker(self, part: Part) -> PartHealth:
        queue = part.name.partition("-")[2]
        with self._broker_connection() as connection:
            state = connection.channel().queue_declare(queue, passive=True)
        consumers, messages = quantity(state.consumer_count, "consumer"), quantity(state.message_count, "message")
        note = f"{consumers} of {queue}, {messages} waiting"
        return PartHealth(state.consumer_count > 0, note)

    @contextlib.contextmanager
    def _broker_connection(self) -> Any:
        address, user = f"{self._broker.hostname}:{self._broker.port}", self._broker.username
        timeouts = {
            "connect_timeout": _TIMEOUT_SECONDS,
            "read_timeout": _TIMEOUT_SECONDS,
            "write_timeout": _TIMEOUT_SECONDS,
        }
        with amqp.Connection(address, user, self._broker.password, **timeouts) as connection:
            yield connection

    def _database(self, part: Part) -> psycopg.Connection[Any]:
        folder = ROOT / part.address  # an absolute path stays as it is
        options = f"-c statement_timeout={_TIMEOUT_SECONDS * 1000}"
        return psycopg.connect(
            host=str(folder), user="fairboard", dbname="fairboard", connect_timeout=_TIMEOUT_SECONDS, options=options
        )


def _lag(primary: str, position: str | None) -> str:
    """Return the bytes that the primary has written and a replica at `position` has not replayed."""
    with contextlib.suppress(psycopg.Error), psycopg.connect(primary, connect_timeout=_TIMEOUT_SECONDS) as connection:
        query = "SELECT greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), %s::pg_lsn), 0)::bigint"
        row = connection.execute(query, (position,)).fetchone()
        return str(row[0]) if row else "unknown"
    return "unknown"


def _port(part: Part) -> tuple[bool, str]:
    host, _, port = part.address.rpartition(":")
    return (True, "answers") if accepts(host, int(port)) else (False, "does not answer")


def _http(part: Part, path: str) -> PartHealth:
    host, _, port = part.address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = json.loads(answer.read())
    except ValueError:
        return PartHealth(False, f"{path}: no JSON")
    finally:
        connection.close()
    reason = body.get("error", {}).get("message", "") if answer.status != 200 else ""
    return PartHealth(answer.status == 200, f"{path} {answer.status} {reason}".strip())


def main() -> int:
    """Return 0 when all is well, 1 when a part is not, or nothing runs."""
    surroundings.enter(surroundings.for_parts(os.environ))
    guard_results()
    parser = argparse.ArgumentParser(prog="python -m devstack.status", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--folder", type=Path, default=cluster_map.FOLDER, help="where the cluster lives")
    arguments = parser.parse_args()
    cluster = cluster_map.read(arguments.folder)
    if cluster is None:
        print(f"no cluster runs in {arguments.folder}, or it is still starting: make cluster starts one")
        return 1
    url, parts = cluster
    states = ClusterExaminer(arguments.folder).examine(parts)
    failures = [state.name for state in states if not state.well]
    if arguments.json:
        print(json.dumps({"url": url, "well": not failures, "parts": [asdict(state) for state in states]}, indent=1))
        return int(bool(failures))
    rows = [[s.name, str(s.pid or ""), s.address, "ok" if s.well else "FAILED", s.note] for s in states]
    print(aligned(rows, ["part", "pid", "address", "health", "details"], states=3))
    print(f"Unhealthy: {', '.join(failures)}" if failures else f"All {len(states)} parts are healthy, at {url}/")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
