"""The logs and metrics of tasks: their ids in every log line, their times, and /metrics where METRICS_PORT is set."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import structlog
from celery import Task
from celery.signals import beat_init, task_postrun, task_prerun, worker_ready
from prometheus_client import start_http_server
from structlog.contextvars import bind_contextvars, clear_contextvars

from app import metrics
from app.settings import Settings

if TYPE_CHECKING:
    from celery.worker.consumer import Consumer

log = structlog.get_logger("fairboard.tasks")

_OUTCOMES = {"SUCCESS": "done", "RETRY": "retried", "FAILURE": "failed"}


class TaskMetrics:
    """The handlers of Celery's signals for the life of the process. Signals hold no references, so workers.app does."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._started_at: dict[str, float] = {}
        task_prerun.connect(self._record_start)
        task_postrun.connect(self._record_end)
        worker_ready.connect(self._create_failure_counts)
        worker_ready.connect(self.serve)
        beat_init.connect(self.serve)

    def serve(self, **_: object) -> None:
        """Serve /metrics on METRICS_PORT, if it is set. A port in use is only a warning: the work matters more."""
        port = self._settings.metrics_port
        if not port:
            return
        try:
            start_http_server(port, self._settings.host, metrics.counts())
        except OSError as error:
            log.warning("metrics_port_in_use", port=port, error=str(error))

    def _create_failure_counts(self, sender: Consumer, **_: object) -> None:
        """Create each task's failure count at 0: no alert sees a count that begins at 1, as it hasn't grown."""
        for name in sender.app.tasks:
            if not name.startswith("celery."):
                metrics.task_seconds.labels(name, "failed")

    def _record_start(self, task_id: str, task: Task, kwargs: Mapping[str, object], **_: object) -> None:
        self._started_at[task_id] = time.monotonic()
        clear_contextvars()
        bind_contextvars(task=task.name, task_id=task_id)
        if kwargs.get("request_ids"):
            bind_contextvars(request_ids=kwargs["request_ids"])

    def _record_end(self, task_id: str, task: Task, state: str | None, **_: object) -> None:
        started_at = self._started_at.pop(task_id, None)
        if started_at is not None:
            outcome = _OUTCOMES.get(state or "", "rejected")
            metrics.task_seconds.labels(task.name, outcome).observe(time.monotonic() - started_at)
        clear_contextvars()
