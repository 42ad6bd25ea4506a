"""Roll-ups of the ledger: recomputed until they are final, so that it doesn't matter how often that is done.

A bucket is final once it was computed from a snapshot that every transaction is in which can have written into it.
Which those are is known by their ids: when the bucket had been over for a moment, an id was taken and written down (the
horizon); once all transactions with lower ids are over, nothing can come into the bucket any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from app.domain.rollups import (
    GRANULARITIES,
    LENGTH,
    Granularity,
    RollupDifference,
    Rollups,
    differences,
    start_of,
    windows,
)
from app.domain.times import rfc3339
from app.errors import InvalidRequest, NotFound
from app.stores.operations.rollups import Mark, RollupProgress, RollupStore
from app.stores.play.catalog import CatalogStore
from app.stores.postgres.engine import UNAVAILABLE, Database
from app.stores.postgres.replicas import Replicas

log = structlog.get_logger("fairboard.analytics")

# The time of an event is read a moment before its transaction has an id, and after a failover by another clock.
_SETTLED = timedelta(seconds=5)
# What is not final is computed again at the earliest after this many times the time it took: 5% of one core.
_REST = 20
LONGEST = {"hour": timedelta(days=31), "day": timedelta(days=366)}
_USUAL = {"hour": timedelta(days=1), "day": timedelta(days=30)}

Done = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which roll-ups: those that begin in `since` to before `until`; None: the usual stretch, which ends now."""

    board: str
    by: Granularity
    since: datetime | None = None
    until: datetime | None = None
    action_type: str | None = None


