"""Reads that may go to a replica, and come back to the primary when none will do.

Nobody gets an error because of a replica: what fails there is read again on the primary.
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

_LOOK_SECONDS = 0.002
_NOW = f"SELECT {PRIMARY_NOW} AS position, extract(epoch FROM clock_timestamp())::float AS clock"


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """One replica. `lag_bytes` and `lag_seconds` are 0 when it has all that the primary has committed, None when that
    can't be told: it is down (`up` is False, `fault` says why), the primary is, or it has replayed no commit since its
    start."""

    name: str
    up: bool
    position: Position | None
    lag_bytes: int | None
    lag_seconds: float | None
    fault: str | None = None


class Replicas:
    """All of them, in turn. Opens no connection before the first read, and none ever when there are no replicas."""

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
        """Whether there are replicas at all, up or not."""
        return bool(self._all)

    def at_least(
        self, position: Position, work: Callable[[Database], T], *, wait: float | None = None
    ) -> tuple[T, Position] | None:
        """What `work` reads on a replica that has all up to `position`, and the position that it had for certain.

        None when none has it within `wait` seconds (default REPLICA_WAIT_SECONDS). `work` gets a Database on which all
        statements run on one connection.
        """
        if not self._all:
            return None
        waiting = list(self._in_turn())
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
            time.sleep(_LOOK_SECONDS)
        for replica in waiting:
            if wait is None:
                replica.waited_for()
        return None

    def roughly(self, work: Callable[[Database], T], max_age_seconds: float | None = None) -> T:
        """What `work` reads on a replica that is at most so old (default REPLICA_LAG_SECONDS), else on the primary.

        `work` may run twice: when the replica fails under it, it is done again on the primary.
        """
        for replica in self._young(max_age_seconds):
            try:
                return replica.read_patiently(work)
            except (ReplicaUnavailable, Behind):
                continue
        return work(self._primary)

    def reader(self, max_age_seconds: float | None = None) -> Database:
        """A replica that is at most so old now, else the primary. `roughly` and `patiently` survive its death."""
        for replica in self._young(max_age_seconds):
            return replica.patient
        return self._primary

    def patiently(self, work: Callable[[Database], T]) -> T:
        """What `work` reads, in as many transactions as it likes, on what `reader` gives, else on the primary.

        `work` may run twice: when the replica fails under it, it is done again on the primary.
        """
        source = self.reader()
        try:
            return work(source)
        except UNAVAILABLE as error:
            if source is self._primary:
                raise
            log.warning("replica_unfit", error=str(error).split("\n")[0])
            return work(self._primary)

    def status(self) -> list[ReplicaStatus]:
        """How each is; takes up to a second for one that stalls."""
        if not self._all:
            return []
        now = self._primary_now()
        return [_status(replica, *now) for replica in self._all]

    @property
    def names(self) -> list[str]:
        """Where each is."""
        return [replica.name for replica in self._all]

    def status_of(self, name: str) -> ReplicaStatus:
        """How this one is, whatever has stalled among the others."""
        return next(_status(replica, *self._primary_now()) for replica in self._all if replica.name == name)

    def _primary_now(self) -> tuple[Position | None, float]:
        try:
            now = self._primary.row(_NOW)
        except UNAVAILABLE:
            now = None
        return (now.position, now.clock) if now else (None, 0.0)

    def close(self) -> None:
        """Give all connections back."""
        for replica in self._all:
            replica.close()

    def _in_turn(self) -> Iterator[Replica]:
        first = next(self._turns)
        for step in range(len(self._all)):
            replica = self._all[(first + step) % len(self._all)]
            if replica.usable:
                yield replica

    def _young(self, max_age_seconds: float | None) -> Iterator[Replica]:
        candidates = list(self._in_turn())
        if not candidates:
            return
        most = self._lag if max_age_seconds is None else max_age_seconds
        now = self._primary.row(_NOW)
        assert now is not None
        for replica in candidates:
            try:
                age = _age(replica.replayed(), now.position, now.clock)
            except (ReplicaUnavailable, Behind):
                continue
            if age is not None and age <= most:
                yield replica


def _age(replayed: Replayed, position: Position, clock: float) -> float | None:
    """Seconds of commits that may be missing there, given what the primary had at `clock`.

    All up to the last commit replayed is there, whatever the replica has heard of since: that is right also for one
    that has lost its primary, and doesn't know how much it misses. Both times are the primary's.
    """
    if replayed.position >= position:
        return 0.0
    return None if replayed.last_commit is None else max(0.0, clock - replayed.last_commit)


def _status(replica: Replica, position: Position | None, clock: float) -> ReplicaStatus:
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
