"""The effect that each fault must have had, counted from clients, logs and servers, never from the plan."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg

from bench.faults.load import CUT_OFF, Phase
from bench.faults.scene import Scene, Touch
from devstack import processes
from devstack.apps import Web
from devstack.child import CannotStart, Child
from devstack.postgres import Postgres
from devstack.redis_cluster import RedisNode

Count = Callable[[Phase], int]
Begin = Callable[[Scene], Count]

_LATE_SECONDS = 1.0  # a row of the outbox that has waited longer is late
_POLL_SECONDS = 0.2
_LOG_SECONDS = 3.0  # nginx writes its log once a second
BEGAN = "began"
"""The file with the pids of the workers that have begun a task of the drill, in the task's folder."""
_NO_SPACE = b"No space left on device"
PLAYERS = "history:*"  # keys of the players on a shard; at some moments there may be no keys of actions under way
_BACKENDS = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
_LATE_ROWS = "SELECT count(*) FROM outbox WHERE created_at < clock_timestamp() - %s * interval '1 second'"


def _cut_sockets(_: Scene) -> Count:
    return lambda phase: phase.endings.get(CUT_OFF, 0)


def _count_failed(phase: Phase) -> int:
    """Count the failed answers: no answer at all, or a 5xx."""
    return sum(count for kind, count in phase.saw.items() if kind == "no answer" or kind.startswith("5"))


def _cut_and_refused(_: Scene) -> Count:
    return lambda phase: min(phase.endings.get(CUT_OFF, 0), _count_failed(phase))


def _failed_without_space(scene: Scene) -> Count:
    """Count the failed answers, if the database has logged that its disk is full."""
    is_out_of_space = out_of_space(scene)
    return lambda phase: _count_failed(phase) if is_out_of_space() else 0


def out_of_space(scene: Scene) -> Callable[[], bool]:
    """Return a function that returns whether the database has run out of space since now, by its log."""
    log = scene.child("postgres").log
    start = log.stat().st_size
    return lambda: _NO_SPACE in _tail(log, start)


def _turned_away_requests(name: str) -> Begin:
    """Count the requests that nginx had sent to this server, or tried to, when it had to try another one or to fail."""

    def begin(scene: Scene) -> Count:
        server, log = scene.child(name), scene.cluster.nginx.access_log
        assert isinstance(server, Web)
        address, start, pid = ":".join(map(str, server.address)), log.stat().st_size, server.pid

        def hits() -> int:
            lines = (line for line in _lines(log, start) if address in _asked_servers(line))
            return sum(_asked_servers(line)[-1] != address or int(line.get("status", 0)) >= 500 for line in lines)

        return lambda _: 0 if server.is_running and server.pid == pid else _await_count(hits)

    return begin


def _rows_without(name: str) -> Begin:
    """Count the most rows that had waited in the outbox for over a second, at any moment after the process was gone."""

    def begin(scene: Scene) -> Count:
        child = scene.child(name)
        pid, max_rows = child.pid, 0

        def sample() -> None:
            nonlocal max_rows
            if not _is_still(child, pid):
                with contextlib.suppress(psycopg.Error):
                    max_rows = max(max_rows, int(scene.books.rows(_LATE_ROWS, _LATE_SECONDS)[0][0]))

        stop = _repeat(sample)

        def count(_: Phase) -> int:
            stop()
            return max_rows

        return count

    return begin


def _players_of_killed_masters(scene: Scene) -> Count:
    before = [(node, node.pid, len(_keys(node, PLAYERS))) for node in scene.masters()]
    return lambda _: sum(players for node, pid, players in before if not node.is_running or node.pid != pid)


def _forgotten_actions(scene: Scene) -> Count:
    before = _actions(scene)
    return lambda _: len(before - _actions(scene))


def _lost_backends(scene: Scene) -> Count:
    """Count the product's connections to the primary, if all were lost; one that stays shows that it went on."""
    before = {pid for (pid,) in scene.books.rows(_BACKENDS)}
    return lambda _: 0 if before & {pid for (pid,) in scene.books.rows(_BACKENDS)} else len(before)


def _left_replica(name: str) -> Begin:
    """Count the processes that read from this replica while it was stopped, and turned away from it."""

    def begin(scene: Scene) -> Count:
        replica, logs = scene.child(name), scene.cluster.folder.log(name).parent
        assert isinstance(replica, Postgres)
        sockets, was_stopped = str(replica.sockets), False
        starts = {log: log.stat().st_size for log in logs.glob("*.log")}

        def sample() -> None:
            nonlocal was_stopped
            was_stopped = was_stopped or not any(process.is_running() for process in processes.tree(replica.pid))

        stop = _repeat(sample)

        def count(_: Phase) -> int:
            stop()
            lines = (line for log, start in starts.items() for line in _lines(log, start))
            turned_away = [
                line for line in lines if line.get("event") == "replica_unavailable" and sockets in str(line["replica"])
            ]
            return len(turned_away) * was_stopped

        return count

    return begin


