"""The depth and the consumers of each queue, kept in Redis for /metrics: a request never asks the broker."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping

import structlog
from kombu import Connection

from app.stores.operations.queue_depths import QueueDepth, QueueDepthStore
from workers.fairboard_celery import FairboardCelery
from workers.queues import DEAD, KINDS, declare

log = structlog.get_logger("fairboard.relay")

_INTERVAL_SECONDS = 5.0


def read_depths(connection: Connection) -> Mapping[str, QueueDepth]:
    """Return the depth of every queue on a RabbitMQ `connection`. AMQP doesn't report the tasks in workers' hands."""
    depths = {}
    with connection.channel() as channel:
        for name in (*KINDS, DEAD.name):
            queue = channel.queue_declare(name, passive=True)
            depths[name] = QueueDepth(queue.message_count, None, queue.consumer_count)
    return depths


class QueueDepthReporter:
    """A thread beside the relay, with a connection of its own, so that a broker that stalls here delays no event."""

    def __init__(self, app: FairboardCelery, counts: QueueDepthStore) -> None:
        self._app, self._counts = app, counts
        self._connection: Connection | None = None

    def start(self) -> None:
        """Start the thread, until the process ends. A Redis broker is skipped: its lists are no queues of RabbitMQ."""
        if self._app.settings.broker_url.startswith("amqp"):
            threading.Thread(target=self._run, name="depths", daemon=True).start()

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            try:
                self._counts.put(read_depths(self._connect()))
            except Exception as error:  # noqa: BLE001 - the broker or Redis is away: stored counts expire
                log.debug("queues_not_counted", kind=type(error).__name__)
                self._drop()
            pause.wait(_INTERVAL_SECONDS)

    def _connect(self) -> Connection:
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
