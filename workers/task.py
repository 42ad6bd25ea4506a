"""The common parts of all tasks: the treatment of a task that fails, and of one that comes too late."""

from __future__ import annotations

import contextlib

import structlog
from celery import Task

from app.stores.postgres.engine import UNAVAILABLE

log = structlog.get_logger("fairboard.tasks")

# The header with the Unix time after which the task is worthless, by the database's clock, which all machines share.
DEADLINE_HEADER = "fairboard_until"

# For a task that must succeed: while a part is down it waits a little longer before each retry, and never gives up.
RETRY: dict[str, object] = {
    "autoretry_for": UNAVAILABLE,
    "retry_backoff": 1,
    "retry_backoff_max": 10,
    "retry_jitter": True,
    "max_retries": None,
}


class FairboardTask(Task):  # type: ignore[misc]
    """A task that goes to the dead letters when it fails; Redis keeps its error for them, if it can."""

    def __call__(self, *arguments: object, **keywords: object) -> object:
        """Run the task, through its kind's `perform`."""
        return self.perform(*arguments, **keywords)

    def perform(self, *arguments: object, **keywords: object) -> object:
        """Run the task itself."""
        return self.run(*arguments, **keywords)

    def on_failure(self, exc: Exception, task_id: str, args: object, kwargs: object, einfo: object) -> None:
        """Log the error and keep it for the dead letter; Celery calls this before it rejects the task."""
        error = f"{type(exc).__name__}: {exc}".split("\n")[0][:500]
        log.error("task_failed", error=error)
        with contextlib.suppress(*UNAVAILABLE):
            self.app.container.failures.note(task_id, error)


class PeriodicTask(FairboardTask):
    """A task that beat sends. While a part is down it does nothing: the next tick does the same work."""

    def perform(self, *arguments: object, **keywords: object) -> object:
        """Run the task itself, once, unless it comes too late."""
        try:
            deadline = self.request.get(DEADLINE_HEADER)
            lateness = 0.0 if deadline is None else self.app.container.beat_lock.now() - deadline
            if lateness > 0:
                log.info("tick_too_late", seconds=round(lateness, 1))
                return None
            return self.run(*arguments, **keywords)
        except UNAVAILABLE as error:
            log.warning("tick_skipped", kind=type(error).__name__, error=str(error).split("\n")[0])
            return None
