"""Boards that Redis has kept over a restart or a failover: lost changes are repaired, without a rebuild."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from uuid import UUID, uuid4

import structlog

from app.domain.boards import Season
from app.services.boards.comparison import MOST, Comparison
from app.services.boards.reconcile_run import ReconcileRun
from app.services.operations.retries import Retries
from app.stores.boards.bulk_rankings import BEGINNING, BulkRankings
from app.stores.boards.recent_changes import RecentChangeStore
from app.stores.boards.reconcile_progress import ReconcileProgressStore
from app.stores.boards.standings import StandingStore
from app.stores.redis.leases import Lease

log = structlog.get_logger("fairboard.refresh")

_SAMPLE = 2000  # standings compared, as a proof that Redis has kept the rest
_MOST_EVENTS = 1_000_000
_CLOCKS_DIFFER = 60.0  # seconds between the clocks of a worker and of PostgreSQL
_PAUSE_SECONDS = 1.0


class Revival:
    """Revives boards that were complete on an earlier run of Redis.

    Redis comes back with all writes up to some moment: that of its last flush to disk, of its last snapshot, or of the
    last write that reached a replica. The reconciliation keeps its progress beside the board, so it comes back with it:
    up to its event everything was compared before that moment. Only later changes can be lost.
    """

    def __init__(
        self,
        standings: StandingStore,
        changes: RecentChangeStore,
        rankings: BulkRankings,
        progress_store: ReconcileProgressStore,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._changes, self._rankings, self._progress_store = changes, rankings, progress_store
        self._comparison, self._clock = Comparison(standings, rankings), clock

    def revive(self, season: Season, lease: Lease, retries: Retries) -> bool:
        """Repair the board and mark it as complete; return False if only a rebuild can do that.

        Players may redeem meanwhile. Raises one of UNAVAILABLE.
        """
        if not retries(lambda: self._rankings.was_complete(season)):
            return False
        began, token = self._clock(), retries(lambda: self._rankings.begin_rebuild(season))
        progress = retries(lambda: self._progress_store.progress(season))
        checked = retries(lambda: self._changes.last_checked_event(progress.event))
        newest = retries(self._changes.newest_event)
        if not progress.at or checked != progress.event or newest > checked + _MOST_EVENTS:
            return False
        run_id = retries(lambda: self._rankings.run_id(season))
        resumed = replace(progress, run=run_id, player=BEGINNING, compared=0, cursor=0, walked=False, scanned=False)
        run = ReconcileRun(
            self._comparison, self._changes, self._rankings, season, lease, retries, progress=resumed, least_share=1
        )
        lost = self._mend(season, run.changed_suspects(max(0.0, began - progress.at) + _CLOCKS_DIFFER), retries)
        if self._is_different(season, retries) or not retries(lambda: self._rankings.mark_ready(season, token)):
            return False
        retries(lambda: self._progress_store.store(season, replace(run.progress, at=began)))
        log.info("board_kept", board=season.board, events=newest - checked, lost=lost)
        return True

    def _mend(self, season: Season, suspects: Iterator[str], retries: Retries) -> int:
        """Write the suspects' standings as the database has them; return how many there were."""
        count = 0
        while group := list(itertools.islice(suspects, MOST)):
            self._comparison.mend(season, group, retries)
            count += len(group)
        return count

    def _is_different(self, season: Season, retries: Retries) -> bool:
        """Return whether a sample differs: standings from a random place on, and members of the sorted set."""
        suspects = [
            *itertools.islice(self._sample_of(season, uuid4(), retries), MOST),
            *self._comparison.scan(season, 0, retries)[2],
        ]
        return any(True for _ in self._comparison.confirm(season, suspects, retries, _PAUSE_SECONDS))

    def _sample_of(self, season: Season, start: UUID, retries: Retries) -> Iterator[str]:
        """Yield the suspects among the sample's standings: those after `start`, then from the beginning."""
        compared, after, has_wrapped = 0, start, False
        while compared < _SAMPLE:
            part = self._comparison.suspects_after(season, after, retries)
            yield from part.suspects
            compared += len(part.members)
            if part.last is None and has_wrapped:
                return
            has_wrapped |= part.last is None
            after = part.last or BEGINNING
