"""The Celery app with its settings and, in each worker process, a container. Importing this has no effects."""

from __future__ import annotations

from celery import Celery

from app.containers.container import Container
from app.settings import Settings
from workers.pool_watch import ProcessLossWatch
from workers.task_metrics import TaskMetrics

# A rebuild of a large board runs one statement after another. None of them is long, but a worker may wait longer for
# one than a player may.
_STATEMENT_SECONDS = 60


class FairboardCelery(Celery):  # type: ignore[misc]
    """Celery with the settings it was made from and, in each worker process, the container its tasks use."""

    settings: Settings
    watch: TaskMetrics
    _container: Container | None = None

    @property
    def container(self) -> Container:
        """Return this process's container, built at the first use, which is after the fork."""
        if self._container is None:
            self._container = Container(self.settings, statement_seconds=_STATEMENT_SECONDS)
        return self._container

    def close_container(self) -> None:
        """Close the container's connections, if there is a container."""
        if self._container is not None:
            self._container.close()
            self._container = None


def create_celery(settings: Settings) -> FairboardCelery:
    """Return the app on the broker that the settings name."""
    tasks = ["workers.tasks", "workers.background", "workers.webhooks"]
    app = FairboardCelery("fairboard", broker=settings.broker_url, include=tasks, task_cls="workers.task:FairboardTask")
    app.config_from_object("celeryconfig")
    # A Redis broker refuses with errors and keeps the connection: wait and reconnect, as after a lost one.
    app.conf.broker_channel_error_retry = not settings.broker_url.startswith("amqp")
    app.steps["consumer"].add(ProcessLossWatch)
    app.settings = settings
    app.watch = TaskMetrics(settings)
    return app
