"""What each fault must have touched, counted from what clients, logs and servers show, never from what was planned."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg

from bench.faults.load import Seen
from bench.faults.scene import Scene, Touch
from deploy.local.apps import Web
from deploy.local.postgres import Postgres
from deploy.local.redis_cluster import RedisNode

Count = Callable[[Seen], int]

_LATE_SECONDS = 1.0  # a row of the outbox that has waited longer was held up
_LOOK_SECONDS = 0.2
_LOG_SECONDS = 3.0  # nginx writes its log once a second
_BACKENDS = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
_LATE_ROWS = "SELECT count(*) FROM outbox WHERE created_at < clock_timestamp() - %s * interval '1 second'"


def _cut_sockets(_: Scene) -> Count:
    return lambda seen: seen.endings.get("cut off", 0)


def _refused(seen: Seen) -> int:
    """Answers that failed: none at all, or a 5xx."""
    return sum(count for kind, count in seen.saw.items() if kind == "no answer" or kind.startswith("5"))


def _cut_and_refused(_: Scene) -> Count:
    return lambda seen: min(seen.endings.get("cut off", 0), _refused(seen))


def _failed_answers(_: Scene) -> Count:
    return _refused


def _turned_away(name: str) -> Callable[[Scene], Count]:
    """Requests that nginx had given to this server, or tried to, when it had to ask another one or nobody."""

    def begin(scene: Scene) -> Count:
        server, log = scene.child(name), scene.cluster.nginx.access_log
        assert isinstance(server, Web)
        address, start = ":".join(map(str, server.address)), log.stat().st_size

        def hit(line: dict[str, Any]) -> bool:
            asked = str(line.get("server", "")).split(", ")
            return address in asked and (asked[-1] != address or int(line.get("status", 0)) >= 500)

        return lambda _: _soon(lambda: sum(map(hit, _lines(log, start))))

    return begin


def _late_rows(scene: Scene) -> Count:
    """The most rows that have waited in the outbox for over a second, at any moment of the fault."""
    most, over = 0, threading.Event()

    def look() -> None:
        nonlocal most
        while not over.wait(_LOOK_SECONDS):
            with contextlib.suppress(psycopg.Error):
                most = max(most, int(scene.books.rows(_LATE_ROWS, _LATE_SECONDS)[0][0]))

    watch = threading.Thread(target=look, daemon=True)
    watch.start()

    def count(_: Seen) -> int:
        over.set()
        watch.join()
        return most

    return count


def _players_of_killed_masters(scene: Scene) -> Count:
    before = [(node, node.pid, len(_keys(node, "active:*"))) for node in scene.masters()]
    return lambda _: sum(players for node, pid, players in before if not node.running or node.pid != pid)


def _forgotten_actions(scene: Scene) -> Count:
    before = _actions(scene)
    return lambda _: len(before - _actions(scene))


def _lost_backends(scene: Scene) -> Count:
    """Connections of the product to the primary, if all of them were lost; one that stays shows that it went on."""
    before = {pid for (pid,) in scene.books.rows(_BACKENDS)}
    return lambda _: 0 if before & {pid for (pid,) in scene.books.rows(_BACKENDS)} else len(before)


def _left_replica(name: str) -> Callable[[Scene], Count]:
    """Processes that asked this replica for something, and turned away from it."""

    def begin(scene: Scene) -> Count:
        replica, logs = scene.child(name), scene.cluster.folder.log(name).parent
        assert isinstance(replica, Postgres)
        sockets = str(replica.sockets)
        starts = {log: log.stat().st_size for log in logs.glob("*.log")}

        def hits() -> int:
            lines = (line for log, start in starts.items() for line in _lines(log, start))
            return sum(line.get("event") == "replica_left" and sockets in str(line.get("replica")) for line in lines)

        return lambda _: hits()

    return begin


def _begun_tasks(scene: Scene) -> Count:
    before = set(scene.folder.glob("slow-*/began"))
    return lambda _: len(set(scene.folder.glob("slow-*/began")) - before)


def _dead_letters(scene: Scene) -> Count:
    before = scene.books.dead().total()
    return lambda _: scene.books.dead().total() - before


SOCKETS = Touch("sockets cut off", _cut_sockets)
SOCKETS_AND_ANSWERS = Touch("sockets cut off while answers failed", _cut_and_refused)
ANSWERS = Touch("failed answers", _failed_answers)
OUTBOX = Touch(f"rows that waited in the outbox for over {_LATE_SECONDS:.0f} s", _late_rows)
SHARD = Touch("players on the shard of a killed master", _players_of_killed_masters)
FORGOTTEN = Touch("actions forgotten", _forgotten_actions)
BACKENDS = Touch("connections to the primary lost", _lost_backends)
TASKS = Touch("tasks under way", _begun_tasks)
DEAD_LETTERS = Touch("new dead letters", _dead_letters)


def requests_of(name: str) -> Touch:
    """For a fault of one API server."""
    return Touch(f"requests that {name} had or was to have", _turned_away(name))


def readers_of(name: str) -> Touch:
    """For a fault of one replica."""
    return Touch(f"processes that read on {name}", _left_replica(name))


def _keys(node: RedisNode, pattern: str) -> list[str]:
    keys: list[str] = node.asked("KEYS", pattern)
    return keys


def _actions(scene: Scene) -> set[str]:
    return {key for node in scene.masters() for key in _keys(node, "action:*")}


def _lines(log: Path, start: int) -> Iterator[dict[str, Any]]:
    """The JSON lines of a log from a position on."""
    with log.open("rb") as file:
        file.seek(start)
        for line in file:
            with contextlib.suppress(ValueError):
                parsed = json.loads(line)
                if isinstance(parsed, dict):
                    yield parsed


def _soon(count: Callable[[], int]) -> int:
    """The first count that is not 0; 0 if none comes within the time that a log may be late."""
    deadline = time.monotonic() + _LOG_SECONDS
    while not (number := count()) and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    return number
