"""How much waits in each queue and who takes from it, kept in Redis for /metrics: a request never asks the broker."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from typing import Any

import structlog

from app.stores.operations.queue_depths import QueueDepth, QueueDepthStore
from workers.queues import DEAD, KINDS, declare

log = structlog.get_logger("fairboard.relay")

_EVERY_SECONDS = 5.0


def counted(connection: Any) -> Mapping[str, QueueDepth]:
    """Every queue of the RabbitMQ that `connection` leads to. AMQP doesn't tell what is in the workers' hands."""
    found = {}
    with connection.channel() as channel:
        for name in (*KINDS, DEAD.name):
            told = channel.queue_declare(name, passive=True)
            found[name] = QueueDepth(told.message_count, None, told.consumer_count)
    return found


class DepthKeeper:
    """A thread beside the relay, with a connection of its own: a broker that stalls here keeps no event waiting."""

    def __init__(self, app: Any, counts: QueueDepthStore) -> None:
        self._app, self._counts = app, counts
        self._connection: Any = None

    def start(self) -> None:
        """Go on until the process ends. Redis as the broker is not asked: its lists are no queues of RabbitMQ."""
        if self._app.settings.broker_url.startswith("amqp"):
            threading.Thread(target=self._run, name="depths", daemon=True).start()

    def _run(self) -> None:
        rest = threading.Event()
        while True:
            try:
                self._counts.put(counted(self._connected()))
            except Exception as error:  # noqa: BLE001 - the broker or Redis is away: what was counted runs out
                log.debug("queues_not_counted", kind=type(error).__name__)
                self._drop()
            rest.wait(_EVERY_SECONDS)

    def _connected(self) -> Any:
        if self._connection is None:
            connection = self._app.connection_for_write()
            connection.connect()
            declare(connection)
            self._connection = connection
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.release()
