"""One read replica: whether it can be used, and what it has replayed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
import sqlalchemy.exc
import structlog

from app.stores.postgres.engine import UNAVAILABLE, Database, Hurry
from app.stores.postgres.lsn import PRIMARY_NOW, REPLAYED, TIMELINE_DIGITS, Position, received
from app.stores.server_addresses import address

log = structlog.get_logger("fairboard.replicas")

T = TypeVar("T")

_LEFT_SECONDS = 1.0
_SLOW_SECONDS = 0.5
# A stalled replica costs the requests that are on it this much once, before the primary answers them.
_HURRY = Hurry(connect=0.5, answer=0.3, pool=0.05)
_LONGEST_SECONDS = 60.0

_ABOUT_PRIMARY = f"SELECT system_identifier AS system, {PRIMARY_NOW} AS position FROM pg_control_system()"
# Which timeline it is on is told by several places, each late or silent at times: the newest of them is right, since
# a replica can't take the log of a timeline that its own has left behind.
_ABOUT_REPLICA = """
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
    """It has not replayed what was asked for, or is busy, or can't be judged at the moment."""


class ReplicaUnavailable(Exception):
    """It failed, and is left alone for a while."""


class _Unfit(Exception):
    """It answers, and is not a replica of our primary."""


NO_STANDBY = "it is no standby"
STRANGER = "it is a replica of another server"
ASTRAY = "it follows a timeline that the primary has left"


@dataclass(frozen=True, slots=True)
class Replayed:
    """`position` is what the next statement sees for certain; `last_commit` the primary's time of the last commit
    replayed, in Unix seconds, None if there was none since its start."""

    position: Position
    last_commit: float | None


class Replica:
    """One server. A failure is noted once in the log; after a second, a thread of its own tries whether it is back, so
    that no request has to."""

    def __init__(self, url: str, primary: Database, *, pool: int, statement_seconds: float) -> None:
        """`pool`: most connections; `statement_seconds`: bound of a statement of a patient reader (0: a minute)."""
        self.name = address(url)
        patient = statement_seconds or _LONGEST_SECONDS
        few = max(1, pool // 4)
        self._quick = Database(url, pool=max(1, pool - few), statement_seconds=1.0, hurry=_HURRY)
        self.patient = Database(
            url, pool=few, statement_seconds=patient, hurry=Hurry(_HURRY.connect, patient + 1.0, _HURRY.pool)
        )
        self._primary = primary
        self._timeline: str | None = None  # None: not looked at since it was left
        self.fault: str | None = None
        """Why it is left alone."""
        self._left_until = self._slow_until = 0.0
        self._trying = threading.Lock()

    @property
    def usable(self) -> bool:
        """False while it is left alone. Starts a try when it is time for one."""
        if self.fault is None:
            return True
        if time.monotonic() >= self._left_until and self._trying.acquire(blocking=False):
            threading.Thread(target=self._try_again, name="replica", daemon=True).start()
        return False

    @property
    def slow(self) -> bool:
        """Whether it was waited for in vain just now."""
        return time.monotonic() < self._slow_until

    def waited_for(self) -> None:
        """It was waited for in vain: for a moment nobody else should."""
        self._slow_until = time.monotonic() + _SLOW_SECONDS

    def read(self, position: Position, work: Callable[[Database], T]) -> tuple[T, Position]:
        """What `work` reads here, if all up to `position` is here, and the position that was. Raises Behind or Left."""

        def read_it(database: Database) -> tuple[T, Position]:
            here = self._replayed(database, position).position
            if here < position:
                raise Behind
            return work(database), here

        return self._guarded(self._quick, read_it)

    def replayed(self) -> Replayed:
        """How far it is. Raises Behind or Left."""
        return self._guarded(self._quick, self._replayed)

    def read_patiently(self, work: Callable[[Database], T]) -> T:
        """What `work` reads here, however old. Raises Behind or Left."""
        return self._guarded(self.patient, work)

    def close(self) -> None:
        """Give all connections back."""
        self._quick.close()
        self.patient.close()

    def _guarded(self, database: Database, work: Callable[[Database], T]) -> T:
        try:
            with database.held() as held:
                return work(held)
        except sqlalchemy.exc.TimeoutError as error:  # all its connections are in use: no fault of its
            raise Behind from error
        except (sqlalchemy.exc.SQLAlchemyError, psycopg.Error, _Unfit) as error:
            self._leave(error)
            raise ReplicaUnavailable from error

    def _replayed(self, database: Database, wanted: Position = "") -> Replayed:
        if self._timeline is None or self._timeline < wanted[:TIMELINE_DIGITS]:
            self._look(database)
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

    def _look(self, database: Database) -> None:
        """Whether it is a replica of our primary as that is now."""
        try:
            primary = self._primary.row(_ABOUT_PRIMARY)
        except UNAVAILABLE as error:
            raise Behind from error
        replica = database.row(_ABOUT_REPLICA)
        assert primary is not None
        assert replica is not None
        if primary.system != replica.system:
            raise _Unfit(STRANGER)
        if not replica.standby:
            raise _Unfit(NO_STANDBY)
        if replica.timeline != primary.position[:TIMELINE_DIGITS]:
            raise _Unfit(ASTRAY)
        self._timeline = replica.timeline
        database.seen = self._quick.seen = received(replica.timeline)

    def _leave(self, error: Exception) -> None:
        self._timeline, self._left_until = None, time.monotonic() + _LEFT_SECONDS
        self._quick.close()  # what was opened with the connection that failed may be as dead
        self.patient.close()
        if self.fault is None:
            log.warning("replica_left", replica=self.name, why=_reason(error))
        self.fault = _reason(error)

    def _try_again(self) -> None:
        try:
            self.replayed()
        except Behind:  # the primary can't be asked, or nothing was replayed yet: later
            self._left_until = time.monotonic() + _LEFT_SECONDS
        except ReplicaUnavailable:
            pass
        finally:
            self._trying.release()


def _reason(error: Any) -> str:
    """What the server or the driver said, in one line, without the statement."""
    said = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
    return said.splitlines()[0]
