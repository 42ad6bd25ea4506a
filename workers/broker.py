"""A connection for those who look at the broker or put it right: short timeouts, publishes that are confirmed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import amqp
from celery import Celery
from kombu import Connection
from kombu.exceptions import KombuError

from workers.queues import kind_of

BrokerFailure = (amqp.AMQPError, KombuError, OSError)


def is_rabbitmq(url: str) -> bool:
    """Whether it has queues of the kind that this is about."""
    return url.startswith("amqp")


@contextmanager
def connected(url: str, seconds: float) -> Iterator[Any]:
    """Connected or failed within `seconds`, as each answer is."""
    options: dict[str, Any] = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
    if is_rabbitmq(url):
        options = {"read_timeout": seconds, "write_timeout": seconds, "confirm_publish": True}
    with Connection(url, connect_timeout=seconds, transport_options=options) as connection:
        connection.connect()
        yield connection


def plain_app(url: str) -> Celery:
    """Celery without our tasks and settings, to ask the workers with."""
    app = Celery("fairboard", broker=url)
    app.config_from_object("celeryconfig")
    return app


def in_hand(app: Celery, seconds: float) -> dict[str, int] | None:
    """For each queue, how many tasks the workers have in hand by their own word; None if none answers."""
    ask = app.control.inspect(timeout=seconds)
    answers = [ask.active(), ask.reserved()]
    if not any(answers):
        return None
    found: dict[str, int] = {}
    for tasks in (tasks for answer in answers for tasks in (answer or {}).values()):
        for task in tasks:
            queue = kind_of(task["name"])
            if queue:
                found[queue] = found.get(queue, 0) + 1
    return found
