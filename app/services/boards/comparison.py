"""Comparing a board in Redis with the database, and mending it: in batches, so that memory stays flat."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from app.domain.boards import TOP, Season
from app.services.operations.retries import Retries
from app.stores.boards.bulk_rankings import BATCH, BEGINNING, BulkRankings, Held
from app.stores.boards.standings import MirroredStanding, StandingStore

StandingDifference = dict[str, Any]
"""`{"what", "player" or "row", "redis", "database"}`; what: score, version, sorted set or cached top."""

MOST = 10_000
"""Differences that are held at once. More are looked at in groups of so many."""

_LOOKS = 2  # at what differed at first: a player may redeem at each of them
_NOTHING = Held(None, None)


class Comparison:
    """While players redeem, a score may be on its way to Redis: what still differs after `pause` is a difference.

    `batch` standings are held at once, beside what differs.
    """

    def __init__(self, standings: StandingStore, rankings: BulkRankings, *, batch: int = BATCH) -> None:
        self._standings, self._rankings, self.batch = standings, rankings, batch

    def suspects_after(
        self, season: Season, player: UUID, patience: Retries
    ) -> tuple[list[MirroredStanding], list[str]]:
        """The next batch of standings after this player's, and those of them that Redis has otherwise."""
        members = patience(lambda: self._standings.members_after(season, player, self.batch))
        players = [str(member.player) for member in members]
        return members, self._otherwise(season, players, members, patience)

    def suspects_among(self, season: Season, players: Sequence[str], patience: Retries) -> list[str]:
        """Those of a batch of members whom Redis has otherwise than the database."""
        return self._otherwise(season, players, self._members(season, players, patience), patience)

    def suspects_at_top(self, season: Season, patience: Retries) -> list[str]:
        """Those whom either side has among its first batch, and the other has otherwise."""
        members = patience(lambda: self._standings.best(season, self.batch))
        shown = patience(lambda: self._rankings.best(season, self.batch))
        listed = [str(member.player) for member in members]
        known = set(listed)
        others = [player for player in shown if player not in known]
        suspects = self._otherwise(season, listed, members, patience)
        return suspects + self.suspects_among(season, others, patience)

    def scan(self, season: Season, cursor: int, patience: Retries) -> tuple[int, int, list[str]]:
        """The next batch of the sorted set: the cursor after it (0 at the end), its length, and the suspects in it."""
        following, members = patience(lambda: self._rankings.scan(season, cursor))
        return following, len(members), self.suspects_among(season, members, patience)

    def whole(
        self, season: Season, progress: Callable[[int], None], patience: Retries, pause: float
    ) -> Iterator[StandingDifference]:
        """All differences of a board, as they are come upon."""
        if not patience(lambda: self._rankings.ready(season)):
            yield {"what": "sorted set", "player": None, "redis": "not complete", "database": "present"}
            return
        suspects = itertools.chain(self._walk(season, progress, patience), self.strangers(season, patience))
        while group := list(itertools.islice(suspects, MOST)):
            yield from self.confirmed(season, group, patience, pause)
        yield from self.compare_top(season, patience)

    def strangers(self, season: Season, patience: Retries) -> Iterator[str]:
        """Everybody on the sorted set whom the database doesn't have."""
        cursor: int | None = None
        while cursor != 0:
            cursor, members = patience(partial(self._rankings.scan, season, cursor or 0))
            known = {str(member.player) for member in self._members(season, members, patience)}
            yield from (member for member in members if member not in known)

    def confirmed(
        self, season: Season, suspects: Sequence[str], patience: Retries, pause: float
    ) -> Iterator[StandingDifference]:
        """The suspects that still differ when they are looked at again, each time after a part of `pause` seconds."""
        for _ in range(_LOOKS):
            if not suspects:
                return
            time.sleep(pause / _LOOKS)
            batches = _batches(suspects, self.batch)
            suspects = [player for batch in batches for player in self.suspects_among(season, batch, patience)]
        for batch in _batches(suspects, self.batch):
            yield from self._described(season, batch, patience)

    def compare_top(self, season: Season, patience: Retries) -> list[StandingDifference]:
        """Where the cached list that people see is not the database's."""
        cached, changes = patience(lambda: self._rankings.top(season, TOP))
        if cached is None or cached.changes != changes:
            return []  # nothing cached, or known to be out of date: the next reader rebuilds it
        rows: list[dict[str, Any] | None] = json.loads(cached.rows)
        standings = patience(lambda: self._standings.top(season, TOP))
        truth: list[dict[str, Any] | None] = [standing.as_row() for standing in standings]
        if rows == truth or patience(lambda: self._rankings.changes(season)) != changes:
            return []
        pairs = itertools.zip_longest(rows, truth)
        return [
            {"what": "cached top", "row": place, "redis": shown, "database": right}
            for place, (shown, right) in enumerate(pairs, 1)
            if shown != right
        ]

    def mend(self, season: Season, players: Sequence[str], patience: Retries) -> None:
        """Bring these players as the database has them. What is newer in Redis by then is left alone."""
        for batch in _batches(players, self.batch):
            patience(partial(self._mend, season, batch))

    def _mend(self, season: Season, players: Sequence[str]) -> None:
        ids = _ids(players)
        seen = dict(zip(ids, self._rankings.changes_of(season, ids), strict=True))  # before the database is read
        members = self._standings.members(season, ids)
        rows = [(str(member.player), seen[member.player], member.score, member.change) for member in members]
        self._rankings.mend_all(season, rows)
        known = {row[0] for row in rows}
        self._rankings.remove(season, [player for player in players if player not in known])

    def _walk(self, season: Season, progress: Callable[[int], None], patience: Retries) -> Iterator[str]:
        compared, after = 0, BEGINNING
        while True:
            members, suspects = self.suspects_after(season, after, patience)
            yield from suspects
            if not members:
                return
            compared, after = compared + len(members), members[-1].player
            progress(compared)

    def _members(self, season: Season, players: Sequence[str], patience: Retries) -> list[MirroredStanding]:
        ids = _ids(players)
        return patience(lambda: self._standings.members(season, ids)) if ids else []

    def _otherwise(
        self, season: Season, players: Sequence[str], members: Sequence[MirroredStanding], patience: Retries
    ) -> list[str]:
        return [player for player, redis, right in self._both(season, players, members, patience) if redis != right]

    def _both(
        self, season: Season, players: Sequence[str], members: Sequence[MirroredStanding], patience: Retries
    ) -> Iterator[tuple[str, Held, Held]]:
        """Each player with what Redis has and what it should have."""
        database = {str(member.player): Held(member.score, member.change) for member in members}
        held = patience(lambda: self._rankings.held(season, players))
        for player, redis in zip(players, held, strict=True):
            yield player, redis, database.get(player, _NOTHING)

    def _described(self, season: Season, players: Sequence[str], patience: Retries) -> Iterator[StandingDifference]:
        members = self._members(season, players, patience)
        for player, redis, right in self._both(season, players, members, patience):
            if redis.score != right.score:
                yield {"what": "score", "player": player, "redis": redis.score, "database": right.score}
            elif redis != right:
                yield {"what": "version", "player": player, "redis": redis.change, "database": right.change}


def _is_id(member: str) -> bool:
    """Whether we can have written this member: anything else in the sorted set is nobody's."""
    try:
        return str(UUID(member)) == member
    except ValueError:
        return False


def _ids(members: Iterable[str]) -> list[UUID]:
    return [UUID(member) for member in members if _is_id(member)]


def _batches(players: Sequence[str], batch: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(players), batch):
        yield players[start : start + batch]
