"""The whole product on one machine: servers, migrations, and the product's processes, in one folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from types import TracebackType

from app.settings import BadSetting, Settings
from deploy.local.apps import App, Beat, Relay, Web, Worker
from deploy.local.child import ROOT, CannotStart, Child, free_port, is_free
from deploy.local.folder import Folder
from deploy.local.postgres import Postgres
from deploy.local.rabbitmq import RabbitMQ
from deploy.local.redis_server import Redis

PARTS = ("web", "worker", "beat", "relay")
# Stopped the other way round: first the process that takes requests, last the one that finishes work.
_START_ORDER = ("worker", "beat", "relay", "web")
_SETTING_NAMES = frozenset(item.name.upper() for item in fields(Settings))


class Stack:
    """Everything in `folder`, on free ports of the loopback; a second start finds the data of the first.

    - `env`: settings by their names (PORT, RATE_LIMIT_ACTIONS, …). They win. A DATABASE_URL, REDIS_URL or BROKER_URL
      given there means that no private copy of that part is started. Settings in our own environment do not count.
    - `broker`: "redis" (the private Redis through kombu) or "rabbitmq" (the system's, as a private node).
    - `parts`: which processes of the product to start, out of `PARTS`; () for servers and migrations alone.

        with Stack(folder, {"RATE_LIMIT_AUTH": "1000/minute"}, broker="rabbitmq") as stack:
            requests.get(f"{stack.url}/api/v1/leaderboard/top")
            stack.process("worker").kill()
            stack.process("worker").start()
            subprocess.run([sys.executable, "-m", "flask", "--app", "wsgi", "doctor"], env=stack.env, cwd=ROOT)

    Start it from the main thread: the processes die with the thread that started them.
    """

    def __init__(
        self,
        folder: Path | str,
        env: Mapping[str, str] | None = None,
        broker: str = "redis",
        parts: Iterable[str] = PARTS,
        *,
        lock: int | None = None,
    ) -> None:
        """`lock`: a descriptor that holds the lock on the folder's `run.lock` already."""
        if broker not in ("redis", "rabbitmq"):
            raise CannotStart(f"broker {broker!r}: choose redis or rabbitmq")
        self.folder = Folder(Path(folder), lock)
        self.given = dict(env or {})
        self.broker = broker
        self.parts = tuple(parts)
        self.env: dict[str, str] = {}
        """The environment for a flask command or a process of the product; filled by start()."""
        self._host, self._port = "127.0.0.1", 0
        self._processes: dict[str, Child] = {}

    def start(self, progress: Callable[[str], None] = print) -> None:
        """Start all and wait until it answers; `progress` gets one line for each step.

        CannotStart, with everything stopped again, if a part cannot start.
        """
        self._check()
        self.folder.take(progress)
        try:
            self._start_servers(progress)
            progress("Bringing the database up to date")
            self.flask("db", "upgrade")
            self._start_parts(progress)
        except BaseException:
            self.stop()
            raise

    def stop(self, progress: Callable[[str], None] = lambda line: None) -> None:
        """Stop all, the last started first; returns when no process is left."""
        for child in reversed(list(self._processes.values())):
            if child.running:
                progress(f"Stopping {child.name}")
            child.stop()
        self._processes.clear()
        self.folder.release()

    def __enter__(self) -> Stack:
        self.start(lambda line: None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where the web process answers, such as `http://127.0.0.1:8000`."""
        web = self.process("web")
        assert isinstance(web, Web)
        return web.url

    def process(self, name: str) -> Child:
        """One of `PARTS` or "postgres", "redis", "rabbitmq"; KeyError if this stack has not started it."""
        return self._processes[name]

    @property
    def processes(self) -> dict[str, Child]:
        """All of them by name, in the order of their start."""
        return dict(self._processes)

    @property
    def postgres(self) -> Postgres:
        """The private PostgreSQL; KeyError if DATABASE_URL was given."""
        server = self.process("postgres")
        assert isinstance(server, Postgres)
        return server

    def add(self, name: str, child: Child) -> None:
        """Start one more process that stops with the others, before them."""
        self._processes[name] = child
        child.start()

    def flask(self, *arguments: str) -> str:
        """Run a flask command to its end and return what it printed; CannotStart with its last line if it fails."""
        command = [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]
        done = subprocess.run(command, env=self.env, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        log = self.folder.log("flask")
        with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w") as file:
            file.write(done.stdout + done.stderr)
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
            raise CannotStart(f"flask {' '.join(arguments)} failed ({said[:300]}); all of it is in {log}")
        return done.stdout

    def _check(self) -> None:
        """What can be known to be wrong before anything is started."""
        try:
            settings = Settings.from_env(self.given)
        except BadSetting as error:
            raise CannotStart(str(error)) from error
        self._host = settings.host
        self._port = settings.port if self.given.get("PORT") else free_port()
        if "web" in self.parts and not is_free(self._host, self._port):
            address = f"{self._host} port {self._port}"
            raise CannotStart(f"cannot listen on {address}: stop what uses it, or choose another, such as PORT=8001")

    def _start_servers(self, progress: Callable[[str], None]) -> None:
        path, keep = self.folder.path, self.folder.kept_open
        found: dict[str, str] = {}
        if "DATABASE_URL" not in self.given:
            postgres = Postgres(path / "postgres", self.folder.log("postgres"), keep_open=keep)
            self._start("postgres", postgres, "Starting PostgreSQL", progress)
            found["DATABASE_URL"] = postgres.url
        wants_redis = "REDIS_URL" not in self.given or ("BROKER_URL" not in self.given and self.broker == "redis")
        if wants_redis:
            password = self.folder.secret("redis")
            redis = Redis(path / "redis", self.folder.log("redis"), password=password, keep_open=keep)
            self._start("redis", redis, "Starting Redis", progress)
            found |= {"REDIS_URL": redis.database_url(0), "BROKER_URL": redis.database_url(1)}
        if self.broker == "rabbitmq" and "BROKER_URL" not in self.given:
            rabbitmq = RabbitMQ(path / "rabbitmq", self.folder.log("rabbitmq"), keep_open=keep)
            self._start("rabbitmq", rabbitmq, "Starting RabbitMQ", progress)
            found["BROKER_URL"] = rabbitmq.url
        self._settle(found)

    def _settle(self, found: Mapping[str, str]) -> None:
        metrics = self.folder.path / "metrics"
        shutil.rmtree(metrics, ignore_errors=True)
        metrics.mkdir(mode=0o700)
        ours = {
            "HOST": self._host,
            "PORT": str(self._port),
            "METRICS_DIR": str(metrics),
            "JWT_KEYS": f"local:{self.folder.secret('jwt')}",
            "ACTION_TOKEN_KEYS": f"local:{self.folder.secret('action_token')}",
        }
        inherited = {name: value for name, value in os.environ.items() if name not in _SETTING_NAMES}
        settings = {**ours, **found, **self.given}
        self.env = {**inherited, **settings, "FLASK_APP": "wsgi"}
        self.folder.write_environment({**settings, "FLASK_APP": "wsgi"})

    def _start_parts(self, progress: Callable[[str], None]) -> None:
        for name in _START_ORDER:
            if name in self.parts:
                child = self._part(name)
                self._processes[name] = child
                progress(f"Starting the {name} process")
                child.launch()
        for name in self.parts:
            self._processes[name].wait_until_answers()

    def _part(self, name: str) -> App:
        log, keep = self.folder.log(name), self.folder.kept_open
        if name == "beat":
            return Beat(log, self.env, self.folder.path / "beat" / "schedule", keep_open=keep)
        return {"web": Web, "worker": Worker, "relay": Relay}[name](log, self.env, keep_open=keep)

    def _start(self, key: str, server: Child, doing: str, progress: Callable[[str], None]) -> None:
        self._processes[key] = server
        progress(doing)
        server.start()
