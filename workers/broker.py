"""A connection for inspecting or repairing the broker, with short timeouts and confirmed publishes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import amqp
from celery import Celery
from kombu import Connection
from kombu.exceptions import KombuError

from app.settings import BadSetting, Settings
from workers.queues import queue_of

BROKER_ERRORS = (amqp.AMQPError, KombuError, OSError)


def is_rabbitmq(url: str) -> bool:
    """Return whether the broker is RabbitMQ, with the queues of workers/queues.py."""
    return url.startswith("amqp")


def check_broker(settings: Settings) -> None:
    """Raise BadSetting for an option that the broker's client can't read. Shows no part of the URL."""
    try:
        connections = [Connection(url) for url in settings.broker_url.split(";")]  # they connect later
    except (TypeError, ValueError, LookupError):
        connections = []
    options = [option for broker in connections for option in (broker.ssl, broker.connect_timeout)]
    if not options or any(isinstance(option, str) for option in options):  # kombu reads neither: `ssl=false` is true
        raise BadSetting("BROKER_URL has an option that the broker's client doesn't know, or a bad value")


@contextmanager
def broker_connection(url: str, seconds: float) -> Iterator[Connection]:
    """Yield a connection. Raises one of BROKER_ERRORS if connecting, or an answer, takes longer than `seconds`."""
    options: dict[str, object] = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
    if is_rabbitmq(url):
        options = {"read_timeout": seconds, "write_timeout": seconds, "confirm_publish": True}
    with Connection(url, connect_timeout=seconds, transport_options=options) as connection:
        connection.connect()
        yield connection


def plain_app(url: str) -> Celery:
    """Return a Celery app without our tasks and settings, to inspect the workers with."""
    app = Celery("fairboard", broker=url)
    app.config_from_object("celeryconfig")
    return app


def count_tasks_in_hand(app: Celery, seconds: float) -> dict[str, int] | None:
    """Count the tasks that the workers report to have in hand, by queue; `None` if no worker answers."""
    inspector = app.control.inspect(timeout=seconds)
    answers = [inspector.active(), inspector.reserved()]
    if not any(answers):
        return None
    counts: dict[str, int] = {}
    for tasks in (tasks for answer in answers for tasks in (answer or {}).values()):
        for task in tasks:
            queue = queue_of(task["name"])
            if queue:
                counts[queue] = counts.get(queue, 0) + 1
    return counts
