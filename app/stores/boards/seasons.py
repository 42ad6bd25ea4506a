"""The seasons of boards: those to come, the open one, and those that have ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from app.domain.boards import SeasonFacts
from app.domain.schedules import Schedule, Window
from app.stores.boards.board_lock import lock_boards
from app.stores.boards.board_rows import IS_LISTED
from app.stores.boards.season_marks import read_marks, write_marks
from app.stores.play.catalog import read_season
from app.stores.postgres.engine import Database
from app.stores.postgres.rows import Row

_FACTS = """
    SELECT n.id, b.slug AS board, n.number, coalesce(n.scoring, b.scoring) AS scoring,
           coalesce(n.sort_order, b.sort_order) AS sort_order,
           CASE WHEN n.starts_at > clock_timestamp() THEN 'scheduled'
                WHEN n.ends_at <= clock_timestamp() THEN 'closed' ELSE 'open' END AS state,
           n.starts_at, n.ends_at, n.players, n.corrected_at
    FROM seasons n JOIN boards b ON b.id = n.board_id WHERE n.number > 0
"""
_PRESENT = f"""
    SELECT DISTINCT ON (board) * FROM ({_FACTS} AND (CAST(:board AS text) IS NULL OR b.slug = :board)) facts
    ORDER BY board, state = 'scheduled', CASE WHEN state = 'scheduled' THEN starts_at END, starts_at DESC
"""
# The last season that a board has so far.
_CALENDARS = """
    SELECT b.id, b.slug, b.schedule, b.timezone, b.ends_at AS board_ends_at, n.number, n.starts_at, n.ends_at
    FROM boards b JOIN LATERAL (
        SELECT number, starts_at, ends_at FROM seasons WHERE board_id = b.id ORDER BY number DESC LIMIT 1
    ) n ON n.number > 0
    WHERE b.archived_at IS NULL
"""
# A transaction that writes standings has this lock before it reads the clock, and keeps it until it ends. One whose
# start is hidden, as another role's is, counts as early.
_HAS_EARLIER_WRITERS = """
    SELECT EXISTS (
        SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)
        WHERE l.relation = 'standings'::regclass AND l.mode = 'RowExclusiveLock' AND a.pid <> pg_backend_pid()
          AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND coalesce(a.xact_start, '-infinity') < (SELECT ends_at FROM seasons WHERE id = :season)
    )
"""
_CLOSE = """
    WITH closed AS (
        UPDATE seasons SET closed_at = clock_timestamp()
        WHERE id = :season AND closed_at IS NULL AND ends_at <= clock_timestamp() RETURNING id
    )
    INSERT INTO outbox (season_id, request_id) SELECT id, :request FROM closed RETURNING season_id
"""
# The clock was set back to before the board was made.
_BEGIN_FIRST = """
    UPDATE seasons n SET starts_at = clock_timestamp() FROM boards b
    WHERE b.id = n.board_id AND b.archived_at IS NULL AND coalesce(b.starts_at <= clock_timestamp(), true)
      AND n.number = 1 AND n.starts_at > clock_timestamp()
    RETURNING b.slug
"""
# The clock was set back to before the end: redemptions count in the season again, until it ends once more.
_REOPEN = """
    UPDATE seasons SET closed_at = NULL, players = NULL WHERE id IN (
        SELECT n.id FROM boards b CROSS JOIN LATERAL (
            SELECT id, closed_at, ends_at FROM seasons
            WHERE board_id = b.id AND number > 0 AND starts_at <= clock_timestamp() ORDER BY starts_at DESC LIMIT 1
        ) n WHERE n.closed_at IS NOT NULL AND n.ends_at > clock_timestamp()
    ) RETURNING id
"""
_UNCOUNTED = "SELECT id FROM seasons WHERE closed_at IS NOT NULL AND players IS NULL ORDER BY id"
_BEGIN_COUNT = """
    SELECT corrected_at, pg_try_advisory_xact_lock(hashtext('fairboard season count'), id) AS is_first
    FROM seasons WHERE id = :season AND players IS NULL
"""
_COUNT = f"SELECT count(*) FROM standings s WHERE s.season_id = :season AND {IS_LISTED}"
# A correction that the count doesn't see has changed `corrected_at`, or deletes the number when it commits.
_STORE_COUNT = """
    UPDATE seasons SET players = :players
    WHERE id = :season AND players IS NULL AND corrected_at IS NOT DISTINCT FROM CAST(:corrected_at AS timestamptz)
    RETURNING id
