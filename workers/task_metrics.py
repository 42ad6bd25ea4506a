"""What is told about tasks: their ids in every log line, their times, and /metrics where METRICS_PORT asks for it."""

from __future__ import annotations

import time
from typing import Any

import structlog
from celery.signals import beat_init, task_postrun, task_prerun, worker_ready
from prometheus_client import start_http_server
from structlog.contextvars import bind_contextvars, clear_contextvars

from app import metrics
from app.settings import Settings

log = structlog.get_logger("fairboard.tasks")

_OUTCOMES = {"SUCCESS": "done", "RETRY": "retried", "FAILURE": "failed"}


class TaskMetrics:
    """Connected to Celery's signals for the life of the process; kept by workers.app, since signals keep nobody."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._began: dict[str, float] = {}
        task_prerun.connect(self._begin)
        task_postrun.connect(self._end)
        worker_ready.connect(self._announce)
        worker_ready.connect(self.serve)
        beat_init.connect(self.serve)

    def serve(self, **_: Any) -> None:
        """Answer /metrics on METRICS_PORT, if there is one. A port in use is a warning: the work matters more."""
        port = self._settings.metrics_port
        if not port:
            return
        try:
            start_http_server(port, self._settings.host, metrics.counted())
        except OSError as error:
            log.warning("metrics_port_in_use", port=port, error=str(error))

    def _announce(self, sender: Any, **_: Any) -> None:
        """No task has failed yet: a counter that began at one would not have grown, so no alert would see it."""
        for name in sender.app.tasks:
            if not name.startswith("celery."):
                metrics.task_seconds.labels(name, "failed")

    def _begin(self, task_id: str, task: Any, kwargs: dict[str, Any], **_: Any) -> None:
        self._began[task_id] = time.monotonic()
        clear_contextvars()
        bind_contextvars(task=task.name, task_id=task_id)
        if kwargs.get("request_ids"):
            bind_contextvars(request_ids=kwargs["request_ids"])

    def _end(self, task_id: str, task: Any, state: str | None, **_: Any) -> None:
        began = self._began.pop(task_id, None)
        if began is not None:
            outcome = _OUTCOMES.get(state or "", "rejected")
            metrics.task_seconds.labels(task.name, outcome).observe(time.monotonic() - began)
        clear_contextvars()
