"""The base of stacks and clusters: processes in one folder that start and stop together, with one environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from app.settings import BadSetting, Settings
from devstack import surroundings
from devstack.child import ROOT, CannotStart, Child, free_port, is_free
from devstack.folder import Folder
from devstack.postgres import Postgres
from devstack.private_files import append_private
from devstack.user_settings import MARKER, marker_value

Progress = Callable[[str], None]


class Group(ABC):
    """Children by name in `folder`; a second start uses the data of the first.

    Start it from the main thread: the processes die with the thread that started them.
    """

    def __init__(self, folder: Path | str, env: Mapping[str, str] | None = None, *, lock: int | None = None) -> None:
        """Take settings by their names, which win, as `env`; take over `lock`, which holds `run.lock` already."""
        self.folder = Folder(Path(folder), lock)
        self.user_settings = dict(env or {})
        self.env: dict[str, str] = {}
        """The environment for a flask command or a process of the product; filled by start()."""
        self._host, self._port = "127.0.0.1", 0
        self._processes: dict[str, Child] = {}

    @abstractmethod
    def _start_all(self, progress: Progress) -> None:
        """Start everything and wait until it answers."""

    @property
    @abstractmethod
    def url(self) -> str:
        """Return where clients reach it, such as `http://127.0.0.1:8000`."""

    def start(self, progress: Progress = print) -> None:
        """Start all and wait until it answers; `progress` gets one line for each step.

        Raises `CannotStart`, with everything stopped again, if a part cannot start.
        """
        self._check()
        self.folder.take(progress)
        try:
            self._start_all(progress)
        except BaseException:
            self.stop()
            raise

    def stop(self, progress: Progress = lambda line: None) -> None:
        """Stop all, the last started first; return when no process is left."""
        for wave in self._waves():
            for child in wave:
                if child.is_running:
                    progress(f"Stopping {child.name}")
                    child.ask_to_stop()
            for child in wave:
                child.stop()
        self._processes.clear()
        self.folder.release()

    def discard(self) -> None:
        """Kill all, with no time to finish anything: for a folder that is never started again.

        PostgreSQL alone is asked to stop: killed, it would leave shared memory behind.
        """
        for child in reversed(list(self._processes.values())):
            if not isinstance(child, Postgres):
                child.kill()
        self.stop()

    def __enter__(self) -> Self:
        self.start(lambda line: None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def process(self, name: str) -> Child:
        """Return a child by its name. Raises `KeyError` if it has not been started."""
        return self._processes[name]

    @property
    def processes(self) -> dict[str, Child]:
        """Return all children by name, in the order of their start."""
        return dict(self._processes)

    @property
    def postgres(self) -> Postgres:
        """Return the private PostgreSQL that takes writes. Raises `KeyError` if there is none."""
        server = self.process("postgres")
        assert isinstance(server, Postgres)
        return server

    def add(self, name: str, child: Child) -> None:
        """Start one more process that stops with the others, before them."""
        self._processes[name] = child
        child.start()

    def flask(self, *arguments: str) -> str:
        """Run a flask command to its end and return its output. Raises `CannotStart` with its last line if it fails."""
        result = self._run_flask(arguments)
        log = self.folder.log("flask")
        append_private(log, result.stdout + result.stderr)
        if result.returncode != 0:
            last_line = (result.stderr.strip() or result.stdout.strip() or "no output").splitlines()[-1]
            raise CannotStart(f"flask {' '.join(arguments)} failed ({last_line[:300]}); all of it is in {log}")
        return result.stdout

    def _run_flask(self, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]
        return subprocess.run(command, env=self.env, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def _waves(self) -> Sequence[Sequence[Child]]:
        """Return the order in which the children stop; those of one wave stop at the same time."""
        return [[child] for child in reversed(list(self._processes.values()))]

    def _check(self) -> None:
        """Choose host and port. Raises `CannotStart` for faults that show before anything is started."""
        try:
            # The secrets of production are checked later: the group makes some of them itself.
            settings = Settings.from_env({**self.user_settings, "APP_ENV": "development"})
        except BadSetting as error:
            raise CannotStart(str(error)) from error
        self._host = settings.host
        self._port = settings.port if self.user_settings.get("PORT") else free_port()
        if self._listens() and not is_free(self._host, free_port()):
            raise CannotStart(f"HOST={self._host} is no address of this machine: unset HOST, or name one")
        if self._listens() and not is_free(self._host, self._port):
            address = f"{self._host} port {self._port}"
            raise CannotStart(f"cannot listen on {address}: stop what uses it, or choose another, such as PORT=8001")

    def _listens(self) -> bool:
        """Return whether HOST and PORT are used at all."""
        return True

    def _write_settings(self, addresses: Mapping[str, str]) -> None:
        """Write the settings of all parts: `addresses` of servers, our own, and those from `env`, which win."""
        metrics = self.folder.path / "metrics"
        shutil.rmtree(metrics, ignore_errors=True)
        metrics.mkdir(mode=0o700)
        defaults = {
            "APP_ENV": "development",
            "HOST": self._host,
            "PORT": str(self._port),
            "METRICS_DIR": str(metrics),
            "AUDIT_ANCHORS": str(self.folder.path / "audit-anchors"),
            "JWT_KEYS": f"local:{self.folder.secret('jwt')}",
            "ACTION_TOKEN_KEYS": f"local:{self.folder.secret('action_token')}",
        }
        settings = {**defaults, **addresses, **self.user_settings}
        try:
            Settings.from_env(settings)
        except BadSetting as error:
            raise CannotStart(str(error)) from error
        self.env = {**surroundings.for_parts(os.environ), **settings, "FLASK_APP": "wsgi"}
        own_settings = {name: value for name, value in settings.items() if name not in self.user_settings}
        self.folder.write_environment({**settings, "FLASK_APP": "wsgi", MARKER: marker_value(own_settings)})

    def _start(self, name: str, server: Child, message: str, progress: Progress) -> None:
        self._processes[name] = server
        progress(message)
        server.start()
