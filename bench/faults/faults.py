"""The faults, one function each: it breaks a part under load, and restores it as its supervisor would."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from celery import Celery

from bench.faults import disk, touch
from bench.faults.scene import Fault, Scene
from bench.load import BenchFailed
from devstack.postgres import Postgres

DIE, SLOW = "drill.die", "drill.slow"
"""The tasks of bench/faults/poison.py, which the cluster's leaderboard worker knows (bench/faults/drill.py)."""
_WAIT_SECONDS = 120.0
_READ_LATELY = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'
    AND pid <> pg_backend_pid() AND state_change > clock_timestamp() - interval '1 second'
"""


def _kill(name: str) -> Callable[[Scene], None]:
    def strike(scene: Scene) -> None:
        scene.child(name).kill()
        scene.wait_out(5, 1.5)
        scene.child(name).start()

    return strike


def _socket_server_killed(scene: Scene) -> None:
    """Kill the server with most sockets: after an earlier fault they are all on another one."""
    server = scene.busiest_socket_server()
    server.kill()
    scene.wait_out(5, 1.5)
    server.start()


def _broker_away(scene: Scene) -> None:
    scene.child("rabbitmq").stop()
    scene.wait_out(60, 3)
    scene.child("rabbitmq").start()


def _broker_killed(scene: Scene) -> None:
    """Kill the broker three times in the full form: at a few publishes a second, once may fall between two of them."""
    for _ in range(1 if scene.short else 3):
        scene.child("rabbitmq").kill()
        scene.child("rabbitmq").start()
        time.sleep(2)


def _redis_master(scene: Scene) -> None:
    """Kill the master with most players: with few players a shard may have none."""
    master = max(scene.masters(), key=lambda node: len(node.ask("KEYS", touch.PLAYERS)))
    master.kill()
    scene.wait_out(10, 4)  # longer than the election of its replica takes
    master.start()


def _redis_emptied(scene: Scene) -> None:
    for master in scene.masters():
        master.ask("FLUSHALL")


def _primary_restarted(scene: Scene) -> None:
    scene.child("postgres").restart()


def _primary_killed(scene: Scene) -> None:
    scene.child("postgres").kill()
    scene.wait_out(3, 1)
    scene.child("postgres").start()


def _backend_killed(scene: Scene) -> None:
    """Kill one backend: PostgreSQL answers its death by restarting all of them."""
    rows = scene.books.rows(
        """SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
           AND query ILIKE '%%standings%%' ORDER BY state_change DESC LIMIT 1"""
    )
    if not rows:
        raise BenchFailed("no backend serves the product")
    os.kill(rows[0][0], signal.SIGKILL)


def _replica_paused(scene: Scene) -> None:
    """Pause a replica once it is read: on a busy machine processes may have turned away from it before."""
    replica = scene.child("replica-1")
    assert isinstance(replica, Postgres)
    _wait(lambda: _is_read(replica), "a read on the replica")
    replica.pause()
    scene.wait_out(10, 3)
    replica.resume()


def _is_read(replica: Postgres) -> bool:
    """Return whether two processes of the product have read from it within the last second."""
    with contextlib.suppress(psycopg.Error), psycopg.connect(replica.url, connect_timeout=5) as connection:
        row = connection.execute(_READ_LATELY).fetchone()
        return bool(row and row[0] >= 2)
    return False


def _worker_in_a_task(scene: Scene) -> None:
    """Kill the worker that has the task with kill -9; the task must be done all the same."""
    folder = _task_folder(scene)
    start_file, end_file = folder / touch.BEGAN, folder / "done"
    worker = scene.child("worker-leaderboard")
    _send(scene, SLOW, {"folder": str(folder), "seconds": 2.0})
    _wait(start_file.exists, "the slow task to begin")
    worker.kill()
    if end_file.exists():
        raise BenchFailed("the task was done before its worker could be killed")
    worker.start()
    _wait(end_file.exists, "the killed worker's task to be done")


def _poison(scene: Scene) -> None:
    """Send a task that kills its worker every time; it must become a dead letter, and the other tasks must go on."""
    before = scene.books.count_dead_letters()[DIE]
    _send(scene, DIE, {"folder": str(_task_folder(scene))})
    _wait(lambda: scene.books.count_dead_letters()[DIE] > before, "the poison to become a dead letter")
    scene.expected_dead_letters[DIE] += 1


def _everything(scene: Scene) -> None:
    children = list(scene.cluster.processes.values())
    for child in children:
        os.killpg(child.pid, signal.SIGKILL)
    for child in children:
        child.kill()
    # Start all at the same time, as when a machine boots: each waits for the parts that it needs.
    for child in children:
        child.launch()
    for child in children:
        child.wait_until_answers()


def _disk_full(scene: Scene) -> None:
    is_out_of_space = touch.out_of_space(scene)
    with disk.filled(scene.child("postgres")):
        _wait(is_out_of_space, "the database to need more space")  # the space that it has reserved lasts for a while
        scene.wait_out(8, 3)
    # Start it as its supervisor would, if it has given up.
    if not scene.child("postgres").is_running:
        scene.child("postgres").start()


_NO_BROKER = touch.outbox_without("rabbitmq")

FAULTS = (
    Fault("api", "an API server killed", _kill("api-1"), touch.requests_of("api-1")),
    Fault("ws", "a WebSocket server killed", _socket_server_killed, touch.SOCKETS),
    Fault("broker-away", "RabbitMQ stopped for 60 s", _broker_away, _NO_BROKER),
    Fault("broker-killed", "RabbitMQ killed with -9 while publishing", _broker_killed, _NO_BROKER),
    Fault("redis-master", "a Redis master killed", _redis_master, touch.SHARD_PLAYERS),
    Fault("redis-emptied", "all of Redis emptied", _redis_emptied, touch.FORGOTTEN_ACTIONS),
    Fault("primary-restarted", "the primary restarted", _primary_restarted, touch.BACKENDS),
    Fault("primary-killed", "the primary killed with -9", _primary_killed, touch.BACKENDS),
    Fault("backend", "one backend of the primary killed", _backend_killed, touch.BACKENDS),
    Fault("replica", "a replica paused", _replica_paused, touch.readers_of("replica-1")),
    Fault("task", "a worker killed in the middle of a task", _worker_in_a_task, touch.TASKS),
    Fault("poison", "a task that kills its worker every time", _poison, touch.DEAD_LETTERS),
    Fault("relay", "the relay killed", _kill("relay"), touch.outbox_without("relay")),
    Fault("everything", "everything killed at once and started again", _everything, touch.EVERYTHING),
    Fault("disk", "the database's disk full", _disk_full, touch.FULL_DISK),
)


def _task_folder(scene: Scene) -> Path:
    """Return a new folder for the files of one task."""
    folder = scene.folder / f"task-{time.monotonic_ns()}"
    folder.mkdir()
    return folder


def _send(scene: Scene, task: str, arguments: dict[str, Any]) -> None:
    with Celery("drill", broker=scene.cluster.env["BROKER_URL"]) as app:
        app.config_from_object("celeryconfig")
        with app.connection_for_write() as connection:  # a pooled connection may lead to a broker that was killed since
            app.send_task(task, kwargs=arguments, queue="leaderboard", connection=connection)


def _wait(condition: Callable[[], object], awaited_event: str) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise BenchFailed(f"waited {_WAIT_SECONDS:.0f} s for {awaited_event}")
        time.sleep(0.05)
