"""The Celery app with its settings and, in each worker process, a container. Nothing happens at import."""

from __future__ import annotations

from celery import Celery

from app.containers.container import Container
from app.settings import Settings
from workers.pool_watch import NoticeLosses
from workers.task_metrics import TaskMetrics

# Rebuilding a large board is one statement after another, none of them long, but a worker may wait longer for one
# than a player may.
_STATEMENT_SECONDS = 60


class FairboardCelery(Celery):  # type: ignore[misc]
    """Celery with the settings it was made from and, in each worker process, the container its tasks use."""

    settings: Settings
    watch: TaskMetrics
    _container: Container | None = None

    @property
    def container(self) -> Container:
        """This process's container, built at the first use, which is after the fork."""
        if self._container is None:
            self._container = Container(self.settings, statement_seconds=_STATEMENT_SECONDS)
        return self._container

    def close_container(self) -> None:
        """Give its connections back."""
        if self._container is not None:
            self._container.close()
            self._container = None


def create_celery(settings: Settings) -> FairboardCelery:
    """The app on the broker that the settings name."""
    tasks = ["workers.tasks", "workers.background"]
    app = FairboardCelery("fairboard", broker=settings.broker_url, include=tasks, task_cls="workers.task:FairboardTask")
    app.config_from_object("celeryconfig")
    # Redis as the broker refuses in answers, not by a lost connection: wait and connect again, as after one.
    app.conf.broker_channel_error_retry = not settings.broker_url.startswith("amqp")
    app.steps["consumer"].add(NoticeLosses)
    app.settings = settings
    app.watch = TaskMetrics(settings)
    return app
