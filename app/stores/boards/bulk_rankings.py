"""A board in Redis, for callers that go through all of it, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import redis.exceptions

from app.domain.boards import Season
from app.stores.boards.cached_lists import change_number
from app.stores.boards.rankings import MARK, RankingStore
from app.stores.redis.connection import raw

BATCH = 1000
"""Players in one call. Redis serves no other client meanwhile: the slowest of these calls takes 5 ms."""

BEGINNING = UUID(int=0)
"""A player id that sorts before every player's."""

Score = int | float  # a float that is no whole number was written by another program


class RedisRestarted(redis.exceptions.ConnectionError):
    """Redis has restarted or failed over, and may lack earlier writes."""


@dataclass(frozen=True, slots=True)
class RankingRecord:
    """Redis's record of one player: the score on the sorted set and the change number, each None if it has none."""

    score: Score | None
    change: int | None


class BulkRankings(RankingStore):
    """The same board, on a client that waits longer for a reply than a player may."""

    def records(self, season: Season, members: Sequence[str]) -> list[RankingRecord]:
        """Return Redis's records of these members, in their order, in one round trip."""
        if not members:
            return []
        pipeline, names = self._client.pipeline(transaction=False), list(map(raw, members))
        pipeline.zmscore(self.key("scores", season), names)
        pipeline.hmget(self.key("versions", season), names)
        scores, changes = pipeline.execute()
        return [
            RankingRecord(None if score is None else _score(score), change_number(change))
            for score, change in zip(scores, changes, strict=True)
        ]

    def scan(self, season: Season, cursor: int) -> tuple[int, list[str]]:
        """Return the next cursor (0 at the end), and about `BATCH` members of the sorted set."""
        next_cursor, pairs = self._client.zscan(self.key("scores", season), cursor, count=BATCH)
        return int(next_cursor), [member for member, _ in pairs if member != MARK]

    def best(self, season: Season, count: int) -> list[str]:
        """Return the members with the highest scores."""
        members: list[str] = self._client.zrevrange(self.key("scores", season), 0, count - 1)
        return [member for member in members if member != MARK]

    def size(self, season: Season) -> int:
        """Return how many standings Redis has, on the board or off it, give or take one."""
        pipeline = self._client.pipeline(transaction=False)
        pipeline.zcard(self.key("scores", season))
        pipeline.hlen(self.key("versions", season))
        return max(map(int, pipeline.execute()))

    def is_empty(self, season: Season) -> bool:
        """Return whether the sorted set has no player."""
        return all(member == MARK for member in self._client.zrange(self.key("scores", season), 0, 1))

    def mend_all(self, season: Season, members: Iterable[tuple[str, int | None, int | None, int]]) -> None:
        """Correct standings as `mend` does, in batches."""
        rows = list(members)
        for start in range(0, len(rows), BATCH):
            self.mend(season, rows[start : start + BATCH])

    def remove(self, season: Season, members: Sequence[str]) -> None:
        """Remove members that the database doesn't have, with their change numbers."""
        for start in range(0, len(members), BATCH):
            batch = list(map(raw, members[start : start + BATCH]))
            pipeline = self._client.pipeline(transaction=False)
            pipeline.zrem(self.key("scores", season), *batch)
            pipeline.hdel(self.key("versions", season), *batch)
            pipeline.execute()
        self.orders.remove(season, members)


def _score(value: float) -> Score:
    return int(value) if float(value).is_integer() else value