def _tasks_begun_again(scene: Scene) -> Count:
    """Count the workers that began a task of the drill which another one had to begin again."""
    before = lost_workers(scene.folder)
    return lambda _: lost_workers(scene.folder) - before


def lost_workers(folder: Path) -> int:
    """Return how many workers began a task in `folder` and did not end it, by the tasks that were begun again."""
    return sum(max(0, len(set(file.read_text().split())) - 1) for file in folder.glob(f"*/{BEGAN}"))


def _dead_letters(scene: Scene) -> Count:
    """Count the new dead letters, if workers were lost: a message that no worker knows becomes one too."""
    before, count_lost = scene.books.count_dead_letters().total(), _tasks_begun_again(scene)
    return lambda phase: scene.books.count_dead_letters().total() - before if count_lost(phase) else 0


def _all_ended(scene: Scene) -> Count:
    """Count as `_cut_and_refused`, if every process of the cluster has ended."""
    before, count = _pids(scene), _cut_and_refused(scene)
    return lambda phase: 0 if before & _pids(scene) else count(phase)


def _pids(scene: Scene) -> set[int]:
    return {child.pid for child in scene.cluster.processes.values()}


SOCKETS = Touch("sockets cut off", _cut_sockets, cuts_sockets=True)
EVERYTHING = Touch("sockets cut off while answers failed and every process ended", _all_ended, cuts_sockets=True)
SHARD_PLAYERS = Touch("players on the shard of a killed master", _players_of_killed_masters)
FORGOTTEN_ACTIONS = Touch("actions forgotten", _forgotten_actions)
BACKENDS = Touch("connections to the primary lost", _lost_backends)
TASKS = Touch("tasks that another worker had to begin again", _tasks_begun_again)
DEAD_LETTERS = Touch("new dead letters", _dead_letters)
FULL_DISK = Touch("answers that failed because the disk was full", _failed_without_space)


def requests_of(name: str) -> Touch:
    """Return the touch of a fault of one API server."""
    return Touch(f"requests that {name} had or was to have", _turned_away_requests(name))


def outbox_without(name: str) -> Touch:
    """Return the touch of a fault of a process that brings the outbox to the workers."""
    return Touch(f"rows that waited in the outbox for over {_LATE_SECONDS:.0f} s", _rows_without(name))


def readers_of(name: str) -> Touch:
    """Return the touch of a fault of one replica."""
    return Touch(f"processes that read on {name}", _left_replica(name))


def _keys(node: RedisNode, pattern: str) -> list[str]:
    keys: list[str] = node.ask("KEYS", pattern)
    return keys


def _actions(scene: Scene) -> set[str]:
    return {key for node in scene.masters() for key in _keys(node, "action:*")}


def _lines(log: Path, start: int) -> Iterator[dict[str, Any]]:
    """Yield the JSON lines of a log from a position on."""
    with log.open("rb") as file:
        file.seek(start)
        for line in file:
            with contextlib.suppress(ValueError):
                parsed = json.loads(line)
                if isinstance(parsed, dict):
                    yield parsed


def _tail(log: Path, start: int) -> bytes:
    """Return the bytes of a log from a position on."""
    with log.open("rb") as file:
        file.seek(start)
        return file.read()


def _asked_servers(line: dict[str, Any]) -> list[str]:
    """Return the servers that nginx asked for one request, in order."""
    return str(line.get("server", "")).split(", ")


def _is_still(child: Child, pid: int) -> bool:
    """Return whether the process that ran when the drill began still runs."""
    with contextlib.suppress(CannotStart):
        return child.is_running and child.pid == pid
    return False


def _repeat(sample: Callable[[], None]) -> Callable[[], None]:
    """Call `sample` every moment, on a thread of its own, until the returned function is called."""
    stopped = threading.Event()

    def run() -> None:
        while not stopped.wait(_POLL_SECONDS):
            with contextlib.suppress(CannotStart):  # the process is being started again
                sample()

    watch = threading.Thread(target=run, daemon=True)
    watch.start()

    def stop() -> None:
        stopped.set()
        watch.join()

    return stop


def _await_count(count: Callable[[], int]) -> int:
    """Return the first count that is not 0; 0 if none comes within the time that a log may be late."""
    deadline = time.monotonic() + _LOG_SECONDS
    while not (number := count()) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return number