"""
_COUNT_SECONDS = 120  # ten million players take ten


@dataclass(frozen=True, slots=True)
class Calendar:
    """The rules for the seasons of a board, and the last season that it has so far."""

    board_id: int
    schedule: str | None
    timezone: str
    ends_at: datetime | None
    number: int
    window: Window

    def parsed_schedule(self) -> Schedule | None:
        """Return the schedule; None for a board without one."""
        return Schedule(self.schedule, self.timezone) if self.schedule else None


class SeasonStore:
    """Times are those of the database's clock. Writes take the caller's connection."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def lock_boards(self, connection: sa.Connection) -> None:
        """Let no other transaction change boards or their seasons until this one ends."""
        lock_boards(connection)

    def now(self, connection: sa.Connection) -> datetime:
        """Return the time."""
        now: datetime = connection.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
        return now

    def boards_without_next(self) -> list[str]:
        """Return the boards with a schedule whose last season has begun, except those that end with it."""
        rows = self._db.rows(
            f"""
            {_CALENDARS} AND b.schedule IS NOT NULL AND n.starts_at <= clock_timestamp()
            AND (b.ends_at IS NULL OR n.ends_at < b.ends_at)
            """
        )
        return [row.slug for row in rows]

    def calendar(self, connection: sa.Connection, board: str) -> Calendar | None:
        """Return the rules of a board, and its last season; None for a board without any."""
        row = connection.execute(sa.text(f"{_CALENDARS} AND b.slug = :board"), {"board": board}).one_or_none()
        if row is None:
            return None
        window = Window(row.starts_at, row.ends_at)
        return Calendar(row.id, row.schedule, row.timezone, row.board_ends_at, row.number, window)

    def add(self, connection: sa.Connection, calendar: Calendar, windows: Iterable[Window]) -> None:
        """Add the seasons that follow the board's last one."""
        rows = [
            {"board": calendar.board_id, "number": number, "starts": window.starts_at, "ends": window.ends_at}
            for number, window in enumerate(windows, calendar.number + 1)
        ]
        statement = """
            INSERT INTO seasons (board_id, number, starts_at, ends_at) VALUES (:board, :number, :starts, :ends)
        """
        if rows:
            connection.execute(sa.text(statement), rows)

    def end(self, connection: sa.Connection, season_id: int, at: datetime) -> None:
        """Let the open season end at that time, which is still to come."""
        connection.execute(
            sa.text("UPDATE seasons SET ends_at = :at WHERE id = :season"), {"at": at, "season": season_id}
        )

    def begin_next(self, connection: sa.Connection, board_id: int, window: Window) -> bool:
        """Give the board's next season this time; return False if there is none. The one after it is written later."""
        statement = """
            UPDATE seasons SET starts_at = :at, ends_at = :ends WHERE id = (
                SELECT id FROM seasons WHERE board_id = :board AND number > 0 AND starts_at > clock_timestamp()
                ORDER BY starts_at LIMIT 1
            )
        """
        values = {"at": window.starts_at, "ends": window.ends_at, "board": board_id}
        return bool(connection.execute(sa.text(statement), values).rowcount)

    def end_board(self, connection: sa.Connection, board_id: int, at: datetime) -> None:
        """Let a contest end at that time."""
        connection.execute(sa.text("UPDATE boards SET ends_at = :at WHERE id = :board"), {"at": at, "board": board_id})

    def ended(self) -> list[int]:
        """Return the ids of the seasons that have ended and are not closed, the earliest end first."""
        rows = self._db.rows(
            "SELECT id FROM seasons WHERE closed_at IS NULL AND ends_at <= clock_timestamp() AND number > 0 "
            "ORDER BY ends_at, id"
        )
        return [row.id for row in rows]

    def begin_first(self) -> list[str]:
        """Let the first seasons that began in the future, without a contest's start, begin now; return their boards."""
        return [row.slug for row in self._db.rows(_BEGIN_FIRST)]

    def reopen(self) -> list[int]:
        """Open present seasons again that were closed, though their end is still to come; return their ids."""
        return [row.id for row in self._db.rows(_REOPEN)]

    def has_earlier_writers(self, connection: sa.Connection, season_id: int) -> bool:
        """Return whether a transaction from before the season's end may still change its standings."""
        return bool(connection.execute(sa.text(_HAS_EARLIER_WRITERS), {"season": season_id}).scalar_one())

    def close(self, connection: sa.Connection, season_id: int, request_id: str) -> bool:
        """Close a season that has ended, and queue its end; return False if that was done already."""
        values = {"season": season_id, "request": request_id}
        return bool(connection.execute(sa.text(_CLOSE), values).all())

    def uncounted(self) -> list[int]:
        """Return the ids of the closed seasons whose players were not counted, or not since a correction."""
        return [row.id for row in self._db.rows(_UNCOUNTED)]

    def count_players(self, season_id: int) -> bool:
        """Count a closed season's players and write its marks, while corrections go on.

        Return False, and store nothing, if another process counts it or a correction came meanwhile.
        """
        with self._db.snapshot(_COUNT_SECONDS) as before:
            begin = before.execute(sa.text(_BEGIN_COUNT), {"season": season_id}).one_or_none()
            if begin is None or not begin.is_first:
                return False
            players = before.execute(sa.text(_COUNT), {"season": season_id}).scalar_one()
            marks = read_marks(before, season_id)
            values = {"season": season_id, "players": players, "corrected_at": begin.corrected_at}
            with self._db.transaction() as connection:
                is_current = bool(connection.execute(sa.text(_STORE_COUNT), values).all())
                if is_current:
                    write_marks(connection, season_id, marks)
        return is_current

    def facts(self, board: str) -> list[SeasonFacts]:
        """Return the seasons of a board, newest first; `players` is counted for closed ones only."""
        rows = self._db.rows(f"{_FACTS} AND b.slug = :board ORDER BY n.number DESC", board=board)
        return [_facts(row) for row in rows]

    def present(self, board: str | None = None) -> dict[str, SeasonFacts]:
        """Return the season that readers of each board see: the open one, or the last one before, or else the next."""
        return {row.board: _facts(row) for row in self._db.rows(_PRESENT, board=board)}


def _facts(row: Row) -> SeasonFacts:
    return SeasonFacts(read_season(row), row.state, row.starts_at, row.ends_at, row.players, row.corrected_at)


def note_corrections(connection: sa.Connection, seasons: Sequence[int]) -> None:
    """Record on those of these seasons that have ended that their standings were changed since."""
    if seasons:
        connection.execute(
            sa.text(
                """
                UPDATE seasons SET corrected_at = clock_timestamp(), players = NULL
                WHERE id IN (
                    SELECT id FROM seasons WHERE id = ANY(:seasons) AND ends_at <= clock_timestamp()
                    ORDER BY id FOR NO KEY UPDATE
                )
                """
            ),
            {"seasons": sorted(set(seasons))},
        )
