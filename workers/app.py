"""The Celery app, for `celery -A workers.app worker` and `beat`. A container in each process, no Flask."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_process_init, worker_process_shutdown, worker_shutting_down

from app import logs
from app.container import Container
from app.log_sink import guard_standard_error, guard_standard_output
from app.settings import BadSetting, Settings, drop_overriding_variables
from workers.losses import NoticeLosses
from workers.watch import Watch

# Rebuilding a large board is one statement after another, none of them long, but a worker may wait longer for one
# than a player may.
_STATEMENT_SECONDS = 60

# After SIGTERM a task may go on for so long; then it is given back to the broker, for another worker. Less than what
# containers (10 s) and systemd (90 s) wait before they kill.
_FINISH_SECONDS = 8.0


class FairboardCelery(Celery):  # type: ignore[misc]
    """Celery with the settings it was made from and, in each worker process, the container its tasks use."""

    settings: Settings
    watch: Watch
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
    app.watch = Watch(settings)
    return app


# Celery prints a banner, which on a full disk would end a worker before it has begun.
guard_standard_error()
guard_standard_output()

drop_overriding_variables()
try:
    app = create_celery(Settings.from_env())
except BadSetting as error:
    sys.exit(f"fairboard: {error}")


@setup_logging.connect  # type: ignore[untyped-decorator]
def _log(**_: Any) -> None:
    logs.configure(app.settings)


@worker_process_init.connect  # type: ignore[untyped-decorator]
def _fresh(**_: Any) -> None:
    app.close_container()


@worker_process_shutdown.connect  # type: ignore[untyped-decorator]
def _close(**_: Any) -> None:
    app.close_container()


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _finish_or_give_back(how: str, **_: Any) -> None:
    """SIGTERM lets tasks finish; the quit that follows it gives back those that don't."""
    if how != "Warm":
        return
    deadline = threading.Timer(_FINISH_SECONDS, os.kill, (os.getpid(), signal.SIGQUIT))
    deadline.daemon = True
    deadline.start()
