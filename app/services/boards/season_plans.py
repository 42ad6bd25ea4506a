"""The seasons that come next: written ahead of time by the workers, or by whoever misses one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TypeVar

from app.domain.boards import Season
from app.domain.schedules import Window, windows
from app.stores.boards.seasons import Calendar, SeasonStore
from app.stores.play.ledger import SeasonMissing
from app.stores.postgres.engine import Database

Value = TypeVar("Value")


class SeasonPlans:
    """Any number of processes may write seasons at once: the first one does, the others find them written."""

    def __init__(self, database: Database, store: SeasonStore) -> None:
        self._db, self._store = database, store

    def write_missing(self) -> list[str]:
        """Write the seasons that scheduled boards lack up to the next one; return the boards that got any.

        A board's first season begins now, if the clock was set back to before the board was made. Workers do all this
        in time. After an absence of all of them longer than a season, no season of a board is open: then the statement
        of a redemption raises SeasonMissing.
        """
        begun = self._store.begin_first()
        return begun + [board for board in self._store.boards_without_next() if self._write(board)]

    def retry_with_seasons(self, score: Callable[[], Value]) -> Value:
        """Return the result of `score`; if it raises SeasonMissing, write the seasons and call it once more."""
        try:
            return score()
        except SeasonMissing:
            self.write_missing()
            return score()

    def open_seasons(self, read: Callable[[], list[Season]]) -> list[Season]:
        """Return the open seasons that `read` returns; if there are none, write those that are missing first."""
        seasons = read()
        return read() if not seasons and self.write_missing() else seasons

    def _write(self, board: str) -> bool:
        with self._db.transaction() as connection:
            self._store.lock_boards(connection)
            calendar, now = self._store.calendar(connection, board), self._store.now(connection)
            if calendar is None or calendar.window.ends_at is None or calendar.window.starts_at > now:
                return False
            self._store.add(connection, calendar, _following(calendar, calendar.window.ends_at, now))
        return True


def _following(calendar: Calendar, starts_at: datetime, now: datetime) -> Iterator[Window]:
    """Yield the seasons from `starts_at` on that have begun, and the first one that has not."""
    for window in windows(calendar.parsed_schedule(), starts_at, calendar.ends_at):
        yield window
        if window.starts_at > now:
            return
