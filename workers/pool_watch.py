"""Noticing at once that a task's process was killed: Celery looks every five seconds."""

from __future__ import annotations

from typing import Any

from celery import bootsteps

_LOOK_SECONDS = 0.25


class NoticeLosses(bootsteps.StartStopStep):  # type: ignore[misc]
    """A step of the worker: the task of a killed process goes back to the broker in a moment, not in seconds."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._timer: Any = None

    def start(self, consumer: Any) -> None:
        """After each connection to the broker."""
        self._end()
        if consumer.hub is not None:
            self._timer = consumer.hub.call_repeatedly(_LOOK_SECONDS, consumer.pool.maintain_pool)

    def stop(self, consumer: Any) -> None:
        """The connection is lost, or the worker stops."""
        self._end()

    shutdown = stop

    def _end(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
