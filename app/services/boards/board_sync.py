"""The sync of Redis and the subscribers with the boards in the database. Everything here may run twice."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Literal

import structlog

from app.domain.boards import Season
from app.services.boards.broadcasts import BroadcastCause, Broadcasts
from app.services.boards.comparison import MOST, Comparison, StandingDifference
from app.services.boards.outbox import BoardChange
from app.services.boards.rebuild import Rebuild
from app.services.boards.revival import Revival
from app.services.boards.standings import Standings
from app.services.operations.retries import Retries
from app.stores.boards.board_copies import BoardCopies
from app.stores.boards.bulk_rankings import BulkRankings
from app.stores.boards.rankings import RankingStore
from app.stores.boards.standings import StandingStore
from app.stores.play.catalog import CatalogStore
from app.stores.redis.leases import Lease
from app.stores.unavailability import UNAVAILABLE

Progress = Callable[[int], None]
Repair = Literal["kept", "rebuilt"]

log = structlog.get_logger("fairboard.refresh")

_REPAIR_SECONDS = 10.0  # the next repair does the rest


class BoardSync:
    """Events are hints that may come twice, late or in any order: the standings that they name are read fresh."""

    def __init__(
        self,
        catalog: CatalogStore,
        standings: StandingStore,
        rankings: RankingStore,
        bulk: BulkRankings,
        copies: BoardCopies,
        reads: Standings,
        broadcasts: Broadcasts,
        revival: Revival,
    ) -> None:
        self._catalog, self._standings, self._rankings, self._copies = catalog, standings, rankings, copies
        self._reads, self._broadcasts, self._revival = reads, broadcasts, revival
        self._comparison, self._rebuild = Comparison(standings, bulk), Rebuild(standings, bulk)

    def sync(self, changes: Sequence[BoardChange]) -> dict[int, int]:
        """Copy the changed standings to Redis, then send the boards to every subscriber.

        Return the boards' versions by the seasons' ids: 0 if another worker sends a board, or another season has begun.
        Each season may be in `changes` once.
        """
        mirrored = self._catalog.mirrored_of([change.season_id for change in changes])
        known = [(mirrored[change.season_id], change) for change in changes if change.season_id in mirrored]
        are_ready = self._rankings.are_ready([season for season, _ in known])
        ready = [board for board, is_ready in zip(known, are_ready, strict=True) if is_ready]
        incomplete = [board for board, is_ready in zip(known, are_ready, strict=True) if not is_ready]
        versions = {change.season_id: 0 for change in changes} | self._copy(ready)
        for season, change in incomplete:  # the last, since to rebuild a board may take minutes
            self.repair_board(season)
            versions |= self._copy([(season, change)])
        return versions

    def end_season(self, season_id: int) -> int:
        """Drop a closed season from Redis, and send its board's next season to every subscriber; return its version.

        The newest season of a board stays as it is, unless the board is archived: readers and subscribers see it until
        another one begins.
        """
        season = self._catalog.season(season_id)
        if season is None:
            return 0
        present = self._catalog.view(season.board)
        assert present is not None, "a board with a closed season has a season"
        if self._catalog.mirrored_season(season_id) is None:
            self._rankings.clear(season)
        return self.announce(present.season)

    def repair(self) -> list[str]:
        """Repair the boards whose sorted set may lack something, as after a failover; return the rebuilt ones."""
        rebuilt_boards, retries = [], Retries(_REPAIR_SECONDS)
        for season in retries(self._catalog.mirrored_seasons):
            has_dropped, repair = retries(partial(self._drop_foreign, season)), self.repair_board(season)
            if repair or has_dropped:
                retries(partial(self.announce, season))
            if repair == "rebuilt":
                rebuilt_boards.append(season.board)
        retries(self._rankings.note_repair)
        return rebuilt_boards

    def repair_board(self, season: Season) -> Repair | None:
        """Repair the board if it needs that and no process is repairing it; return how it was repaired, if it was.

        One that Redis has kept over a restart is corrected, any other one is rebuilt.
        """
        lease, retries = self._rankings.rebuild_lease(season), Retries()
        if retries(lambda: self._rankings.is_ready(season)) or not retries(lease.hold):
            return None
        if self._revive(season, lease, retries):
            return "kept"
        self._rebuild_board(season, lease, retries=retries)
        return "rebuilt"

    def _revive(self, season: Season, lease: Lease, retries: Retries) -> bool:
        """Revive the board if Redis has kept it; return False, with the lease held, if it is to be rebuilt."""
        try:
            if not self._revival.revive(season, lease, retries):
                return False
        except BaseException:
            self._release(lease)
            raise
        retries(lease.release)
        return True

    @staticmethod
    def _release(lease: Lease) -> None:
        with suppress(*UNAVAILABLE):  # it ends by itself
            lease.release()

    def _drop_foreign(self, season: Season) -> bool:
        keys = self._rankings.drop_foreign(season)
        if keys:
            log.warning("board_keys_dropped", board=season.board, keys=keys)
        return bool(keys)

    def announce(self, season: Season) -> int:
        """Invalidate the cached lists, and send the board to every subscriber; return its version."""
        self._rankings.note_change(season)
        return self._broadcasts.announce([(season, BroadcastCause())])[season.id]

    def rebuild(
        self, season: Season, progress: Progress = lambda standings: None, retries: Retries | None = None
    ) -> int:
        """Copy every standing, remove players that the database doesn't have, cache the top; return the board's size.

        Redemptions go on meanwhile: a standing that is newer in Redis is left alone. Raises one of UNAVAILABLE when a
        server was down for longer than `retries` wait; the standings copied until then stay.
        """
        return self._rebuild_board(season, self._rankings.rebuild_lease(season), progress, retries)

    def _rebuild_board(
        self,
        season: Season,
        lease: Lease,
        progress: Progress = lambda standings: None,
        retries: Retries | None = None,
    ) -> int:
        retries = retries or Retries()
        retries(lambda: self._drop_foreign(season))
        try:
            standings = self._rebuild.rebuild(season, lease, progress, retries)
        except BaseException:
            self._release(lease)
            raise
        retries(lease.release)
        retries(lambda: self._reads.build([season]))
        return standings

    def verify(
        self, season: Season, progress: Progress = lambda standings: None, *, pause: float = 0.0
    ) -> list[StandingDifference]:
        """Return the differences between Redis and the database, at most `MOST`.

        While players redeem, a score may be on its way: differences are checked again, for `pause` seconds in all.
        """
        differences = self._comparison.find_differences(season, progress, Retries(), pause)
        return list(itertools.islice(differences, MOST))

    def _copy(self, boards: Sequence[tuple[Season, BoardChange]]) -> dict[int, int]:
        """Copy the changed standings of some boards, and send the boards; return their versions."""
        if not boards:
            return {}
        members = self._standings.members_on([(season, change.players) for season, change in boards])
        seasons = [season for season, _ in boards]
        self._copies.copy(list(zip(seasons, members, strict=True)))
        return self._broadcasts.announce(
            [
                (season, BroadcastCause(change.events, change.request_ids, change.committed_at))
                for season, change in boards
            ]
        )
