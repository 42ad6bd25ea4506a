"""What every task has in common: what becomes of one that fails, and of one that comes too late."""

from __future__ import annotations

import contextlib
from typing import Any

import structlog
from celery import Task

from app.stores.postgres.engine import UNAVAILABLE

log = structlog.get_logger("fairboard.tasks")

# A header: Unix seconds after which the task is worth nothing, by the database's clock, on which all machines agree.
UNTIL = "fairboard_until"

# For a task that must be done: a part that is down comes back; until then it waits a little longer each time, and
# never gives up.
RETRY: dict[str, Any] = {
    "autoretry_for": UNAVAILABLE,
    "retry_backoff": 1,
    "retry_backoff_max": 10,
    "retry_jitter": True,
    "max_retries": None,
}


class FairboardTask(Task):  # type: ignore[misc]
    """One that fails goes to the dead letters; what it failed of is kept for them in Redis, as well as it can be."""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Run it, as its kind does."""
        return self.perform(*arguments, **named)

    def perform(self, *arguments: Any, **named: Any) -> Any:
        """The task itself."""
        return self.run(*arguments, **named)

    def on_failure(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """Celery calls it before the task is refused."""
        error = f"{type(exc).__name__}: {exc}".split("\n")[0][:500]
        log.error("task_failed", error=error)
        with contextlib.suppress(*UNAVAILABLE):
            self.app.container.failures.note(task_id, error)


class PeriodicTask(FairboardTask):
    """What beat sends. While a part is down it does nothing: the next tick does the same."""

    def perform(self, *arguments: Any, **named: Any) -> Any:
        """The task itself, once, unless it comes too late."""
        try:
            until = self.request.get(UNTIL)
            late = 0.0 if until is None else self.app.container.ticks.now() - until
            if late > 0:
                log.info("tick_too_late", seconds=round(late, 1))
                return None
            return self.run(*arguments, **named)
        except UNAVAILABLE as error:
            log.warning("tick_skipped", kind=type(error).__name__, error=str(error).split("\n")[0])
            return None
