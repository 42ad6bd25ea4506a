"""What one run of the proof looks at: what has changed, what people see, and the next part of everything."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from uuid import UUID

from app.domain.boards import Season
from app.services.boards.comparison import Comparison
from app.services.operations.retries import Retries
from app.stores.accounts.logins import LATELY_SECONDS
from app.stores.boards.bulk_rankings import BulkRankings
from app.stores.boards.recent_changes import DecisionTime, RecentChangeStore
from app.stores.boards.reconcile_progress import ReconcileProgress

RUNS = 60
"""So many runs, one a minute, compare every standing of a board, unless fewer do with the least share."""

_MOST_EVENTS = 1_000_000  # that one run looks at: seconds of work; the next run goes on
_EVENTS = 5000
_RENEW_SECONDS = 5.0


class ReconcileRun:
    """One run on one board. Its progress is kept at the end of it: a run that ends half way is made anew.

    Both ways in parts of the same size: through the standings by their keys, which finds who is missing in Redis, and
    through the sorted set by its cursor, which finds who is not in the database.
    """

    def __init__(
        self,
        comparison: Comparison,
        changes: RecentChangeStore,
        rankings: BulkRankings,
        season: Season,
        patience: Retries,
        *,
        known: ReconcileProgress,
        least: int,
    ) -> None:
        """`known`: how far the runs before have come. `least`: so many standings of the rest at any rate."""
        self._comparison, self._changes, self._rankings = comparison, changes, rankings
        self._season, self._patience = season, patience
        share = max(least, -(-patience(lambda: rankings.size(season)) // RUNS))
        self._most = share + comparison.batch  # so that a board as large as a share is compared to its end
        self._renewed_at = time.monotonic()
        run = patience(lambda: rankings.run(season))
        # A cursor means nothing to another run of Redis.
        self.progress = known if known.run == run else ReconcileProgress(run=run, passed=known.passed)
        self.compared = 0
        """How many standings were looked at, those in Redis alone included; one may be looked at twice."""
        self.is_hopeless = False
        """Half of a part is wrong, and there is more: a rebuild is sooner done than mending one part after another."""

    def suspects(self) -> Iterator[str]:
        """Players whom Redis has otherwise at the first look. `progress` has advanced when all were taken."""
        yield from self._changed()
        yield from self._decided()
        yield from self._comparison.suspects_at_top(self._season, self._patience)
        yield from self._walked()
        yield from self._scanned()

    def progress_at(self, now: float) -> ReconcileProgress:
        """What to keep when all is mended, in Unix time; at the end of both ways the next pass begins."""
        progress = self.progress
        if self.is_hopeless or (progress.walked and progress.scanned):
            return ReconcileProgress(run=progress.run, event=progress.event, passed=now)
        return progress

    def _changed(self) -> Iterator[str]:
        begin = self._patience(lambda: self._changes.unseen_after(self.progress.event))
        settled = self._patience(self._changes.settled)
        seen = begin
        last: int | None = begin
        while last is not None and last < begin + _MOST_EVENTS:
            seen = last
            last, players = self._patience(partial(self._changes.by_events, self._season, seen, _EVENTS))
            yield from self._among(players)
        # Events younger than that are looked at once more: older ones may yet appear between them.
        self.progress = replace(self.progress, event=max(begin, min(settled, seen)))

    def _decided(self) -> Iterator[str]:
        last: DecisionTime | None = None
        most = self._comparison.batch
        while decided := self._patience(partial(self._changes.by_decisions, LATELY_SECONDS, last, most)):
            yield from self._among([each.player for each in decided])
            last = decided[-1]

    def _walked(self) -> Iterator[str]:
        compared = wrong = 0
        while compared < self._most and not self.progress.walked:
            members, suspects = self._comparison.suspects_after(self._season, self.progress.player, self._patience)
            yield from suspects
            self._note(len(members))
            compared, wrong = compared + len(members), wrong + len(suspects)
            last = members[-1].player if members else self.progress.player
            total, at_end = self.progress.compared + len(members), len(members) < self._comparison.batch
            self.progress = replace(self.progress, player=last, compared=total, walked=at_end)
        self.is_hopeless |= wrong > compared / 2 and not self.progress.walked

    def _scanned(self) -> Iterator[str]:
        compared = wrong = 0
        while compared < self._most and not self.progress.scanned:
            cursor, length, suspects = self._comparison.scan(self._season, self.progress.cursor, self._patience)
            yield from suspects
            self._note(length)
            compared, wrong = compared + length, wrong + len(suspects)
            self.progress = replace(self.progress, cursor=cursor, scanned=cursor == 0)
        self.is_hopeless |= wrong > compared / 2 and not self.progress.scanned

    def _note(self, length: int) -> None:
        """Count a batch, and say that somebody is at it."""
        self.compared += length
        if time.monotonic() - self._renewed_at > _RENEW_SECONDS:
            self._patience(lambda: self._rankings.proving(self._season))
            self._renewed_at = time.monotonic()

    def _among(self, players: list[UUID]) -> Iterator[str]:
        step = self._comparison.batch
        for start in range(0, len(players), step):
            batch = [str(player) for player in players[start : start + step]]
            self._note(len(batch))
            yield from self._comparison.suspects_among(self._season, batch, self._patience)
