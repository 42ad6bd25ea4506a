"""Proving Redis against the database, and putting right what it has otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.domain.boards import Season
from app.services.refresh import Refresh
from app.stores.catalog import CatalogStore
from app.stores.rankings import RankingStore


@dataclass(frozen=True, slots=True)
class Proved:
    """One board: how many standings were compared, and what Redis had otherwise, as `Refresh.verify` says it."""

    board: str
    standings: int
    differences: list[dict[str, Any]]


class Proof:
    """Finds what no event will bring any more: lost refreshes, strangers on a board, a cached list that is wrong."""

    def __init__(self, catalog: CatalogStore, rankings: RankingStore, refresh: Refresh) -> None:
        self._catalog, self._rankings, self._refresh = catalog, rankings, refresh

    def prove(self, pause: float = 1.0) -> list[Proved]:
        """Compare every open board, unless somebody is at it already; what differs is put right.

        What differs is looked at again after `pause` seconds: a change may be on its way. May run while players redeem.
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
        compared = 0

        def progress(done: int) -> None:
            nonlocal compared
            compared = done
            self._rankings.proving(season)

        differences = self._refresh.verify_settled(season, progress, pause)
        if differences:
            self._refresh.mend(season, differences)
        return Proved(season.board, compared, differences)