class Analytics:
    """Reads from replicas that are not too old, or the primary; writes to the primary.

    `patient` are the same replicas, with the time to answer that a busy day needs. `clock` stands in for the
    primary's, for tests.
    """

    def __init__(
        self,
        database: Database,
        replicas: Replicas,
        patient: Replicas,
        catalog: CatalogStore,
        *,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self._db, self._replicas, self._patient, self._catalog = database, replicas, patient, catalog
        self._clock = clock
        self._store = RollupStore()

    def roll_up(self) -> dict[str, datetime]:
        """Recompute what is not final. Answers before when each granularity is final; {} if another is at it."""
        self._refresh_stale()
        return {unit: final for unit in GRANULARITIES if (final := self._roll_up(unit)) is not None}

    def _refresh_stale(self) -> None:
        """Compute final buckets again whose events were voided or restored since. What isn't final comes anyway."""
        while True:
            with self._db.transaction() as connection:
                if not self._store.lock(connection):
                    return
                marks, hours = self._store.stale(connection)
                if not marks:
                    return
                horizon, mark = self._store.horizon(connection), self._mark(connection)
                for unit in GRANULARITIES:
                    final = self._store.progress(connection, unit).final_before
                    for since in sorted({start_of(unit, hour) for hour in hours}):
                        if since < final:
                            _, rollups = self._read(unit, since, since + LENGTH[unit], horizon=horizon)
                            self._store.replace(connection, unit, since, since + LENGTH[unit], rollups, mark.now)
                self._store.drop_stale(connection, marks)

    def _roll_up(self, unit: Granularity) -> datetime | None:
        began = time.monotonic()
        planned = self._plan(unit)
        if planned is None:
            return None
        mark, progress = planned
        if not self._due(mark, progress):
            return progress.final_before
        for since, until in windows(unit, progress.final_before, mark.now):
            written = self._write(unit, since, until, mark)
            if written is None:
                return None
            progress = written
        with self._db.transaction() as connection:
            if self._store.lock(connection):
                progress = self._store.progress(connection, unit)
                progress = replace(progress, computed_at=mark.now, took_seconds=time.monotonic() - began)
                self._store.keep_progress(connection, unit, progress)
        return progress.final_before

    def _mark(self, connection: Any) -> Mark:
        mark = self._store.mark(connection)
        return replace(mark, now=self._clock()) if self._clock else mark

    def _plan(self, unit: Granularity) -> tuple[Mark, RollupProgress] | None:
        """Where it stands, with the horizon of what has ended since; None if another is at it."""
        with self._db.transaction() as connection:
            if not self._store.lock(connection):
                return None
            mark, progress = self._mark(connection), self._store.progress(connection, unit)
            ended = start_of(unit, mark.now - _SETTLED)
            if progress.ended_before > max(ended, progress.began_at):  # the clock was set back: hours are open again
                final = min(progress.final_before, ended)
                progress = replace(progress, final_before=final, ended_before=ended, computed_at=None)
                self._store.keep_progress(connection, unit, progress)
            restored = progress.horizon >= mark.unknown  # into another server, whose ids are lower
            if restored or ended > progress.ended_before <= progress.final_before:
                ended = max(ended, progress.ended_before)
                progress = replace(progress, ended_before=ended, horizon=self._store.horizon(connection))
                self._store.keep_progress(connection, unit, progress)
        return mark, progress

    def _due(self, mark: Mark, progress: RollupProgress) -> bool:
        if progress.computed_at is None or progress.computed_at > mark.now:
            return True
        if mark.now >= progress.computed_at + timedelta(seconds=_REST * progress.took_seconds):
            return True
        if progress.ended_before <= progress.final_before:
            return False
        try:
            with self._store.snapshot(self._patient.reader()) as snapshot:
                return snapshot.xmin >= progress.horizon
        except UNAVAILABLE:
            return False

    def _write(self, unit: Granularity, since: datetime, until: datetime, mark: Mark) -> RollupProgress | None:
        """One window, in one transaction; None if another is at it."""
        with self._db.transaction() as connection:
            if not self._store.lock(connection):
                return None
            progress = self._store.progress(connection, unit)
            since = max(since, progress.final_before)  # what is final was made so by somebody else meanwhile
            if since >= until:
                return progress
            xmin, rollups = self._read(unit, since, until)
            self._store.replace(connection, unit, since, until, rollups, mark.now)
            if xmin >= progress.horizon and since == progress.final_before:
                final = max(progress.final_before, min(until, progress.ended_before))
                progress = replace(progress, final_before=final)
                self._store.keep_progress(connection, unit, progress)
        return progress

    def _read(self, unit: Granularity, since: datetime, until: datetime, *, horizon: int = 0) -> tuple[int, Rollups]:
        """A window of the ledger, with the id before which all transactions are in it.

        From a replica, unless it fails or doesn't have those before `horizon`.
        """
        source = self._patient.reader()
        if source is not self._db:
            try:
                with self._store.snapshot(source) as snapshot:
                    if snapshot.xmin >= horizon:
                        return snapshot.xmin, snapshot.compute(unit, since, until)
            except UNAVAILABLE as error:
                log.warning("replica_unfit", error=str(error).split("\n")[0])
        with self._store.snapshot(self._db) as snapshot:
            return snapshot.xmin, snapshot.compute(unit, since, until)

    def rebuild(
        self, since: datetime | None, until: datetime | None, done: Done = lambda count: None
    ) -> list[RollupDifference]:
        """Recompute every bucket of a stretch from the ledger; what was final and differed, as it was before."""
        return [each for unit in GRANULARITIES for each in self._compare(unit, since, until, done, write=True)]

    def verify(
        self, since: datetime | None, until: datetime | None, done: Done = lambda count: None
    ) -> list[RollupDifference]:
        """Compare what is final with the ledger."""
        return [each for unit in GRANULARITIES for each in self._compare(unit, since, until, done, write=False)]

    def _compare(
        self, unit: Granularity, since: datetime | None, until: datetime | None, done: Done, *, write: bool
    ) -> list[RollupDifference]:
        with self._db.transaction() as connection:
            mark, progress = self._mark(connection), self._store.progress(connection, unit)
        begin = max(progress.began_at, since) if since else progress.began_at
        end = mark.now if until is None else min(mark.now, until - timedelta(microseconds=1))
        found: list[RollupDifference] = []
        for number, (first, last) in enumerate(windows(unit, begin, end), 1):
            found += self._compare_window(unit, first, last, mark, write=write)
            done(number)
        return found

    def _compare_window(
        self, unit: Granularity, since: datetime, until: datetime, mark: Mark, *, write: bool
    ) -> list[RollupDifference]:
        with self._db.transaction() as connection:
            if write:
                self._store.lock(connection, wait=True)
            progress = self._store.progress(connection, unit)
            kept = self._store.kept(connection, unit, since, until)
            stale = {
                start_of(unit, hour) for hour in self._store.stale(connection)[1]
            }  # known, and due within a minute
            _, ledger = self._read(unit, since, until, horizon=progress.horizon)
            if write:
                self._store.replace(connection, unit, since, until, ledger, mark.now)
        found = [each for each in differences(kept, ledger) if each.place.starts_at < progress.final_before]
        return [each for each in found if each.place.starts_at not in stale]

    def show(self, wanted: Wanted) -> list[dict[str, Any]]:
        """A board's roll-ups, in the order of time. Raises InvalidRequest and NotFound."""
        return self._replicas.roughly(lambda source: self._show(wanted, source))

    def _show(self, wanted: Wanted, source: Database) -> list[dict[str, Any]]:
        since, until = self._span(wanted, source)
        if not wanted.board.isprintable() or self._catalog.open_season(wanted.board) is None:
            raise NotFound(f"There is no board '{wanted.board[:40]}'.")
        if wanted.action_type is not None and wanted.action_type not in self._store.names(source)[1].values():
            raise InvalidRequest.field("action_type", "is not an action type")
        rows = self._store.read(source, wanted.by, wanted.board, since, until, wanted.action_type)
        return [_as_row(row, wanted.by) for row in rows]

    def named(self, found: list[RollupDifference]) -> list[dict[str, Any]]:
        """Differences in words: `{"from", "board", "action_type", "what", "kept", "ledger"}` each."""
        boards, types = self._store.names(self._db)
        return [
            {
                "from": rfc3339(each.place.starts_at),
                "board": boards.get(each.place.season_id),
                "action_type": types.get(each.place.action_type_id),
                "what": each.what,
                "kept": each.kept,
                "ledger": each.ledger,
            }
            for each in found
        ]

    def _span(self, wanted: Wanted, source: Database) -> tuple[datetime, datetime]:
        until = wanted.until
        if until is None:
            until = self._clock() if self._clock else source.rows("SELECT now() AS now")[0].now
        since = wanted.since or start_of(wanted.by, until - _USUAL[wanted.by])
        if since >= until:
            raise InvalidRequest.field("to", "must be after 'from'")
        if until - since > LONGEST[wanted.by]:
            days = LONGEST[wanted.by].days
            raise InvalidRequest.field("from", f"must be at most {days} days before 'to' when read by the {wanted.by}")
        return since, until


def _as_row(row: dict[str, Any], by: Granularity) -> dict[str, Any]:
    return {
        "board": row["board"],
        "season": row["season"],
        "action_type": row["action_type"],
        "from": rfc3339(row["starts_at"]),
        "to": rfc3339(row["starts_at"] + LENGTH[by]),
        "redemptions": row["redemptions"],
        "points": row["points"],
        "players": row["players"],
        "voided": {"redemptions": row["voided"], "points": row["voided_points"]},
        "refusals": row["refusals"],
        "completion_seconds": {"median": row["median_seconds"], "p95": row["p95_seconds"]},
        "complete": row["complete"],
        "computed_at": rfc3339(row["computed_at"]),
    }
