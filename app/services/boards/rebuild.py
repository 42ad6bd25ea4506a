"""Bringing a whole board from the database to Redis, in batches that may each be brought twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from uuid import UUID

from app.domain.boards import Season
from app.services.boards.comparison import Comparison
from app.services.operations.retries import Retries
from app.stores.boards.bulk_rankings import BATCH, BEGINNING, BulkRankings, Restarted
from app.stores.boards.standings import MirroredStanding, StandingStore

_TRIES = 3  # as often Redis may restart or lose the board meanwhile

Progress = Callable[[int], None]


class Rebuild:
    """`batch` standings are held at once. What was brought stays where a rebuild ends half way; another one is safe."""

    def __init__(self, standings: StandingStore, rankings: BulkRankings, *, batch: int = BATCH) -> None:
        self._standings, self._rankings, self._batch = standings, rankings, batch
        self._comparison = Comparison(standings, rankings, batch=batch)

    def rebuild(self, season: Season, progress: Progress, patience: Retries) -> int:
        """Bring every standing, take off what the database doesn't have; how many are on the board.

        Redemptions go on meanwhile: what is newer in Redis is left alone. Raises one of UNAVAILABLE when a server was
        away for longer than `patience`, or Redis lost the board again and again.
        """
        for _ in range(_TRIES):
            rebuild = patience(lambda: self._rankings.begin_rebuild(season))
            standings = self._bring_all(season, progress, patience)
            is_whole = patience(partial(self._rankings.mark_ready, season, rebuild))
            if is_whole and patience(lambda: self._rankings.ready(season)):
                return standings
        raise Restarted("Redis restarts, or loses the board, again and again while it is brought there")

    def bring(self, season: Season, players: Sequence[UUID]) -> None:
        """Bring these players' standings."""
        for start in range(0, len(players), self._batch):
            self._apply(season, self._standings.members(season, players[start : start + self._batch]))

    def _bring_all(self, season: Season, progress: Progress, patience: Retries) -> int:
        has_strangers = not patience(lambda: self._rankings.is_empty(season))
        # What a failover may have lost comes first, so that a large board isn't wrong until the end of this.
        patience(lambda: self.bring(season, self._standings.lately(season)))
        standings, after = 0, BEGINNING
        while members := patience(partial(self._standings.members_after, season, after, self._batch)):
            patience(partial(self._renew_and_apply, season, members))
            standings += sum(member.score is not None for member in members)
            after = members[-1].player
            progress(standings)
        if has_strangers:
            self._remove_strangers(season, patience)
        return standings

    def _remove_strangers(self, season: Season, patience: Retries) -> None:
        batch: list[str] = []
        for member in self._comparison.strangers(season, patience):
            batch.append(member)
            if len(batch) == self._batch:
                patience(partial(self._rankings.remove, season, batch))
                batch = []
        patience(lambda: self._rankings.remove(season, batch))

    def _renew_and_apply(self, season: Season, members: Sequence[MirroredStanding]) -> None:
        self._rankings.rebuilding(season)
        self._apply(season, members)

    def _apply(self, season: Season, members: Sequence[MirroredStanding]) -> None:
        self._rankings.apply(season, [(str(member.player), member.score, member.change) for member in members])
