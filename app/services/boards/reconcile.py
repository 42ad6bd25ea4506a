"""The comparison of boards in Redis with the database: recent changes at each run, the other standings in turn."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from app.domain.boards import TOP, Season
from app.services.boards.board_sync import BoardSync
from app.services.boards.comparison import MOST, Comparison, StandingDifference
from app.services.boards.reconcile_run import ReconcileRun
from app.services.operations.retries import Retries
from app.stores.boards.bulk_rankings import BATCH, BulkRankings
from app.stores.boards.recent_changes import RecentChangeStore
from app.stores.boards.reconcile_progress import ReconcileProgressStore
from app.stores.boards.standings import StandingStore
from app.stores.play.catalog import CatalogStore
from app.stores.redis.leases import Lease
from app.stores.unavailability import UNAVAILABLE

_MOST_LISTED = 100
_RETRY_SECONDS = 20.0  # the next run does the rest


@dataclass(slots=True)
class ReconcileResult:
    """The result for one board: how many standings were compared, how many differed, and the first differences.

    `was_rebuilt`: the board was rebuilt, because too much was wrong or its sorted set was known to be incomplete.
    """

    board: str
    standings: int = 0
    differing: int = 0
    differences: list[StandingDifference] = field(default_factory=list)
    was_rebuilt: bool = False

    def add(self, differences: list[StandingDifference]) -> None:
        """Count the differences, and keep the first ones."""
        self.differing += len(differences)
        self.differences += differences[: max(0, _MOST_LISTED - len(self.differences))]


class Reconciler:
    """Finds differences that no event will correct: lost refreshes, strangers on a board, a wrong cached list.

    A board of up to `share` standings is compared as a whole at each run. Of a larger one a run compares the recent
    changes, the top, and the next part of the rest: `share` standings, or as many that 60 runs compare all of them.
    """

    def __init__(
        self,
        catalog: CatalogStore,
        standings: StandingStore,
        changes: RecentChangeStore,
        rankings: BulkRankings,
        progress_store: ReconcileProgressStore,
        board_sync: BoardSync,
        *,
        clock: Callable[[], float],
        share: int = 5000,
        batch: int = BATCH,
    ) -> None:
        self._catalog, self._changes, self._board_sync = catalog, changes, board_sync
        self._rankings, self._progress_store = rankings, progress_store
        self._comparison = Comparison(standings, rankings, batch=batch)
        self._clock, self._share = clock, share

    def reconcile(self, pause: float = 1.0) -> list[ReconcileResult]:
        """Compare and correct every open board that no other process compares now; return a result for each of them.

        A difference is checked again for `pause` seconds: a change may be on its way. May run while players redeem.
        """
        results = []
        for season in Retries(_RETRY_SECONDS)(self._catalog.mirrored_seasons):
            lease, retries = self._rankings.comparison_lease(season), Retries(_RETRY_SECONDS)
            if retries(lease.hold):
                try:
                    results.append(self._reconcile(season, lease, retries, pause))
                finally:
                    with suppress(*UNAVAILABLE):  # it ends by itself
                        lease.release()
        return results

    def _reconcile(self, season: Season, lease: Lease, retries: Retries, pause: float) -> ReconcileResult:
        result = ReconcileResult(season.board)
        if retries(lambda: self._rankings.is_ready(season)):
            self._compare(season, lease, result, retries, pause)
        elif self._board_sync.repair_board(season) == "rebuilt":
            result.was_rebuilt = True
            if not retries(lambda: self._rankings.is_empty(season)):  # as it is before the first redemption
                result.add([{"what": "sorted set", "player": None, "redis": "not complete", "database": "present"}])
        if result.differing:
            retries(lambda: self._board_sync.announce(season))
        return result

    def _compare(self, season: Season, lease: Lease, result: ReconcileResult, retries: Retries, pause: float) -> None:
        began, progress = self._clock(), retries(lambda: self._progress_store.progress(season))
        run = ReconcileRun(
            self._comparison,
            self._changes,
            self._rankings,
            season,
            lease,
            retries,
            progress=progress,
            least_share=self._share,
        )
        suspects = run.suspects()
        while group := list(itertools.islice(suspects, MOST)):
            differences = list(self._comparison.confirm(season, list(dict.fromkeys(group)), retries, pause))
            self._comparison.mend(season, [player for item in differences if (player := item.get("player"))], retries)
            result.add(differences)
        if run.is_hopeless:
            self._board_sync.rebuild(season)
            result.was_rebuilt = True
            result.add([{"what": "sorted set", "player": None, "redis": "not complete", "database": "present"}])
        top = self._comparison.compare_top(season, retries)
        if top:
            retries(lambda: self._rankings.drop_top(season, TOP))
        result.add(top)
        result.standings = run.compared
        retries(lambda: self._progress_store.store(season, run.progress_at(began, self._clock())))
