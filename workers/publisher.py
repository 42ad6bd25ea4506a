"""Handing tasks to the broker: when `send` returns, the broker has the task, on disk."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping

import amqp
from celery import Celery
from kombu import Connection, Producer

from workers.broker import is_rabbitmq
from workers.queues import declare


class Publisher:
    """One connection to the broker, opened at the first use. Not for two threads at once.

    After any failure the connection is dropped: a confirm that comes late must not be taken for the next one's.
    """

    def __init__(self, app: Celery, *, declare_seconds: float = 5.0) -> None:
        """Take the app; a Redis broker may have been emptied, so queues are declared on it every `declare_seconds`."""
        self._app, self._declare_seconds = app, declare_seconds
        self._declared_at = -declare_seconds
        self._connection: Connection | None = None
        self._producer: Producer | None = None

    def send(self, task: str, kwargs: Mapping[str, object], headers: Mapping[str, object] | None = None) -> None:
        """Publish persistently and wait for the confirm. Raises any failure within seconds.

        A task that no queue takes is an error too; it does not vanish.
        """
        try:
            self._app.send_task(
                task,
                kwargs=kwargs,
                headers=headers or {},
                producer=self._ready_producer(),
                delivery_mode=2,
                mandatory=True,
                retry=False,
            )
        except Exception:
            self.drop()
            raise

    def drop(self) -> None:
        """Drop the connection without asking a broker that may not answer."""
        connection, self._connection, self._producer = self._connection, None, None
        if connection is None:
            return
        with contextlib.suppress(Exception):
            if isinstance(connection.connection, amqp.Connection):
                connection.connection.collect()
        with contextlib.suppress(Exception):
            connection.release()

    def _ready_producer(self) -> Producer:
        if self._connection is None or self._producer is None:
            self._connection = self._app.connection_for_write()
            self._connection.connect()
            self._producer = self._app.amqp.Producer(self._connection.channel(), auto_declare=False)
        if not is_rabbitmq(self._app.conf.broker_url) and time.monotonic() - self._declared_at >= self._declare_seconds:
            # Redis has no `mandatory`: without its bindings a task would vanish.
            self._connection.transport.state.clear()  # otherwise kombu skips queues that it declared before
            declare(self._connection)
            self._declared_at = time.monotonic()
        return self._producer
