"""One run of the comparison: the recent changes, the top of the board, and the next part of all standings."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from uuid import UUID

from app.domain.boards import Season
from app.services.boards.comparison import Comparison
from app.services.operations.chunks import Chunks
from app.services.operations.retries import Retries
from app.stores.accounts.logins import LATELY_SECONDS
from app.stores.boards.bulk_rankings import BulkRankings
from app.stores.boards.recent_changes import DecisionTime, RecentChangeStore
from app.stores.boards.reconcile_progress import ReconcileProgress
from app.stores.redis.leases import Lease

RUNS = 60
"""Runs, one a minute, that compare every standing of a board; fewer where the least share is enough."""

_MOST_EVENTS = 1_000_000  # read by one run: seconds of work; the next run goes on
_EVENT_BATCH = 5000
_RENEW_SECONDS = 5.0


class ReconcileRun:
    """One run on one board. Its progress is stored at its end: an interrupted run is done again.

    It goes two ways in parts of the same size: through the standings by their keys, which finds players missing in
    Redis, and through the sorted set by its cursor, which finds players missing in the database.
    """

    def __init__(
        self,
        comparison: Comparison,
        changes: RecentChangeStore,
        rankings: BulkRankings,
        season: Season,
        lease: Lease,
        retries: Retries,
        *,
        progress: ReconcileProgress,
        least_share: int,
    ) -> None:
        """Continue from `progress`, that of the runs before. Compare at least `least_share` standings of the rest."""
        self._comparison, self._changes, self._rankings = comparison, changes, rankings
        self._season, self._lease, self._retries = season, lease, retries
        share = max(least_share, -(-retries(lambda: rankings.size(season)) // RUNS))
        self._most_standings = share + comparison.batch  # so that a board of one share is compared to its end
        self._renewed_at = time.monotonic()
        run = retries(lambda: rankings.run_id(season))
        # A cursor is only valid for the run of Redis that gave it.
        self.progress = progress if progress.run == run else ReconcileProgress(run=run, passed=progress.passed)
        self.compared = 0
        """How many standings were compared, those in Redis alone included; a standing may count twice."""
        self.is_hopeless = False
        """Whether half of a part is wrong and more is left: a rebuild is then faster than repairs part by part."""

    def suspects(self) -> Iterator[str]:
        """Yield players that differ in Redis at the first check. `progress` has advanced once all were yielded."""
        yield from self.changed_suspects(LATELY_SECONDS)
        yield from self._walk_standings()
        yield from self._scan_sorted_set()

    def changed_suspects(self, seconds: float) -> Iterator[str]:
        """Yield those of the players with new events, or a decision in the last `seconds`, and of those at the top."""
        yield from self._compare_changed()
        yield from self._compare_decided(seconds)
        yield from self._comparison.suspects_at_top(self._season, self._retries)

    def progress_at(self, began: float, now: float) -> ReconcileProgress:
        """Return the progress to store after the repairs, at `now` in Unix time; after both ways a new pass begins.

        `began`: the Unix time before this run.
        """
        progress = replace(self.progress, at=began)
        if self.is_hopeless or (progress.walked and progress.scanned):
            return ReconcileProgress(run=progress.run, event=progress.event, passed=now, at=began)
        return progress

    def _compare_changed(self) -> Iterator[str]:
        begin = self._retries(lambda: self._changes.last_checked_event(self.progress.event))
        settled = self._retries(self._changes.last_settled_event)
        event, chunks = begin, Chunks(_EVENT_BATCH)
        next_event: int | None = begin
        while next_event is not None and next_event < begin + _MOST_EVENTS:
            event = next_event
            next_event, players = chunks.read(partial(self._changes.by_events, self._season, event), self._retries)
            yield from self._compare_players(players)
        # Events after the last settled one are read again by the next run: older ones may still appear between them.
        self.progress = replace(self.progress, event=max(begin, min(settled, event)))

    def _compare_decided(self, seconds: float) -> Iterator[str]:
        last: DecisionTime | None = None
        most = self._comparison.batch
        while decisions := self._retries(partial(self._changes.by_decisions, seconds, last, most)):
            yield from self._compare_players([decision.player for decision in decisions])
            last = decisions[-1]

    def _walk_standings(self) -> Iterator[str]:
        compared = wrong = 0
        while compared < self._most_standings and not self.progress.walked:
            part = self._comparison.suspects_after(self._season, self.progress.player, self._retries)
            yield from part.suspects
            self._retries(partial(self._rankings.orders.arrange_differing, self._season, part.members))
            self._count(len(part.members))
            compared, wrong = compared + len(part.members), wrong + len(part.suspects)
            last, total = part.last or self.progress.player, self.progress.compared + len(part.members)
            self.progress = replace(self.progress, player=last, compared=total, walked=part.last is None)
        self.is_hopeless |= wrong > compared / 2 and not self.progress.walked

    def _scan_sorted_set(self) -> Iterator[str]:
        compared = wrong = 0
        while compared < self._most_standings and not self.progress.scanned:
            cursor, length, suspects = self._comparison.scan(self._season, self.progress.cursor, self._retries)
            yield from suspects
            self._count(length)
            compared, wrong = compared + length, wrong + len(suspects)
            self.progress = replace(self.progress, cursor=cursor, scanned=cursor == 0)
        self.is_hopeless |= wrong > compared / 2 and not self.progress.scanned

    def _count(self, length: int) -> None:
        """Count a batch, and renew the lease on the comparison."""
        self.compared += length
        if time.monotonic() - self._renewed_at > _RENEW_SECONDS:
            self._retries(self._lease.hold)
            self._renewed_at = time.monotonic()

    def _compare_players(self, players: list[UUID]) -> Iterator[str]:
        step = self._comparison.batch
        for start in range(0, len(players), step):
            batch = [str(player) for player in players[start : start + step]]
            self._count(len(batch))
            yield from self._comparison.suspects_among(self._season, batch, self._retries)
            self._comparison.arrange(self._season, batch, self._retries)
