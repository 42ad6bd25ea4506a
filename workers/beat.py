"""Celery's beat, one at a time however many are started: `celery -A workers.app beat`.

The one that holds the turn (a lock on a session of its own) sends; the others wait for it. The times are kept in the
database, not in a file: whoever has the turn goes on where the last one was, and sends once what fell due meanwhile.
Nothing here looks at this machine's clock, which may be set back or forward at any time.
"""

from __future__ import annotations

import time
from typing import Any

import structlog
from celery.beat import Scheduler

from app.stores.operations.beat_lock import Turn
from workers.app import app as fairboard
from workers.publisher import Publisher
from workers.task import UNTIL
from workers.timetable import Timetable

log = structlog.get_logger("fairboard.beat")

# How often the one that sends says that it lives, and the others look whether it is their turn.
_LOOK_SECONDS = 2.0


def _since_boot() -> float:
    """Seconds that nobody can set; the time that a laptop sleeps is among them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class OneBeat(Scheduler):  # type: ignore[misc]
    """Celery's Service calls `tick` again and again, after as many seconds as the last call answered."""

    def __init__(self, app: Any, *arguments: Any, lazy: bool = False, **options: Any) -> None:
        self._turn = Turn(fairboard.settings.database_url)
        self._publisher = Publisher(fairboard)
        self._timetable = Timetable({}, clock=_since_boot)
        self._ours = False
        super().__init__(app, *arguments, lazy=lazy, **options)

    def setup_schedule(self) -> None:
        """The entries of celeryconfig.py, and none of Celery's own."""
        self.merge_inplace(self.app.conf.beat_schedule)
        intervals = {name: entry.schedule.run_every.total_seconds() for name, entry in self.schedule.items()}
        self._timetable = Timetable(intervals, clock=_since_boot)

    def tick(self, *_: Any, **__: Any) -> float:
        """Send what is due if it is our turn; seconds until the next look."""
        try:
            if not self._have_turn():
                return _LOOK_SECONDS
            return self._send_due()
        except Exception as error:  # noqa: BLE001 - whatever it was, what was not sent stays due
            log.warning("beat_waits", kind=type(error).__name__, error=str(error).split("\n")[0])
            return _LOOK_SECONDS / 2

    def close(self) -> None:
        """Let the next one go on at once."""
        self._turn.give_up()
        self._publisher.drop()
        super().close()

    def _have_turn(self) -> bool:
        had, self._ours = self._ours, False
        ours = self._turn.take()
        if ours and not had:
            self._timetable.go_on(self._turn.ages())
            log.info("beat_has_the_turn")
        self._ours = ours
        return ours

    def _send_due(self) -> float:
        for name in self._timetable.due():
            self._send(self.schedule[name])
            self._timetable.sent(name)
        return max(0.01, min(_LOOK_SECONDS, self._timetable.seconds_to_next()))

    def _send(self, entry: Any) -> None:
        """Raises what the broker or the database has against it; what was not sent is due again at the next look."""
        with self._turn.sending(entry.name) as now:
            self._publisher.send(entry.task, dict(entry.kwargs), _headers(entry, now))
        log.info("tick_sent", tick=entry.name, task=entry.task)


def _headers(entry: Any, now: float) -> dict[str, Any]:
    """`expires` becomes a header that the task reads: left to the broker, an expired tick would be a dead letter."""
    expires = entry.options.get("expires")
    return {} if expires is None else {UNTIL: now + expires}
