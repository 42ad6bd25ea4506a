"""Celery's beat, of which one process is active however many are started: `celery -A workers.app beat`.

The process that holds the lock (on a database session of its own) sends; the others wait for the lock. The times are
kept in the database, not in a file: the next holder goes on where the last one was, and sends once each task that fell
due meanwhile. Nothing here depends on this machine's wall clock, which may be set back or forward at any time.
"""

from __future__ import annotations

import os
import select
import signal
import time
from types import FrameType

import structlog
from celery import Celery
from celery.beat import ScheduleEntry, Scheduler, Service
from celery.signals import beat_init

from app.stores.operations.beat_lock import BeatLock
from workers.app import app as fairboard
from workers.publisher import Publisher
from workers.task import DEADLINE_HEADER
from workers.timetable import Timetable

log = structlog.get_logger("fairboard.beat")

# How often the active process proves that it lives, and the others try to take the lock.
_CHECK_SECONDS = 2.0


def _seconds_since_boot() -> float:
    """Return the seconds since boot, including the time that a laptop sleeps. No clock change affects them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class OneBeat(Scheduler):  # type: ignore[misc]
    """A scheduler that sends only with the lock."""

    def __init__(self, app: Celery, *arguments: object, lazy: bool = False, **options: object) -> None:
        self._lock = BeatLock(fairboard.settings.database_url)
        self._publisher = Publisher(fairboard)
        self._timetable = Timetable({}, clock=_seconds_since_boot)
        self._has_lock = False
        self._woken, self._wake = os.pipe()
        super().__init__(app, *arguments, lazy=lazy, **options)

    def setup_schedule(self) -> None:
        """Install the entries of celeryconfig.py, and none of Celery's own."""
        self.merge_inplace(self.app.conf.beat_schedule)
        intervals = {name: entry.schedule.run_every.total_seconds() for name, entry in self.schedule.items()}
        self._timetable = Timetable(intervals, clock=_seconds_since_boot)

    def tick(self, *_: object, **__: object) -> float:
        """Send the due tasks if this process holds the lock, and wait for the next ones; return 0: call it again.

        `wake` ends the wait, which Celery's own sleep after a tick would go on with.
        """
        select.select([self._woken], [], [], self._work())
        return 0.0

    def wake(self) -> None:
        """End the wait of `tick`, also from a signal handler."""
        os.write(self._wake, b"!")

    def _work(self) -> float:
        """Do the work of a tick; return the seconds until the next one."""
        try:
            return self._send_due() if self._take_lock() else _CHECK_SECONDS
        except Exception as error:  # noqa: BLE001 - after any error, unsent tasks stay due
            log.warning("beat_failed", kind=type(error).__name__, error=str(error).split("\n")[0])
            if self._has_lock and not self._lock.is_held:
                self._has_lock = False
                log.warning("beat_lock_lost")
            return _CHECK_SECONDS / 2

    def close(self) -> None:
        """Release the lock, so that another process can take it at once."""
        self._lock.release()
        self._publisher.drop()
        super().close()

    def _take_lock(self) -> bool:
        has_lock = self._lock.take()
        if has_lock and not self._has_lock:
            self._timetable.resume(self._lock.ages())
            log.info("beat_lock_taken")
        self._has_lock = has_lock
        return has_lock

    def _send_due(self) -> float:
        for name in self._timetable.due():
            self._send(self.schedule[name])
            self._timetable.record_sent(name)
        return max(0.01, min(_CHECK_SECONDS, self._timetable.seconds_to_next()))

    def _send(self, entry: ScheduleEntry) -> None:
        """Send one task. Raises the broker's or the database's error; an unsent task is due again at the next call."""
        with self._lock.record_send(entry.name) as now:
            self._publisher.send(entry.task, dict(entry.kwargs), _headers(entry, now))
        log.info("tick_sent", tick=entry.name, task=entry.task)


@beat_init.connect  # type: ignore[untyped-decorator]
def _set_signal_handlers(sender: Service, **_: object) -> None:
    """Stop between two ticks. Celery's handlers raise SystemExit, which Python ignores inside a destructor."""

    def stop(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)  # a second signal ends the process at once
        sender._is_shutdown.set()
        sender.scheduler.wake()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


def _headers(entry: ScheduleEntry, now: float) -> dict[str, float]:
    """Return the headers. `expires` becomes one that the task reads: the broker would dead-letter an expired tick."""
    expires = entry.options.get("expires")
    return {} if expires is None else {DEADLINE_HEADER: now + expires}
