"""A watch that notices at once that a task's process was killed: Celery looks every five seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from celery import bootsteps

if TYPE_CHECKING:
    from celery.worker.consumer import Consumer
    from kombu.asynchronous.timer import Entry

_CHECK_SECONDS = 0.25


class ProcessLossWatch(bootsteps.StartStopStep):  # type: ignore[misc]
    """A step of the worker that returns the task of a killed process to the broker in a moment, not in seconds."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Consumer, **options: object) -> None:
        super().__init__(consumer, **options)
        self._timer: Entry | None = None

    def start(self, consumer: Consumer) -> None:
        """Start to watch, after each connection to the broker."""
        self._cancel_timer()
        if consumer.hub is not None:
            self._timer = consumer.hub.call_repeatedly(_CHECK_SECONDS, consumer.pool.maintain_pool)

    def stop(self, consumer: Consumer) -> None:
        """Stop watching, when the connection is lost or the worker stops."""
        self._cancel_timer()

    shutdown = stop

    def _cancel_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
