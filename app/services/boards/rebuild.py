"""The rebuild of a whole board in Redis from the database, in batches that may each be copied twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from uuid import UUID

from app.domain.boards import Season
from app.services.boards.comparison import Comparison
from app.services.operations.chunks import Chunks
from app.services.operations.retries import Retries
from app.stores.boards.bulk_rankings import BATCH, BEGINNING, BulkRankings, RedisRestarted
from app.stores.boards.orders import MirroredStanding
from app.stores.boards.standings import StandingStore
from app.stores.redis.leases import Lease

_TRIES = 3  # Redis may restart or lose the board in all but the last

Progress = Callable[[int], None]


class Rebuild:
    """Copies `batch` standings at a time. The copies of an interrupted rebuild stay; another rebuild is safe."""

    def __init__(self, standings: StandingStore, rankings: BulkRankings, *, batch: int = BATCH) -> None:
        self._standings, self._rankings, self._batch = standings, rankings, batch
        self._comparison = Comparison(standings, rankings, batch=batch)

    def rebuild(self, season: Season, lease: Lease, progress: Progress, retries: Retries) -> int:
        """Copy every standing, and remove players that the database doesn't have; return how many are on the board.

        Redemptions go on meanwhile: a standing that is newer in Redis is left alone. The lease is held as
        well, unless another process has it, whose rebuild then goes on beside this one.

        Raises one of UNAVAILABLE when a server was down for longer than `retries` wait, or Redis lost the board again
        and again.
        """
        for _ in range(_TRIES):
            rebuild_id = retries(lambda: self._rankings.begin_rebuild(season))
            standings = self._copy_all(season, lease, progress, retries)
            is_whole = retries(partial(self._rankings.mark_ready, season, rebuild_id))
            if is_whole and retries(lambda: self._rankings.is_ready(season)):
                return standings
        raise RedisRestarted("Redis keeps restarting, or losing the board, during the rebuild")

    def copy(self, season: Season, players: Sequence[UUID]) -> None:
        """Copy these players' standings to Redis."""
        for start in range(0, len(players), self._batch):
            self._apply(season, self._standings.members(season, players[start : start + self._batch]))

    def _copy_all(self, season: Season, lease: Lease, progress: Progress, retries: Retries) -> int:
        has_strangers = not retries(lambda: self._rankings.is_empty(season))
        # Standings that a failover may have lost come first, so that a large board isn't wrong until the rebuild ends.
        retries(lambda: self.copy(season, self._standings.recent_players(season)))
        standings, after = 0, BEGINNING
        chunks = Chunks(self._batch)
        while members := chunks.read(partial(self._standings.members_after, season, after), retries):
            retries(partial(self._renew_and_apply, season, lease, members))
            standings += sum(member.score is not None for member in members)
            after = members[-1].player
            progress(standings)
        if has_strangers:
            self._remove_strangers(season, retries)
        return standings

    def _remove_strangers(self, season: Season, retries: Retries) -> None:
        batch: list[str] = []
        for member in self._comparison.find_unknown_members(season, retries):
            batch.append(member)
            if len(batch) == self._batch:
                retries(partial(self._rankings.remove, season, batch))
                batch = []
        retries(lambda: self._rankings.remove(season, batch))

    def _renew_and_apply(self, season: Season, lease: Lease, members: Sequence[MirroredStanding]) -> None:
        lease.hold()
        self._apply(season, members)

    def _apply(self, season: Season, members: Sequence[MirroredStanding]) -> None:
        self._rankings.apply(season, [(str(member.player), member.score, member.change) for member in members])
        self._rankings.orders.arrange(season, members)
