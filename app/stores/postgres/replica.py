"""One read replica: whether it can be used, and how far it has replayed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import psycopg
import sqlalchemy.exc
import structlog

from app.stores.postgres.engine import UNAVAILABLE, Database, Hurry
from app.stores.postgres.lsn import PRIMARY_NOW, REPLAYED, TIMELINE_DIGITS, Position, received
from app.stores.server_addresses import address

log = structlog.get_logger("fairboard.replicas")

T = TypeVar("T")

_RETRY_SECONDS = 1.0
_SLOW_SECONDS = 0.5
# A stalled replica delays each request that is on it by this much once, before the primary answers the request.
_QUICK_LIMITS = Hurry(connect=0.5, answer=0.3, pool=0.05)
_PATIENT_SECONDS = 60.0

_PRIMARY_STATE = f"SELECT system_identifier AS system, {PRIMARY_NOW} AS position FROM pg_control_system()"
# Several sources report the replica's timeline, each of them late or empty at times: the newest is right, since a
# replica can't receive the log of a timeline that its own has left behind.
_REPLICA_STATE = """
    SELECT pg_is_in_recovery() AS standby, system_identifier AS system, lpad(to_hex(greatest(
        (SELECT timeline_id FROM pg_control_checkpoint()),
        (SELECT min_recovery_end_timeline FROM pg_control_recovery()),
        (SELECT max(received_tli) FROM pg_stat_wal_receiver))), 8, '0') AS timeline
    FROM pg_control_system()
"""
_REPLAY = f"""
    SELECT pg_is_in_recovery() AS standby, {REPLAYED} AS replayed,
           extract(epoch FROM pg_last_xact_replay_timestamp())::float AS last_commit
"""


class Behind(Exception):
    """The replica has not replayed the requested position, or is busy, or can't be judged at the moment."""


class ReplicaUnavailable(Exception):
    """The replica failed, and is not used for a while."""


class _Unfit(Exception):
    """The server answers, and is not a replica of our primary."""


NO_STANDBY = "it is not a standby"
FOREIGN_REPLICA = "it is a replica of another server"
OTHER_TIMELINE = "it follows a timeline that the primary has left"


@dataclass(frozen=True, slots=True)
class Replayed:
    """How far a replica has replayed.

    The next statement sees everything up to `position`. `last_commit` is the primary's time of the last commit that was
    replayed, in Unix seconds; `None` if there was none since the replica's start.
    """

    position: Position
    last_commit: float | None


class Replica:
    """One server. A failure is logged once; after a second, a thread of its own retries, so that no request has to."""

    def __init__(self, url: str, primary: Database, *, pool: int, statement_seconds: float) -> None:
        """Open up to `pool` connections, later. `statement_seconds` bounds a patient read's statement (0: a minute)."""
        self.name = address(url)
        patient_seconds = statement_seconds or _PATIENT_SECONDS
        patient_pool = max(1, pool // 4)
        self._quick = Database(url, pool=max(1, pool - patient_pool), statement_seconds=1.0, hurry=_QUICK_LIMITS)
        self.patient = Database(
            url,
            pool=patient_pool,
            statement_seconds=patient_seconds,
            hurry=Hurry(_QUICK_LIMITS.connect, patient_seconds + 1.0, _QUICK_LIMITS.pool),
        )
        self._primary = primary
        self._timeline: str | None = None  # None: not checked since the last failure
        self.fault: str | None = None
        """Why the replica is not used; `None` while it is."""
        self._retry_at = self._slow_until = 0.0
        self._retry_lock = threading.Lock()

    @property
    def usable(self) -> bool:
        """Return whether the replica may be used. Starts a retry in the background when one is due."""
        if self.fault is None:
            return True
        if time.monotonic() >= self._retry_at and self._retry_lock.acquire(blocking=False):
            threading.Thread(target=self._retry, name="replica", daemon=True).start()
        return False

    @property
    def slow(self) -> bool:
        """Return whether a read has just waited for this replica in vain."""
        return time.monotonic() < self._slow_until

    def note_failed_wait(self) -> None:
        """Note that a read waited for this replica in vain, so that for a moment no other read waits."""
        self._slow_until = time.monotonic() + _SLOW_SECONDS

    def read(self, position: Position, work: Callable[[Database], T]) -> tuple[T, Position]:
        """Return the result of `work`, and the replayed position, which is at least `position`.

        Raises Behind or ReplicaUnavailable.
        """

        def read_at_position(database: Database) -> tuple[T, Position]:
            replayed_position = self._read_replayed(database, position).position
            if replayed_position < position:
                raise Behind
            return work(database), replayed_position

        return self._run(self._quick, read_at_position)

    def replayed(self) -> Replayed:
        """Return how far the replica has replayed. Raises Behind or ReplicaUnavailable."""
        return self._run(self._quick, self._read_replayed)

    def read_patiently(self, work: Callable[[Database], T]) -> T:
        """Return the result of `work`, however old the data is. Raises Behind or ReplicaUnavailable."""
        return self._run(self.patient, work)

    def close(self) -> None:
        """Close all connections."""
        self._quick.close()
        self.patient.close()

    def _run(self, database: Database, work: Callable[[Database], T]) -> T:
        try:
            with database.on_one_connection() as session:
                return work(session)
        except sqlalchemy.exc.TimeoutError as error:  # all connections are in use, which is no fault of the replica
            raise Behind from error
        except (sqlalchemy.exc.SQLAlchemyError, psycopg.Error, _Unfit) as error:
            self._record_failure(error)
            raise ReplicaUnavailable from error

    def _read_replayed(self, database: Database, position: Position = "") -> Replayed:
        if self._timeline is None or self._timeline < position[:TIMELINE_DIGITS]:
            self._check_timeline(database)
        row = database.row(_REPLAY)
        assert row is not None
        if not row.standby:
            raise _Unfit(NO_STANDBY)
        if self._timeline is None or row.replayed is None:
            raise Behind
        if self.fault is not None:
            self.fault = None
            log.info("replica_back", replica=self.name)
        return Replayed(self._timeline + row.replayed, row.last_commit)

    def _check_timeline(self, database: Database) -> None:
        """Check that the server is a replica of the current primary, and note its timeline. Raises Behind or _Unfit."""
        try:
            primary = self._primary.row(_PRIMARY_STATE)
        except UNAVAILABLE as error:
            raise Behind from error
        replica = database.row(_REPLICA_STATE)
        assert primary is not None
        assert replica is not None
        if primary.system != replica.system:
            raise _Unfit(FOREIGN_REPLICA)
        if not replica.standby:
            raise _Unfit(NO_STANDBY)
        if replica.timeline != primary.position[:TIMELINE_DIGITS]:
            raise _Unfit(OTHER_TIMELINE)
        self._timeline = replica.timeline
        database.position_sql = self._quick.position_sql = received(replica.timeline)

    def _record_failure(self, error: Exception) -> None:
        self._timeline, self._retry_at = None, time.monotonic() + _RETRY_SECONDS
        self._quick.close()  # connections opened with the one that failed may be dead too
        self.patient.close()
        if self.fault is None:
            log.warning("replica_unavailable", replica=self.name, why=_reason(error))
        self.fault = _reason(error)

    def _retry(self) -> None:
        try:
            self.replayed()
        except Behind:  # the primary does not answer, or nothing was replayed yet: retry later
            self._retry_at = time.monotonic() + _RETRY_SECONDS
        except ReplicaUnavailable:
            pass
        finally:
            self._retry_lock.release()


def _reason(error: Exception) -> str:
    """Return the error of the server or the driver in one line, without the statement."""
    text = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
    return text.splitlines()[0]
