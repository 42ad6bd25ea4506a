"""Workers, beat and publishers on a RabbitMQ of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from celery import Celery

from app.containers.broker_processes import BrokerProcesses
from app.containers.container import Container
from app.services.operations.queues import Queues
from devstack.apps import Beat, Worker
from devstack.rabbitmq import RabbitMQ
from devstack.stack import Stack
from tests.parts.product import has_rabbitmq
from workers.broker import broker_connection, plain_app
from workers.queues import DEAD, KINDS, declare


class OddWorker(Worker):
    """A worker that knows tests/parts/odd_tasks.py, and answers when it takes tasks."""

    def prepare(self) -> None:
        self.log.unlink(missing_ok=True)

    def command(self) -> list[str]:
        # It is the only worker, so it need not wait for the greetings of others.
        options = ["--include", "tests.parts.odd_tasks", "--concurrency", "2", "--without-mingle", "--without-gossip"]
        return [*super().command(), *options]

    def answers(self) -> bool:
        return self.is_running and self.log.exists() and " ready." in self.log.read_text()


@pytest.fixture(scope="session")
def _rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    if not has_rabbitmq():
        pytest.skip("rabbitmq-server is not installed")
    folder = tmp_path_factory.mktemp("rabbitmq")
    node = RabbitMQ(folder / "data", folder / "log")
    node.start()
    yield node
    node.stop()


@pytest.fixture
def rabbitmq(_rabbitmq: RabbitMQ) -> RabbitMQ:
    """Return the broker with empty queues."""
    with broker_connection(_rabbitmq.url, 10) as connection, connection.channel() as channel:
        declare(connection)
        for name in (*KINDS, DEAD.name):
            channel.queue_purge(name)
    return _rabbitmq


@pytest.fixture
def env(servers: Stack, rabbitmq: RabbitMQ, container: Container) -> dict[str, str]:
    """Return the environment of a process on this RabbitMQ and the container's database."""
    database = container.settings.database_url
    return {**servers.env, "BROKER_URL": rabbitmq.url, "DATABASE_URL": database, "METRICS_DIR": ""}


@pytest.fixture
def worker(env: dict[str, str], tmp_path: Path) -> Iterator[OddWorker]:
    """Yield a worker that is not started yet."""
    worker = OddWorker(tmp_path / "worker.log", env)
    yield worker
    worker.kill()


@pytest.fixture
def beats(env: dict[str, str], tmp_path: Path) -> Iterator[list[Beat]]:
    """Yield two beats that are not started yet."""
    processes = [Beat(tmp_path / f"beat-{number}.log", env) for number in (1, 2)]
    yield processes
    for beat in processes:
        beat.kill()


@pytest.fixture
def celery(rabbitmq: RabbitMQ) -> Iterator[Celery]:
    """Yield a Celery app that sends tasks."""
    app = plain_app(rabbitmq.url)
    yield app
    app.close()


@pytest.fixture
def queues(rabbitmq: RabbitMQ, container: Container) -> Queues:
    """Return the service behind `flask queues`."""
    settings = container.settings.model_copy(update={"broker_url": rabbitmq.url})
    return Queues(settings, container.failures, BrokerProcesses(settings.broker_url))


@pytest.fixture
def ready(rabbitmq: RabbitMQ) -> Callable[[str], int]:
    """Return a function that counts the messages in a queue."""

    def ready(name: str) -> int:
        with broker_connection(rabbitmq.url, 10) as connection, connection.channel() as channel:
            return int(channel.queue_declare(name, passive=True).message_count)

    return ready
