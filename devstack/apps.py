"""The product's own processes, each as a child."""

from __future__ import annotations

import http.client
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devstack.child import Child


@dataclass(frozen=True, slots=True)
class WorkerSize:
    """The processes of a queue's worker, and the memory (KiB) after which Celery replaces one of them."""

    processes: int
    max_kib: int


# Players wait for the refreshes in the leaderboard queue. A rebuild and a reconcile hold a thousand standings at once;
# the other tasks let PostgreSQL add up or look at one player at a time; the learned model needs its libraries.
WORKERS = {
    "leaderboard": WorkerSize(processes=2, max_kib=250_000),
    "analytics": WorkerSize(processes=1, max_kib=250_000),
    "anticheat": WorkerSize(processes=1, max_kib=400_000),
    # One process sends, with threads that wait for receivers; the other turns events into deliveries meanwhile.
    "webhooks": WorkerSize(processes=2, max_kib=250_000),
}
# A wildcard address -> the loopback address that a client can name.
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


class App(Child):
    """A process of the product: `python -m …` in the project's folder, configured by its environment."""

    def __init__(self, log: Path, env: Mapping[str, str], *, keep_open: tuple[int, ...] = ()) -> None:
        super().__init__(log, env=env, keep_open=keep_open)
        self.environment["PYTHONUNBUFFERED"] = "1"


class Web(App):
    """gunicorn, with HOST and PORT from the environment."""

    name = "web"

    def __init__(
        self, log: Path, env: Mapping[str, str], *, name: str = "web", keep_open: tuple[int, ...] = ()
    ) -> None:
        super().__init__(log, env, keep_open=keep_open)
        self.name = name

    @property
    def address(self) -> tuple[str, int]:
        """Return the host and port where a client on this machine reaches it."""
        host = self.environment["HOST"]
        return _LOOPBACK.get(host, host), int(self.environment["PORT"])

    @property
    def url(self) -> str:
        host, port = self.address
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def command(self) -> list[str]:
        return [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "wsgi:app"]

    def answers(self) -> bool:
        """Return whether both /healthz and /readyz answer 200."""
        return self._status("/healthz") == 200 and self._status("/readyz") == 200

    def _status(self, path: str) -> int | None:
        connection = http.client.HTTPConnection(*self.address, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


class Worker(App):
    """A Celery worker: for one queue, or for all queues with as many processes as there are cores, at least two.

    A receiver of webhooks that hangs holds one of them for ten seconds.
    """

    name = "worker"
    # The broker delivers its tasks again. A warm shutdown would wait for a broker that is gone too.
    death_signal = signal.SIGKILL

    def __init__(
        self,
        log: Path,
        env: Mapping[str, str],
        *,
        queue: str | None = None,
        keep_open: tuple[int, ...] = (),
    ) -> None:
        """Take tasks from `queue` alone, in its size; from all queues by default."""
        super().__init__(log, env, keep_open=keep_open)
        self._options = ["--concurrency", str(max(2, os.cpu_count() or 1))]
        if queue is not None:
            self.name = f"worker-{queue}"
            size = WORKERS[queue]
            # Workers of the same name would take each other for dead.
            self._options = ["-Q", queue, "--concurrency", str(size.processes), "-n", f"{queue}@%h"]
            self._options += ["--max-memory-per-child", str(size.max_kib)]

    def command(self) -> list[str]:
        command = [sys.executable, "-m", "celery", "-A", "workers.app", "worker", "--loglevel", "info"]
        return [*command, *self._options]


class Beat(App):
    """Celery beat: the schedule is in the database, and one of the running beat processes sends."""

    name = "beat"

    def command(self) -> list[str]:
        options = ["--pidfile", "", "--loglevel", "info"]
        return [sys.executable, "-m", "celery", "-A", "workers.app", "beat", *options]


class Relay(App):
    """The process that brings the outbox to the broker."""

    name = "relay"

    def command(self) -> list[str]:
        return [sys.executable, "-m", "workers.relay"]
