"""Real servers without the product's processes."""

from __future__ import annotations

import io
import itertools
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from app import logs
from app.containers.container import Container
from app.settings import Settings
from devstack import roles
from devstack.redis_cluster import RedisCluster
from devstack.stack import Stack
from tests.parts import memory
from tests.parts.product import QuickStack
from tests.parts.waiting import eventually

_numbers = itertools.count(1)
_NEEDED_BYTES = 3_000_000_000  # write-ahead logs, and a few databases at a time


@pytest.fixture(scope="session")
def servers() -> Iterator[Stack]:
    """Yield PostgreSQL and Redis, with an application database.

    They live in memory where there is room: making and dropping a database takes 0.03 s there, and 0.11 s on a disk.
    """
    with (
        tempfile.TemporaryDirectory(prefix="fairboard-servers-", dir=memory.place(_NEEDED_BYTES)) as folder,
        QuickStack(Path(folder), {}, parts=()) as stack,
    ):
        yield stack
        stack.postgres.kill()  # a clean stop would first write all databases


def url_of(servers: Stack, name: str) -> str:
    """Return the application's URL of a database."""
    return servers.postgres.database_url(name).replace("postgresql://", "postgresql+psycopg://")


def copy_database(servers: Stack, template: str) -> str:
    """Copy a database without open connections, with the same owner. Return the copy's name."""
    name = f"copy_{next(_numbers)}"
    # Copied as files, a database does not pass through the write-ahead log, which would fill the memory.
    statement = SQL("CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY file_copy")
    with psycopg.connect(servers.postgres.admin_url("postgres"), autocommit=True) as connection:
        connection.execute(statement.format(Identifier(name), Identifier(template), Identifier(roles.APPLICATION)))
    return name


@contextmanager
def database_copy(servers: Stack, template: str) -> Iterator[str]:
    """Copy a database, yield the URL of the copy, and drop it."""
    name = copy_database(servers, template)
    yield url_of(servers, name)
    with psycopg.connect(servers.postgres.admin_url("postgres"), autocommit=True) as connection:
        connection.execute(SQL("DROP DATABASE {} (FORCE)").format(Identifier(name)))


@pytest.fixture
def empty_database(servers: Stack) -> str:
    """Return the URL of a database with nothing in it."""
    name = f"empty_{next(_numbers)}"
    servers.postgres.create_database(name)
    return url_of(servers, name)


@pytest.fixture(scope="session")
def migrated(servers: Stack) -> str:
    """Return the name of a migrated database without open connections, to copy."""
    return copy_database(servers, "fairboard")


@pytest.fixture
def database(servers: Stack, migrated: str) -> Iterator[str]:
    """Yield the URL of the container's database, a new one for each test."""
    with database_copy(servers, migrated) as url:
        yield url


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """Yield three masters with a replica each; a test that breaks one starts its own cluster."""
    folder = tmp_path_factory.mktemp("cluster")
    cluster = RedisCluster(folder, folder)
    cluster.start()
    yield cluster
    cluster.kill()  # a clean stop would first write data to disk


@pytest.fixture
def redis_kind(request: pytest.FixtureRequest) -> str:
    """Return the kind of the container's Redis: single, or with `ON_BOTH` a cluster as well."""
    return str(getattr(request, "param", "single"))


@pytest.fixture
def redis_url(servers: Stack, redis_kind: str, request: pytest.FixtureRequest) -> str:
    if redis_kind == "single":
        return servers.env["REDIS_URL"]
    cluster: RedisCluster = request.getfixturevalue("redis_cluster")
    return cluster.url


@pytest.fixture
def container(servers: Stack, database: str, redis_url: str, tmp_path: Path) -> Iterator[Container]:
    """Yield services on an empty Redis and a database that has only the migrations' rows."""
    from_servers = Settings.from_env(servers.env)
    # No wait between two broadcasts: some tests make a thousand.
    settings = from_servers.model_copy(
        update={"database_url": database, "redis_url": redis_url, "broadcast_seconds": 0.0}
    )
    (tmp_path / "blocked-names").touch()
    files = {"audit_anchors": "audit-anchors", "blocked_names_file": "blocked-names"}
    settings = settings.model_copy(update={name: str(tmp_path / file) for name, file in files.items()})
    container = Container(settings)
    # A cluster that the test before broke is whole again, but may still be slow.
    eventually(container.redis.flushdb)
    yield container
    container.close()


@pytest.fixture
def workers(container: Container) -> Iterator[list[Container]]:
    """Yield the containers of four further processes on the same servers."""
    containers = [Container(container.settings) for _ in range(4)]
    yield containers
    for worker in containers:
        worker.close()


@pytest.fixture
def log_text(container: Container) -> Iterator[io.StringIO]:
    """Yield the test's log as it is written. Make an app of the test before this fixture: it configures logging."""
    logs.configure(container.settings)
    root, text = logging.getLogger(), io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(root.handlers[0].formatter)
    root.addHandler(handler)
    yield text
    root.removeHandler(handler)
