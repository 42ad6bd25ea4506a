"""Reads that may go to a replica, and fall back to the primary when no replica will do.

No caller gets an error because of a replica: a read that fails there is repeated on the primary.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog

from app.stores.postgres.engine import UNAVAILABLE, Database
from app.stores.postgres.lsn import PRIMARY_NOW, Position, bytes_between
from app.stores.postgres.replica import Behind, Replayed, Replica, ReplicaUnavailable

T = TypeVar("T")
log = structlog.get_logger("fairboard.replicas")

_POLL_SECONDS = 0.002
_PRIMARY_STATE = f"SELECT {PRIMARY_NOW} AS position, extract(epoch FROM clock_timestamp())::float AS clock"


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """The status of one replica.

    `lag_bytes` and `lag_seconds` are 0 when it has every commit of the primary, and `None` when the lag is unknown: the
    replica is down (`up` is False, `fault` says why), the primary is down, or the replica has replayed no commit since
    its start.
    """

    name: str
    up: bool
    position: Position | None
    lag_bytes: int | None
    lag_seconds: float | None
    fault: str | None = None


class Replicas:
    """All replicas, used in turn. Opens no connection before the first read, and none at all without replicas."""

    def __init__(
        self,
        urls: Sequence[str],
        primary: Database,
        *,
        pool: int,
        statement_seconds: float,
        wait_seconds: float,
        lag_seconds: float,
    ) -> None:
        self._primary, self._wait, self._lag = primary, wait_seconds, lag_seconds
        self._all = [Replica(url, primary, pool=pool, statement_seconds=statement_seconds) for url in urls]
        self._turns = itertools.count()

    @property
    def any(self) -> bool:
        """Return whether there are replicas at all, up or down."""
        return bool(self._all)

    def read_at_position(
        self, position: Position, work: Callable[[Database], T], *, wait: float | None = None
    ) -> tuple[T, Position] | None:
        """Return the result of `work` on a replica that has replayed `position`, and the position that it is at.

        Returns `None` when no replica gets there within `wait` seconds (default REPLICA_WAIT_SECONDS). `work` gets a
        Database that runs all statements on one connection.
        """
        if not self._all:
            return None
        waiting = list(self._iterate_usable())
        deadline = time.monotonic() + (self._wait if wait is None else wait)
        while waiting:
            for replica in tuple(waiting):
                try:
                    return replica.read(position, work)
                except ReplicaUnavailable:
                    waiting.remove(replica)
                except Behind:
                    if replica.slow:
                        waiting.remove(replica)
            if time.monotonic() >= deadline:
                break
            time.sleep(_POLL_SECONDS)
        for replica in waiting:
            if wait is None:
                replica.note_failed_wait()
        return None

    def read_recent(self, work: Callable[[Database], T], max_age_seconds: float | None = None) -> T:
        """Return the result of `work` on a replica that is recent enough, else on the primary.

        `max_age_seconds` is REPLICA_LAG_SECONDS by default. `work` may run twice: when the replica fails during it, it
        is repeated on the primary.
        """
        for replica in self._iterate_recent(max_age_seconds):
            try:
                return replica.read_patiently(work)
            except (ReplicaUnavailable, Behind):
                continue
        return work(self._primary)

    def reader(self) -> Database:
        """Return a replica that is recent enough now, else the primary. `read_recent` also handles its failure."""
        for replica in self._iterate_recent(None):
            return replica.patient
        return self._primary

    def read_patiently(self, work: Callable[[Database], T]) -> T:
        """Return the result of `work`, in any number of transactions, on the replica of `reader`, else on the primary.

        `work` may run twice: when the replica fails during it, it is repeated on the primary.
        """
        source = self.reader()
        try:
            return work(source)
        except UNAVAILABLE as error:
            if source is self._primary:
                raise
            log.warning("replica_read_failed", error=str(error).split("\n")[0])
            return work(self._primary)

    def status(self) -> list[ReplicaStatus]:
        """Return the status of each replica; takes up to a second for one that stalls."""
        if not self._all:
            return []
        now = self._read_primary()
        return [_read_status(replica, *now) for replica in self._all]

    @property
    def names(self) -> list[str]:
        """Return the address of each replica."""
        return [replica.name for replica in self._all]

    def status_of(self, name: str) -> ReplicaStatus:
        """Return the status of one replica; the others may stall."""
        return next(_read_status(replica, *self._read_primary()) for replica in self._all if replica.name == name)

    def _read_primary(self) -> tuple[Position | None, float]:
        try:
            now = self._primary.row(_PRIMARY_STATE)
        except UNAVAILABLE:
            now = None
        return (now.position, now.clock) if now else (None, 0.0)

    def close(self) -> None:
        """Close all connections."""
        for replica in self._all:
            replica.close()

    def _iterate_usable(self) -> Iterator[Replica]:
        first = next(self._turns)
        for step in range(len(self._all)):
            replica = self._all[(first + step) % len(self._all)]
            if replica.usable:
                yield replica

    def _iterate_recent(self, max_age_seconds: float | None) -> Iterator[Replica]:
        candidates = list(self._iterate_usable())
        if not candidates:
            return
        max_age = self._lag if max_age_seconds is None else max_age_seconds
        now = self._primary.row(_PRIMARY_STATE)
        assert now is not None
        for replica in candidates:
            try:
                age = _age(replica.replayed(), now.position, now.clock)
            except (ReplicaUnavailable, Behind):
                continue
            if age is not None and age <= max_age:
                yield replica


def _age(replayed: Replayed, position: Position, clock: float) -> float | None:
    """Return the seconds of commits that the replica may lack, when the primary is at `position` at `clock`.

    The replica has everything up to its last replayed commit, however much it has received since. So the age is right
    also for a replica that has lost its primary and can't know how much it lacks. Both times are the primary's.
    """
    if replayed.position >= position:
        return 0.0
    return None if replayed.last_commit is None else max(0.0, clock - replayed.last_commit)


def _read_status(replica: Replica, position: Position | None, clock: float) -> ReplicaStatus:
    try:
        replayed = replica.replayed()
    except ReplicaUnavailable:
        return ReplicaStatus(replica.name, False, None, None, None, replica.fault)
    except Behind:
        return ReplicaStatus(replica.name, True, None, None, None)
    if position is None:
        return ReplicaStatus(replica.name, True, replayed.position, None, None)
    age = _age(replayed, position, clock)
    return ReplicaStatus(replica.name, True, replayed.position, bytes_between(replayed.position, position), age)
