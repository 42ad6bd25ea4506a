"""The ranks before and after a redemption, on every board that it fed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import structlog

from app.domain.action_token import Promise
from app.domain.boards import Season
from app.domain.redemption import StandingChange
from app.stores.boards.rankings import RankingStore
from app.stores.boards.standings import StandingStore
from app.stores.redis.client import Call, Scripts
from app.stores.redis.connection import Reply
from app.stores.unavailability import AFTER_COMMIT, reason_of

log = structlog.get_logger("fairboard.redemptions")


class Ranks:
    """Records committed scores in Redis, and reads ranks there, or in the database while Redis can't tell."""

    def __init__(self, rankings: RankingStore, standings: StandingStore, scripts: Scripts) -> None:
        self._rankings, self._standings, self._scripts = rankings, standings, scripts

    def record(self, promise: Promise, changes: Sequence[StandingChange], more: list[Call]) -> list[StandingChange]:
        """Record the scores in Redis, run more calls there, and return the changes with ranks."""
        records = self._record_calls(promise.player_id, changes)
        try:
            answers = self._scripts.run_together([*records, *more])
        except AFTER_COMMIT as error:
            log.warning("redis_after_commit", error=reason_of(error), action_id=promise.action_id)
            answers = [[] for _ in changes]
        return [
            self._with_ranks(promise.player_id, change, ranks) for change, ranks in zip(changes, answers, strict=False)
        ]

    def record_all(self, scores: Sequence[tuple[str, Sequence[StandingChange]]]) -> list[list[StandingChange]]:
        """Record scores of many players, `(player id, changes)`, in one round trip; return the changes with ranks."""
        pairs = [(player_id, change) for player_id, changes in scores for change in changes]
        calls = [call for player_id, changes in scores for call in self._record_calls(player_id, changes)]
        try:
            answers = self._scripts.run_together(calls) if calls else []
        except AFTER_COMMIT as error:
            log.warning("redis_after_commit", error=reason_of(error), scores=len(scores))
            answers = [[] for _ in calls]
        ranked = iter([self._with_ranks(*pair, ranks) for pair, ranks in zip(pairs, answers, strict=True)])
        return [[next(ranked) for _ in changes] for _, changes in scores]

    def wake_relay(self, seasons: Sequence[Season]) -> None:
        """Wake the relay: only a refresh copies the public part of a standing with held points to Redis."""
        try:
            for season in seasons:
                self._rankings.wake(season)
        except AFTER_COMMIT as error:
            log.warning("redis_after_commit", error=reason_of(error))

    def count(self, player_id: str, changes: Sequence[StandingChange]) -> list[StandingChange]:
        """Return the changes with ranks from the database, as the player sees them."""
        return [self._count(player_id, change) for change in changes]

    def _record_calls(self, player_id: str, changes: Sequence[StandingChange]) -> list[Call]:
        return [
            self._rankings.record_call(
                change.season, player_id, change.previous, change.score, change.change, wakes=place == 0
            )
            for place, change in enumerate(changes)
        ]

    def _with_ranks(self, player_id: str, change: StandingChange, ranks: Reply) -> StandingChange:
        """Return the change with Redis's answer to its record, or with ranks from the database where that is empty."""
        if not ranks:
            return self._count(player_id, change)
        return replace(change, ranks=(int(ranks[0]) if change.previous is not None else None, int(ranks[1])))

    def _count(self, player_id: str, change: StandingChange) -> StandingChange:
        """Return the change with the ranks that the player sees: held points count in their own score alone."""
        current = self._standings.rank(change.season, change.score, without=player_id)
        previous = change.previous
        if previous is None:
            return replace(change, ranks=(None, current))
        return replace(change, ranks=(self._standings.rank(change.season, previous, without=player_id), current))
