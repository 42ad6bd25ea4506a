"""The whole product, started for the tests on private ports, and a tester's view of it from behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import redis

from bench.faults import verified
from devstack.child import Child
from devstack.group import Group
from devstack.stack import Stack
from tests.parts import ready_python, template
from tests.parts.client import Api
from tests.parts.waiting import eventually

# Limits so high that no test reaches them by accident.
UNLIMITED = {
    "RATE_LIMIT_AUTH": "100000/second",
    "RATE_LIMIT_ACTIONS": "100000/second",
    "RATE_LIMIT_READS": "100000/second",
    "RATE_LIMIT_SOCKETS": "100000/second",
}


def has_rabbitmq() -> bool:
    """Return whether the system has RabbitMQ, even if only root's path would find it."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/lib/rabbitmq/bin"
    return shutil.which("rabbitmq-server", path=path) is not None


def has_nginx() -> bool:
    """Return whether the system has nginx, even if only root's path would find it."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") is not None


class Product:
    """One running stack or cluster."""

    def __init__(self, stack: Group) -> None:
        self.stack = stack

    @property
    def url(self) -> str:
        return self.stack.url

    @property
    def env(self) -> dict[str, str]:
        return self.stack.env

    def process(self, name: str) -> Child:
        return self.stack.process(name)

    def flask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a flask command to its end."""
        return ready_python.flask(self.env, arguments)

    def run_json(self, *arguments: str) -> Any:
        """Run a flask command with --json and return its parsed output. Fails if the command fails."""
        result = self.flask(*arguments, "--json")
        assert result.returncode == 0, result.stdout + result.stderr
        return json.loads(result.stdout)

    def database(self, **options: Any) -> psycopg.Connection[Any]:
        """Return a new connection to the database; each statement commits unless `autocommit=False` is passed."""
        url = self.env["DATABASE_URL"].replace("postgresql+psycopg://", "postgresql://")
        return psycopg.connect(url, **{"autocommit": True, **options})

    def query_value(self, query: str, *values: Any) -> Any:
        """Return the first column of the first row, or None if there is no row."""
        with self.database() as connection:
            row = connection.execute(query, values).fetchone()
        return row[0] if row else None

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.env["REDIS_URL"])

    def web_workers(self) -> list[int]:
        """Return the pids of the processes that serve requests: the children of gunicorn's master."""
        return self.process("web").pids()[1:]

    def ready(self) -> bool:
        api = Api(self.url, timeout=5)
        try:
            return api.get("//readyz").status == 200
        finally:
            api.close()


class QuickStack(Stack):
    """A stack for tests: its PostgreSQL is a copy, and its commands run in forks of a ready process."""

    def __init__(self, folder: Path, env: Mapping[str, str], **options: Any) -> None:
        super().__init__(folder, env, **options)
        template.copy_postgres(folder / "postgres")

    def _run_flask(self, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return ready_python.flask(self.env, arguments)

    def discard(self) -> None:
        """Kill all, and leave no more than the logs."""
        super().discard()
        remove_data(self)


def remove_data(stack: Group) -> None:
    """Remove the data of a stack's servers, which may be in memory."""
    for server in stack.folder.path.iterdir():
        if server.name.startswith(("postgres", "replica", "redis", "rabbitmq")):
            shutil.rmtree(server, ignore_errors=True)


@contextmanager
def running(folder: Path, env: Mapping[str, str], *, broker: str) -> Iterator[Product]:
    """Start a product of its own and discard it at the end."""
    stack = QuickStack(folder, {**UNLIMITED, **env}, broker=broker)
    stack.start(lambda line: None)
    try:
        yield Product(stack)
    finally:
        stack.discard()


def find_contradictions(product: Product) -> list[str]:
    """Return the contradictions in the books: scores that differ from the sum of their events, actions scored twice.

    An event names the season of the first board that it feeds. Boards that are no sums of such events are left to
    `verified`.
    """
    with product.database() as connection:
        sums = connection.execute(
            """SELECT s.player_id, s.score + s.held, coalesce(e.total, 0) FROM standings s
               LEFT JOIN (SELECT season_id, player_id, sum(points) AS total FROM score_events GROUP BY 1, 2) e
               USING (season_id, player_id) WHERE s.score + s.held <> coalesce(e.total, 0)
               AND s.season_id IN (
                   SELECT n.id FROM seasons n JOIN boards b ON b.id = n.board_id
                   JOIN action_types t ON t.board_id = b.id WHERE b.scoring = 'sum'
               )"""
        ).fetchall()
        twice = connection.execute(
            "SELECT action_id FROM score_events WHERE kind = 'redeem' GROUP BY 1 HAVING count(*) > 1"
        ).fetchall()
    return [f"standing {row}" for row in sums] + [f"scored twice {row}" for row in twice]


def wait_until_settled(product: Product, *, within: float = 60.0) -> None:
    """Wait until every event is delivered; then check that the books agree, and Redis with them."""
    eventually(lambda: product.query_value("SELECT count(*) FROM outbox") == 0, within=within)
    assert find_contradictions(product) == []

    def redis_agrees() -> bool:
        differences = verified.differences(product.env)
        assert differences == []
        return True

    eventually(redis_agrees, within=within, every=0.5)
