"""The seasons of boards: the next one is written before it begins, and each is closed once after its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from app.domain.boards import SeasonFacts
from app.domain.schedules import Window
from app.domain.times import rfc3339
from app.errors import Conflict, NotFound
from app.services.boards.season_plans import SeasonPlans
from app.stores.boards.rankings import RankingStore
from app.stores.boards.seasons import Calendar, SeasonStore
from app.stores.moderation.audit import AuditStore
from app.stores.play.catalog import CatalogStore
from app.stores.postgres.engine import Database
from app.stores.unavailability import AFTER_COMMIT, reason_of

log = structlog.get_logger("fairboard.seasons")

NOTICE = timedelta(seconds=2)
"""How long a season goes on that a person ends: redemptions that began before the change have ended by then."""
_REQUEST_ID = "seasons"


@dataclass(slots=True)
class Turn:
    """The boards that got a further season, and the ids of the seasons that were closed."""

    planned: list[str] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)


class Seasons:
    """A boundary needs no process: each redemption finds the open season by the database's clock.

    So the next season of a schedule exists before it begins. A season is closed, which makes it final, once every
    transaction that may have counted in it has ended. Any number of processes may do this at once.
    """

    def __init__(
        self,
        database: Database,
        store: SeasonStore,
        plans: SeasonPlans,
        catalog: CatalogStore,
        rankings: RankingStore,
        audit: AuditStore,
    ) -> None:
        self._db, self._store, self._plans, self._catalog = database, store, plans, catalog
        self._rankings, self._audit = rankings, audit

    def turn(self) -> Turn:
        """Write the seasons that come next, and close those that have ended.

        A season that was closed while the clock was ahead is open again, and is closed at its next end.
        """
        turn = Turn(planned=self._plans.write_missing())
        if reopened := self._store.reopen():
            log.warning("seasons_reopened", season_ids=reopened)
        for season_id in self._store.ended():
            if self._close(season_id):
                turn.closed.append(season_id)
        self._wake_relay(turn.closed)
        for season_id in self._store.uncounted():
            self._store.count_players(season_id)
        return turn

    def end(
        self, board: str, number: int | None = None, *, by: str, request_id: str, dry_run: bool = False
    ) -> datetime:
        """End the open season of a board, which has this number if one is given; return the time at which it ends.

        The next season begins then, and ends at the next time of the schedule; without one it is endless. A contest is
        over. With `dry_run` nothing changes. Raises NotFound, and Conflict for a season that has ended, ends anyway, or
        has not begun.
        """
        with self._db.transaction() as connection:
            self._store.lock_boards(connection)
            season, calendar = self._season_to_end(board, number), self._store.calendar(connection, board)
            if calendar is None:
                raise NotFound(f"The board '{board}' is archived.")
            now = self._store.now(connection)
            at = _in_milliseconds(now + NOTICE)
            if season.ends_at is not None and season.ends_at <= at:
                raise Conflict(f"Season {season.number} of '{board}' ends already, at {rfc3339(season.ends_at)}.")
            self._store.end(connection, season.season.id, at)
            self._begin_next(connection, calendar, Window(at, season.ends_at))
            if dry_run:
                connection.rollback()
                return at
            details = {"season": season.number, "ends_at": rfc3339(at)}
            self._audit.append(connection, by, "board.season_ended", f"board:{board}", details, request_id)
        return at

    def _season_to_end(self, board: str, number: int | None) -> SeasonFacts:
        seasons = self._store.facts(board)
        if not seasons:
            raise NotFound(f"There is no board '{board[:40]}'.")
        for season in seasons:
            if season.number == number or (number is None and season.state == "open"):
                break
        else:
            if number is not None:
                raise NotFound(f"The board '{board}' has no season {number}.")
            raise Conflict(f"The board '{board}' has no open season.")
        if season.state == "closed":
            raise Conflict(f"Season {number} of '{board}' has ended already, at {_time(season.ends_at)}.")
        if season.state == "scheduled":
            raise Conflict(f"Season {number} of '{board}' begins only at {rfc3339(season.starts_at)}.")
        return season

    def _begin_next(self, connection: sa.Connection, calendar: Calendar, rest: Window) -> None:
        """Begin the next season for the rest of the time of the one that ends."""
        if self._store.begin_next(connection, calendar.board_id, rest):
            return
        if calendar.ends_at is not None:
            self._store.end_board(connection, calendar.board_id, rest.starts_at)
            return
        self._store.add(connection, calendar, [rest])

    def _close(self, season_id: int) -> bool:
        with self._db.transaction() as connection:
            if self._store.has_earlier_writers(connection, season_id):
                log.info("season_not_final", season_id=season_id)
                return False
            return self._store.close(connection, season_id, _REQUEST_ID)

    def _wake_relay(self, closed: list[int]) -> None:
        try:
            for season_id in closed:
                season = self._catalog.season(season_id)
                if season:
                    self._rankings.wake(season)
        except AFTER_COMMIT as error:  # the relay also looks without being woken
            log.warning("redis_after_commit", error=reason_of(error))


def _in_milliseconds(moment: datetime) -> datetime:
    """Return the moment as all answers show it, so that a file of boards can repeat it."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _time(moment: datetime | None) -> str:
    return rfc3339(moment) if moment else "an unknown time"
