"""The Celery app, for `celery -A workers.app worker` and `beat`. Each process has a container; there is no Flask."""

from __future__ import annotations

import os
import signal
import sys
import threading

from celery.signals import setup_logging, worker_process_init, worker_process_shutdown, worker_shutting_down

from app import logs
from app.containers.url_checks import check_urls
from app.environment import drop_overriding_variables
from app.log_sink import guard_standard_error, guard_standard_output
from app.settings import BadSetting, Settings
from workers.broker import check_broker
from workers.fairboard_celery import create_celery

# After SIGTERM a task may run for this long; then it goes back to the broker, for another worker. This is less than the
# time that containers (10 s) and systemd (90 s) wait before they kill.
_FINISH_SECONDS = 8.0


# Celery prints a banner, and on a full disk that would end a worker before it starts.
guard_standard_error()
guard_standard_output()

drop_overriding_variables()
try:
    settings = Settings.from_env()
    check_urls(settings)
    check_broker(settings)
    app = create_celery(settings)
except BadSetting as error:
    sys.exit(f"fairboard: {error}")


@setup_logging.connect  # type: ignore[untyped-decorator]
def _configure_logs(**_: object) -> None:
    logs.configure(app.settings)


@worker_process_init.connect  # type: ignore[untyped-decorator]
def _close_inherited_container(**_: object) -> None:
    app.close_container()


@worker_process_shutdown.connect  # type: ignore[untyped-decorator]
def _close_container(**_: object) -> None:
    app.close_container()


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _limit_shutdown(how: str, **_: object) -> None:
    """Let tasks finish after SIGTERM; send a SIGQUIT after _FINISH_SECONDS, which gives back the unfinished ones."""
    if how != "Warm":
        return
    timer = threading.Timer(_FINISH_SECONDS, os.kill, (os.getpid(), signal.SIGQUIT))
    timer.daemon = True
    timer.start()
