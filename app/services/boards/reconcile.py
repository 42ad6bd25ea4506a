"""Proving Redis against the database: what has changed at each run, everything else in turn."""

from __future__ import annotations

import itertools
from collections.abc import Callable
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

_SHOWN = 100
_PATIENCE_SECONDS = 20.0  # the next run does what this one can't


@dataclass(slots=True)
class Proved:
    """One board: how many standings were compared, what Redis had otherwise, and the first of that.

    `rebuilt`: so much was wrong, or the sorted set was known not to be complete, that the board was rebuilt.
    """

    board: str
    standings: int = 0
    differing: int = 0
    differences: list[StandingDifference] = field(default_factory=list)
    rebuilt: bool = False

    def add(self, differences: list[StandingDifference]) -> None:
        """Count these, and keep the first ones."""
        self.differing += len(differences)
        self.differences += differences[: max(0, _SHOWN - len(self.differences))]


class Reconciler:
    """Finds what no event will bring any more: lost refreshes, strangers on a board, a cached list that is wrong.

    A board of up to `share` standings is compared as a whole at each run. Of a larger one a run compares what has
    changed, the top, and the next part of the rest: `share` standings, or as many that 60 runs compare all of them.
    """

    def __init__(
        self,
        catalog: CatalogStore,
        standings: StandingStore,
        changes: RecentChangeStore,
        rankings: BulkRankings,
        proofs: ReconcileProgressStore,
        refresh: BoardSync,
        *,
        clock: Callable[[], float],
        share: int = 5000,
        batch: int = BATCH,
    ) -> None:
        self._catalog, self._changes, self._refresh = catalog, changes, refresh
        self._rankings, self._proofs = rankings, proofs
        self._comparison = Comparison(standings, rankings, batch=batch)
        self._clock, self._share = clock, share

    def prove(self, pause: float = 1.0) -> list[Proved]:
        """Compare every open board, unless somebody is at it already; what differs is put right.

        What differs is looked at again for `pause` seconds: a change may be on its way. May run while players redeem.
        """
        proved = []
        for season in self._catalog.open_seasons():
            if self._rankings.may_prove(season):
                try:
                    proved.append(self._prove(season, pause))
                finally:
                    self._rankings.proved(season)
        return proved

    def _prove(self, season: Season, pause: float) -> Proved:
        proved, patience = Proved(season.board), Retries(_PATIENCE_SECONDS)
        if self._rankings.ready(season):
            self._compare(season, proved, patience, pause)
        elif self._refresh.repair_board(season):
            proved.rebuilt = True
            proved.add([{"what": "sorted set", "player": None, "redis": "not complete", "database": "present"}])
        if proved.differing:
            self._refresh.tell(season)
        return proved

    def _compare(self, season: Season, proved: Proved, patience: Retries, pause: float) -> None:
        known = patience(lambda: self._proofs.progress(season))
        run = ReconcileRun(
            self._comparison, self._changes, self._rankings, season, patience, known=known, least=self._share
        )
        suspects = run.suspects()
        while group := list(itertools.islice(suspects, MOST)):
            differences = list(self._comparison.confirmed(season, list(dict.fromkeys(group)), patience, pause))
            self._comparison.mend(season, [item["player"] for item in differences], patience)
            proved.add(differences)
        if run.is_hopeless:
            self._refresh.rebuild(season)
            proved.rebuilt = True
            proved.add([{"what": "sorted set", "player": None, "redis": "not complete", "database": "present"}])
        top = self._comparison.compare_top(season, patience)
        if top:
            self._rankings.drop_top(season, TOP)
        proved.add(top)
        proved.standings = run.compared
        patience(lambda: self._proofs.keep(season, run.progress_at(self._clock())))
