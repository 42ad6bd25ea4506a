"""The lock of the one beat process that sends, and the time of each task's last tick, by the database's clock alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa
import sqlalchemy.exc

from app.stores.postgres.engine import Database
from app.stores.postgres.session_settings import make_engine

_LOCK = {"group": 0xFA1B, "number": 1}

# The holder sends a statement every two seconds. A holder that is stopped or cut off loses its session after this long,
# and the lock with it. Publishing happens inside a transaction, and may wait for a stalled broker.
_SILENT_SECONDS = 8
_PUBLISHING_SECONDS = 30
_SESSION = {
    "statement_timeout": 5000,
    "idle_session_timeout": _SILENT_SECONDS * 1000,
    "idle_in_transaction_session_timeout": _PUBLISHING_SECONDS * 1000,
    "tcp_keepalives_idle": 4,
    "tcp_keepalives_interval": 2,
    "tcp_keepalives_count": 2,
}


class BeatLock:
    """The right to send: an advisory lock on a database session of its own, which ends when that session ends."""

    def __init__(self, url: str) -> None:
        self._engine = make_engine(
            url,
            name="fairboard beat",
            session=_SESSION,
            poolclass=sa.NullPool,
            connect_args={"tcp_user_timeout": _SILENT_SECONDS * 1000},
        )
        self._session: sa.Connection | None = None
        self._has_lock = False

    def take(self) -> bool:
        """Return whether we have the lock, by asking the database. Raises SQLAlchemyError when the lock is lost."""
        try:
            if self._session is None:
                self._session = self._engine.connect()
            if self._has_lock:
                self._session.execute(sa.text("SELECT 1"))
            else:
                result = self._session.execute(sa.text("SELECT pg_try_advisory_lock(:group, :number)"), _LOCK)
                self._has_lock = bool(result.scalar_one())
            self._session.commit()
        except sqlalchemy.exc.SQLAlchemyError:
            self.release()
            raise
        return self._has_lock

    @property
    def is_held(self) -> bool:
        """Return whether we have the lock, as far as the last statement showed."""
        return self._has_lock

    def ages(self) -> dict[str, float]:
        """Return the seconds since each task was last sent; 0 for a future time, from before the clock was set back."""
        assert self._session is not None
        query = "SELECT name, greatest(extract(epoch FROM clock_timestamp() - sent_at), 0)::float AS age FROM ticks"
        rows = self._session.execute(sa.text(query)).all()
        self._session.commit()
        return {row.name: row.age for row in rows}

    @contextmanager
    def record_send(self, name: str) -> Iterator[float]:
        """Record `name` as sent if the block does not raise; the block runs only while the lock is ours.

        Yields the database's time in Unix seconds. Raises SQLAlchemyError when the lock is lost; its next holder may
        send the task once more.
        """
        assert self._session is not None
        try:
            now: float = self._session.execute(
                sa.text(
                    """
                    INSERT INTO ticks (name, sent_at) VALUES (:name, clock_timestamp())
                    ON CONFLICT (name) DO UPDATE SET sent_at = excluded.sent_at
                    RETURNING extract(epoch FROM sent_at)::float
                    """
                ),
                {"name": name},
            ).scalar_one()
        except sqlalchemy.exc.SQLAlchemyError:
            self.release()
            raise
        try:
            yield now
        except BaseException:
            self._session.rollback()
            raise
        try:
            self._session.commit()
        except sqlalchemy.exc.SQLAlchemyError:
            self.release()
            raise

    def release(self) -> None:
        """End the session, and the lock with it."""
        session, self._session, self._has_lock = self._session, None, False
        if session is not None:
            session.invalidate()
            session.close()


@dataclass(frozen=True, slots=True)
class BeatState:
    """Whether a beat process has the lock, and the seconds since a task was last sent (`None`: never).

    Times in the future, from before the clock was set back, prove nothing: they count as never.
    """

    is_held: bool
    last_sent_ago: float | None


class BeatLockStore:
    """The state of the beat lock, for other processes."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def state(self) -> BeatState:
        """Return the state as the database has it now."""
        row = self._db.row(
            """
            SELECT EXISTS (
                       SELECT 1 FROM pg_locks JOIN pg_database d ON d.oid = database
                       WHERE locktype = 'advisory' AND granted AND d.datname = current_database()
                       AND classid = :group AND objid = :number
                   ) AS held,
                   (
                       SELECT extract(epoch FROM clock_timestamp() - max(sent_at)) FROM ticks
                       WHERE sent_at <= clock_timestamp()
                   )::float AS ago
            """,
            **_LOCK,
        )
        assert row is not None
        return BeatState(bool(row.held), row.ago)

    def now(self) -> float:
        """Return the database's time, in Unix seconds."""
        row = self._db.row("SELECT extract(epoch FROM clock_timestamp())::float AS now")
        assert row is not None
        return float(row.now)
