"""The Celery app, for `celery -A workers.app worker` and `beat`. A container in each process, no Flask."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

from celery.signals import setup_logging, worker_process_init, worker_process_shutdown, worker_shutting_down

from app import logs
from app.log_sink import guard_standard_error, guard_standard_output
from app.settings import BadSetting, Settings, drop_overriding_variables
from workers.fairboard_celery import create_celery

# After SIGTERM a task may go on for so long; then it is given back to the broker, for another worker. Less than what
# containers (10 s) and systemd (90 s) wait before they kill.
_FINISH_SECONDS = 8.0


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
