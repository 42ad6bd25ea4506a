"""Roll-ups of the ledger. They are recomputed until they are final, and it doesn't matter how often.

A bucket is final once it was computed from a snapshot that contains every transaction that can have written into it.
Their ids show which those are: a moment after the bucket ended, a new id was taken and stored (the horizon); once all
transactions with lower ids are over, no event can enter the bucket any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa
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
from app.services.operations.rollup_rows import RollupQuery, RollupRow, rollup_row, since_of
from app.stores.operations.rollup_ledger import ledger_snapshot
from app.stores.operations.rollups import Mark, RollupProgress, RollupStore
from app.stores.play.catalog import CatalogStore
from app.stores.postgres.engine import UNAVAILABLE, Database
from app.stores.postgres.replicas import Replicas

log = structlog.get_logger("fairboard.analytics")

# An event's time is read a moment before its transaction gets an id, and after a failover from another clock.
_SETTLE_TIME = timedelta(seconds=5)
# Roll-ups that are not final are recomputed after at least this many times the time it took: 5% of one core.
_PAUSE_FACTOR = 20

ProgressCallback = Callable[[int], None]


class Analytics:
    """Reads from replicas that are not too old, or the primary; writes to the primary.

    `patient_replicas` are the same replicas with time limits for a busy day. `clock` replaces the primary's, for tests.
    """

    def __init__(
        self,
        database: Database,
        replicas: Replicas,
        patient_replicas: Replicas,
        catalog: CatalogStore,
        store: RollupStore,
        *,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self._db, self._replicas, self._patient_replicas, self._catalog = database, replicas, patient_replicas, catalog
        self._store, self._clock = store, clock

    def roll_up(self) -> dict[str, datetime]:
        """Recompute roll-ups that are not final; return the time before which each granularity is final.

        A granularity is missing from the result while another process works on it.
        """
        self._refresh_stale()
        return {unit: final_before for unit in GRANULARITIES if (final_before := self._roll_up(unit)) is not None}

    def _refresh_stale(self) -> None:
        """Recompute final buckets whose events were voided or restored since. Those not final are recomputed anyway."""
        while True:
            with self._db.transaction() as connection:
                if not self._store.lock(connection):
                    return
                marks, hours = self._store.stale(connection)
                if not marks:
                    return
                horizon, mark = self._store.horizon(connection), self._mark(connection)
                for unit in GRANULARITIES:
                    final_before = self._store.progress(connection, unit).final_before
                    for since in sorted({start_of(unit, hour) for hour in hours}):
                        if since < final_before:
                            _, rollups = self._read(unit, since, since + LENGTH[unit], horizon=horizon)
                            self._store.replace(connection, unit, since, since + LENGTH[unit], rollups, mark.now)
                self._store.drop_stale(connection, marks)

    def _roll_up(self, unit: Granularity) -> datetime | None:
        began = time.monotonic()
        plan = self._plan(unit)
        if plan is None:
            return None
        mark, progress = plan
        if not self._is_due(mark, progress):
            return progress.final_before
        for since, until in windows(unit, progress.final_before, mark.now):
            new_progress = self._write(unit, since, until, mark)
            if new_progress is None:
                return None
            progress = new_progress
        with self._db.transaction() as connection:
            if self._store.lock(connection):
                progress = self._store.progress(connection, unit)
                progress = replace(progress, computed_at=mark.now, took_seconds=time.monotonic() - began)
                self._store.store_progress(connection, unit, progress)
        return progress.final_before

    def _mark(self, connection: sa.Connection) -> Mark:
        mark = self._store.take_mark(connection)
        return replace(mark, now=self._clock()) if self._clock else mark

    def _plan(self, unit: Granularity) -> tuple[Mark, RollupProgress] | None:
        """Return the mark, and the progress with the horizon of ended buckets; None if another process works."""
        with self._db.transaction() as connection:
            if not self._store.lock(connection):
                return None
            mark, progress = self._mark(connection), self._store.progress(connection, unit)
            ended_before = start_of(unit, mark.now - _SETTLE_TIME)
            # After the clock was set back, hours are open again.
            if progress.ended_before > max(ended_before, progress.began_at):
                final_before = min(progress.final_before, ended_before)
                progress = replace(progress, final_before=final_before, ended_before=ended_before, computed_at=None)
                self._store.store_progress(connection, unit, progress)
            is_restored = progress.horizon >= mark.unknown  # restored to another server, whose ids are lower
            if is_restored or ended_before > progress.ended_before <= progress.final_before:
                ended_before = max(ended_before, progress.ended_before)
                progress = replace(progress, ended_before=ended_before, horizon=self._store.horizon(connection))
                self._store.store_progress(connection, unit, progress)
        return mark, progress

    def _is_due(self, mark: Mark, progress: RollupProgress) -> bool:
        if progress.computed_at is None or progress.computed_at > mark.now:
            return True
        if mark.now >= progress.computed_at + timedelta(seconds=_PAUSE_FACTOR * progress.took_seconds):
            return True
        if progress.ended_before <= progress.final_before:
            return False
        try:
            with ledger_snapshot(self._patient_replicas.reader()) as snapshot:
                return snapshot.xmin >= progress.horizon
        except UNAVAILABLE:
            return False

    def _write(self, unit: Granularity, since: datetime, until: datetime, mark: Mark) -> RollupProgress | None:
        """Recompute one window in one transaction; return the progress, or None if another process works."""
        with self._db.transaction() as connection:
            if not self._store.lock(connection):
                return None
            progress = self._store.progress(connection, unit)
            since = max(since, progress.final_before)  # another process may have made buckets final meanwhile
            if since >= until:
                return progress
            xmin, rollups = self._read(unit, since, until)
            self._store.replace(connection, unit, since, until, rollups, mark.now)
            if xmin >= progress.horizon and since == progress.final_before:
                final_before = max(progress.final_before, min(until, progress.ended_before))
                progress = replace(progress, final_before=final_before)
                self._store.store_progress(connection, unit, progress)
        return progress

    def _read(self, unit: Granularity, since: datetime, until: datetime, *, horizon: int = 0) -> tuple[int, Rollups]:
        """Compute a window's roll-ups; return them with the id below which all transactions are in them.

        Reads a replica, unless it fails or lacks transactions below `horizon`.
        """
        source = self._patient_replicas.reader()
        if source is not self._db:
            try:
                with ledger_snapshot(source) as snapshot:
                    if snapshot.xmin >= horizon:
                        return snapshot.xmin, snapshot.compute(unit, since, until)
            except UNAVAILABLE as error:
                log.warning("replica_read_failed", error=str(error).split("\n")[0])
        with ledger_snapshot(self._db) as snapshot:
            return snapshot.xmin, snapshot.compute(unit, since, until)

    def rebuild(
        self, since: datetime | None, until: datetime | None, on_progress: ProgressCallback = lambda count: None
    ) -> list[RollupDifference]:
        """Recompute every bucket of a span from the ledger; return the differences that final buckets had."""
        return [
            difference
            for unit in GRANULARITIES
            for difference in self._compare(unit, since, until, on_progress, write=True)
        ]

    def verify(
        self, since: datetime | None, until: datetime | None, on_progress: ProgressCallback = lambda count: None
    ) -> list[RollupDifference]:
        """Compare the final roll-ups of a span with the ledger; return the differences."""
        return [
            difference
            for unit in GRANULARITIES
            for difference in self._compare(unit, since, until, on_progress, write=False)
        ]

    def _compare(
        self,
        unit: Granularity,
        since: datetime | None,
        until: datetime | None,
        on_progress: ProgressCallback,
        *,
        write: bool,
    ) -> list[RollupDifference]:
        with self._db.transaction() as connection:
            mark, progress = self._mark(connection), self._store.progress(connection, unit)
        begin = max(progress.began_at, since) if since else progress.began_at
        end = mark.now if until is None else min(mark.now, until - timedelta(microseconds=1))
        mismatches: list[RollupDifference] = []
        for number, (window_since, window_until) in enumerate(windows(unit, begin, end), 1):
            mismatches += self._compare_window(unit, window_since, window_until, mark, write=write)
            on_progress(number)
        return mismatches

    def _compare_window(
        self, unit: Granularity, since: datetime, until: datetime, mark: Mark, *, write: bool
    ) -> list[RollupDifference]:
        with self._db.transaction() as connection:
            if write:
                self._store.lock(connection, wait=True)
            progress = self._store.progress(connection, unit)
            stored_rollups = self._store.stored(connection, unit, since, until)
            # Stale buckets are no mismatch: they are recomputed within a minute.
            stale_starts = {start_of(unit, hour) for hour in self._store.stale(connection)[1]}
            _, ledger_rollups = self._read(unit, since, until, horizon=progress.horizon)
            if write:
                self._store.replace(connection, unit, since, until, ledger_rollups, mark.now)
        mismatches = [
            difference
            for difference in differences(stored_rollups, ledger_rollups)
            if difference.place.starts_at < progress.final_before
        ]
        return [difference for difference in mismatches if difference.place.starts_at not in stale_starts]

    def show(self, query: RollupQuery) -> list[RollupRow]:
        """Return a board's roll-ups, in the order of time. Raises InvalidRequest and NotFound."""
        return self._replicas.read_recent(lambda source: self._show(query, source))

    def _show(self, query: RollupQuery, source: Database) -> list[RollupRow]:
        until = query.until
        if until is None:
            until = self._clock() if self._clock else source.rows("SELECT now() AS now")[0].now
        since = since_of(query, until)
        if not query.board.isprintable() or self._catalog.board_id(query.board) is None:
            raise NotFound(f"There is no board '{query.board[:40]}'.")
        if query.action_type is not None and query.action_type not in self._store.names(source)[1].values():
            raise InvalidRequest.field("action_type", "is not an action type")
        rows = self._store.read(source, query.by, query.board, since, until, query.action_type)
        return [rollup_row(row, query.by) for row in rows]

    def name_differences(self, mismatches: list[RollupDifference]) -> list[dict[str, object]]:
        """Return differences with names: `{"from", "board", "action_type", "what", "kept", "ledger"}` each."""
        boards, types = self._store.names(self._db)
        return [
            {
                "from": rfc3339(difference.place.starts_at),
                "board": boards.get(difference.place.season_id),
                "action_type": types.get(difference.place.action_type_id),
                "what": difference.figure,
                "kept": difference.stored,
                "ledger": difference.ledger,
            }
            for difference in mismatches
        ]
