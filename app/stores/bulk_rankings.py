"""A board in Redis for those who go through all of it, a batch at a time; and how far the proof of it has come."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from uuid import UUID

import redis.exceptions

from app.domain.boards import Season
from app.stores.rankings import RankingStore

BATCH = 1000
"""Players in one call. Redis answers nobody else meanwhile: it takes 5 ms for the slowest of these calls."""

BEGINNING = UUID(int=0)
"""Before every player."""

Score = int | float  # a float that is no whole number was written by somebody else


class Restarted(redis.exceptions.ConnectionError):
    """Redis has restarted or failed over, and may lack what was written before."""


@dataclass(frozen=True, slots=True)
class Held:
    """What Redis has of one player: the score on the sorted set and the change number, each None where it has none."""

    score: Score | None
    change: int | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the proof of a board has come.

    `run`: the run of Redis that the rest is about. `event`: the score events up to this one have been looked at.
    `player`: the pass has compared the standings up to this one, `compared` of them. `cursor`: where it goes on through
    the sorted set. `walked`, `scanned`: it has come to the end of the one, of the other. `passed`: Unix seconds when
    the last whole pass was over, 0 for never.
    """

    run: str = ""
    event: int = 0
    player: UUID = BEGINNING
    compared: int = 0
    cursor: int = 0
    walked: bool = False
    scanned: bool = False
    passed: float = 0.0


class BulkRankings(RankingStore):
    """The same board, on a client that waits longer for an answer than a player may."""

    def held(self, season: Season, members: Sequence[str]) -> list[Held]:
        """What Redis has of these members, in their order: one round trip."""
        if not members:
            return []
        pipeline = self._client.pipeline(transaction=False)
        pipeline.zmscore(self.key("scores", season), members)
        pipeline.hmget(self.key("versions", season), members)
        scores, changes = pipeline.execute()
        return [
            Held(None if score is None else _score(score), None if change is None else int(change))
            for score, change in zip(scores, changes, strict=True)
        ]

    def scan(self, season: Season, cursor: int) -> tuple[int, list[str]]:
        """Some members of the sorted set, about `BATCH`, and the cursor for the next ones; 0: there are no more."""
        following, pairs = self._client.zscan(self.key("scores", season), cursor, count=BATCH)
        return int(following), [member for member, _ in pairs]

    def best(self, season: Season, count: int) -> list[str]:
        """The members with the highest scores."""
        members: list[str] = self._client.zrevrange(self.key("scores", season), 0, count - 1)
        return members

    def size(self, season: Season) -> int:
        """How many standings Redis knows of, on the board or off it."""
        pipeline = self._client.pipeline(transaction=False)
        pipeline.zcard(self.key("scores", season))
        pipeline.hlen(self.key("versions", season))
        return max(map(int, pipeline.execute()))

    def is_empty(self, season: Season) -> bool:
        """Whether nobody is on the sorted set."""
        return not self._client.exists(self.key("scores", season))

    def mend_all(self, season: Season, members: Iterable[tuple[str, int | None, int | None, int]]) -> None:
        """As `mend`, in batches."""
        rows = list(members)
        for start in range(0, len(rows), BATCH):
            self.mend(season, rows[start : start + BATCH])

    def remove(self, season: Season, members: Sequence[str]) -> None:
        """Take members off that the database doesn't have, with what is known of their changes."""
        for start in range(0, len(members), BATCH):
            batch = members[start : start + BATCH]
            pipeline = self._client.pipeline(transaction=False)
            pipeline.zrem(self.key("scores", season), *batch)
            pipeline.hdel(self.key("versions", season), *batch)
            pipeline.execute()

    def progress(self, season: Season) -> Progress:
        """How far the proof has come on this run of Redis; after a restart a pass begins anew."""
        run = self.run(season)
        known = _progress(self._client.hgetall(self.key("proof", season)))
        return known if known.run == run else Progress(run=run, passed=known.passed)

    def keep_progress(self, season: Season, progress: Progress) -> None:
        """Remember how far the proof has come."""
        values = {field.name: _text(getattr(progress, field.name)) for field in fields(progress)}
        self._client.hset(self.key("proof", season), mapping=values)


def pass_age(passed: float, now: float | None = None) -> float | None:
    """Seconds since the last whole pass was over; None if there was none. A clock that was put back makes it 0."""
    return max(0.0, (time.time() if now is None else now) - passed) if passed else None


def _score(value: float) -> Score:
    return int(value) if float(value).is_integer() else value


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _progress(texts: Mapping[str, str]) -> Progress:
    """What was kept; from the beginning where that is nothing, or nothing that we wrote."""
    try:
        return Progress(
            run=texts["run"],
            event=int(texts["event"]),
            player=UUID(texts["player"]),
            compared=int(texts["compared"]),
            cursor=int(texts["cursor"]),
            walked=texts["walked"] == "1",
            scanned=texts["scanned"] == "1",
            passed=float(texts["passed"]),
        )
    except (KeyError, ValueError):
        return Progress()
