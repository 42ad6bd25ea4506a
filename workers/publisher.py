"""Handing tasks to the broker: when `send` returns, the broker has the task, on disk."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import amqp
from celery import Celery

from workers.broker import is_rabbitmq
from workers.queues import declare


class Publisher:
    """One connection, opened at the first use. Not for two threads at once.

    After any failure the connection is thrown away: a confirm that comes late must not be taken for the next one's.
    """

    def __init__(self, app: Celery, *, declare_seconds: float = 5.0) -> None:
        """`declare_seconds`: so often queues are declared on a Redis as the broker, which may have been emptied."""
        self._app, self._declare_seconds = app, declare_seconds
        self._declared_at = -declare_seconds
        self._connection: Any = None
        self._producer: Any = None

    def send(self, task: str, kwargs: dict[str, Any], headers: dict[str, Any] | None = None) -> None:
        """Publish persistently and wait for the confirm; raises whatever went wrong, within seconds.

        A task that no queue takes is an error too, not a task that vanishes.
        """
        try:
            self._app.send_task(
                task,
                kwargs=kwargs,
                headers=headers or {},
                producer=self._ready(),
                delivery_mode=2,
                mandatory=True,
                retry=False,
            )
        except Exception:
            self.drop()
            raise

    def drop(self) -> None:
        """Let go of the connection without asking a broker that may not answer."""
        connection, self._connection, self._producer = self._connection, None, None
        if connection is None:
            return
        with contextlib.suppress(Exception):
            if isinstance(connection.connection, amqp.Connection):
                connection.connection.collect()
        with contextlib.suppress(Exception):
            connection.release()

    def _ready(self) -> Any:
        if self._producer is None:
            self._connection = self._app.connection_for_write()
            self._connection.connect()
            self._producer = self._app.amqp.Producer(self._connection.channel(), auto_declare=False)
        if not is_rabbitmq(self._app.conf.broker_url) and time.monotonic() - self._declared_at >= self._declare_seconds:
            # Redis has no `mandatory`: without its bindings a task would vanish.
            self._connection.transport.state.clear()  # or it takes what it declared once for declared
            declare(self._connection)
            self._declared_at = time.monotonic()
        return self._producer
