"""The whole product on one machine with one of each: servers, migrations, and the product's processes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from devstack.apps import App, Beat, Relay, Web, Worker
from devstack.child import CannotStart
from devstack.group import Group, Progress
from devstack.postgres import Postgres
from devstack.rabbitmq import RabbitMQ
from devstack.redis_server import Redis

PARTS = ("web", "worker", "beat", "relay")
# They stop in reverse order: first the process that takes requests, last the process that finishes work.
_START_ORDER = ("worker", "beat", "relay", "web")


class Stack(Group):
    """Everything in `folder`, on free ports of the loopback; a second start uses the data of the first.

    - `env`: settings by their names (PORT, RATE_LIMIT_ACTIONS, …). They win. A DATABASE_URL, REDIS_URL or BROKER_URL
      in it means that no private copy of that part is started. Settings in our own environment do not count.
    - `broker`: "redis" (the private Redis through kombu) or "rabbitmq" (the system's, as a private node).
    - `parts`: the processes of the product to start, out of `PARTS`; () for servers and migrations alone.

        with Stack(folder, {"RATE_LIMIT_AUTH": "1000/minute"}, broker="rabbitmq") as stack:
            requests.get(f"{stack.url}/api/v1/leaderboard/top")
            stack.process("worker").kill()
            stack.process("worker").start()
            subprocess.run([sys.executable, "-m", "flask", "--app", "wsgi", "doctor"], env=stack.env, cwd=ROOT)

    Its processes are named after `PARTS`, "postgres", "redis" and "rabbitmq".
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
        """Take over `lock`, a descriptor that holds the lock on the folder's `run.lock` already."""
        if broker not in ("redis", "rabbitmq"):
            raise CannotStart(f"broker {broker!r}: choose redis or rabbitmq")
        super().__init__(folder, env, lock=lock)
        self.broker = broker
        self.parts = tuple(parts)

    @property
    def url(self) -> str:
        """Return where the web process answers, such as `http://127.0.0.1:8000`."""
        web = self.process("web")
        assert isinstance(web, Web)
        return web.url

    def _listens(self) -> bool:
        return "web" in self.parts

    def _start_all(self, progress: Progress) -> None:
        self._start_servers(progress)
        progress("Bringing the database up to date")
        is_private = "postgres" in self._processes  # so no other version of Fairboard runs on it
        self.flask("db", "upgrade", *(["--contract"] if is_private else []))
        if "rabbitmq" in self._processes:
            self._processes["rabbitmq"].wait_until_answers()
        self._start_parts(progress)

    def _start_servers(self, progress: Progress) -> None:
        path, keep_open = self.folder.path, self.folder.inherited_descriptors
        addresses: dict[str, str] = {}
        if "DATABASE_URL" not in self.user_settings:
            postgres = Postgres(path / "postgres", self.folder.log("postgres"), keep_open=keep_open)
            self._start("postgres", postgres, "Starting PostgreSQL", progress)
            addresses["DATABASE_URL"] = postgres.url
        needs_redis = "REDIS_URL" not in self.user_settings or (
            "BROKER_URL" not in self.user_settings and self.broker == "redis"
        )
        if needs_redis:
            password = self.folder.secret("redis")
            redis = Redis(path / "redis", self.folder.log("redis"), password=password, keep_open=keep_open)
            self._start("redis", redis, "Starting Redis", progress)
            addresses |= {"REDIS_URL": redis.database_url(0), "BROKER_URL": redis.database_url(1)}
        if self.broker == "rabbitmq" and "BROKER_URL" not in self.user_settings:
            rabbitmq = RabbitMQ(path / "rabbitmq", self.folder.log("rabbitmq"), keep_open=keep_open)
            self._processes["rabbitmq"] = rabbitmq
            progress("Starting RabbitMQ")
            rabbitmq.launch()  # it takes longest, and nothing needs it before the parts
            addresses["BROKER_URL"] = rabbitmq.url
        self._write_settings(addresses)

    def _start_parts(self, progress: Progress) -> None:
        for name in _START_ORDER:
            if name in self.parts:
                child = self._part(name)
                self._processes[name] = child
                progress(f"Starting the {name} process")
                child.launch()
        for name in self.parts:
            self._processes[name].wait_until_answers()

    def _part(self, name: str) -> App:
        log, keep_open = self.folder.log(name), self.folder.inherited_descriptors
        if name == "beat":
            return Beat(log, self.env, keep_open=keep_open)
        kinds: dict[str, type[App]] = {"web": Web, "worker": Worker, "relay": Relay}
        return kinds[name](log, self.env, keep_open=keep_open)
