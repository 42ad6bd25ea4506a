"""The comparison of a board in Redis with the database, and its repair, in batches so that memory stays flat."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, NotRequired, TypedDict
from uuid import UUID

import structlog
from sqlalchemy.exc import OperationalError

from app.domain.boards import TOP, Season, StandingRow
from app.services.operations.chunks import Chunks, read_in_parts
from app.services.operations.retries import Retries
from app.stores.boards.bulk_rankings import BATCH, BEGINNING, BulkRankings, RankingRecord
from app.stores.boards.orders import MirroredStanding
from app.stores.boards.standings import StandingStore
from app.stores.unavailability import took_too_long

log = structlog.get_logger("fairboard.comparison")


class StandingDifference(TypedDict):
    """A difference of `what`: a player's score or version, the sorted set, or a row of the cached top."""

    what: str
    player: NotRequired[str | None]
    row: NotRequired[int]
    redis: object
    database: object


class StandingPart(NamedTuple):
    """A batch of standings, up to that of `last`, and those of its players that differ in Redis.

    `last` is None at the end. `unreadable` is the one player of a batch that could not be read.
    """

    last: UUID | None
    members: list[MirroredStanding]
    suspects: list[str]
    unreadable: UUID | None = None


MOST = 10_000
"""Differences in memory at once. More are checked in groups of this size."""

_RECHECKS = 2  # checks after the first one: a player may redeem during each of them
_ABSENT = RankingRecord(None, None)


class Comparison:
    """Finds standings that differ between Redis and the database, and repairs them.

    While players redeem, a score may be on its way to Redis: only a difference that remains after `pause` counts.
    `batch` standings are in memory at once, beside the differences.
    """

    def __init__(self, standings: StandingStore, rankings: BulkRankings, *, batch: int = BATCH) -> None:
        self._standings, self._rankings, self.batch = standings, rankings, batch
        self._chunks = Chunks(batch)

    def suspects_after(self, season: Season, player: UUID, retries: Retries) -> StandingPart:
        """Return the next batch of standings after this player's, a smaller one where that takes too long."""
        try:
            members = self._chunks.read(partial(self._standings.members_after, season, player), retries)
        except OperationalError as error:
            if not took_too_long(error):
                raise
            next_player = retries(lambda: self._standings.player_after(season, player))
            log.error("standing_unreadable", board=season.board, player_id=str(next_player))
            return StandingPart(next_player, [], [], unreadable=next_player)
        players = [str(member.player) for member in members]
        suspects = self._find_differing(season, players, members, retries)
        return StandingPart(members[-1].player if members else None, members, suspects)

    def suspects_among(self, season: Season, players: Sequence[str], retries: Retries) -> list[str]:
        """Return the players of a batch whose standings differ between Redis and the database."""
        return self._find_differing(season, players, self._read_members(season, players, retries), retries)

    def suspects_at_top(self, season: Season, retries: Retries) -> list[str]:
        """Return the players in the first batch of either side whose standings differ on the other."""
        members = retries(lambda: self._standings.best(season, self.batch))
        redis_players = retries(lambda: self._rankings.best(season, self.batch))
        database_players = [str(member.player) for member in members]
        database_set = set(database_players)
        redis_only = [player for player in redis_players if player not in database_set]
        suspects = self._find_differing(season, database_players, members, retries)
        return suspects + self.suspects_among(season, redis_only, retries)

    def scan(self, season: Season, cursor: int, retries: Retries) -> tuple[int, int, list[str]]:
        """Return the cursor after the sorted set's next batch (0 at the end), the batch's length, and its suspects."""
        next_cursor, members = retries(lambda: self._rankings.scan(season, cursor))
        return next_cursor, len(members), self.suspects_among(season, members, retries)

    def find_differences(
        self, season: Season, progress: Callable[[int], None], retries: Retries, pause: float
    ) -> Iterator[StandingDifference]:
        """Yield all differences of a board, as they are found."""
        if not retries(lambda: self._rankings.is_ready(season)):
            yield {"what": "sorted set", "player": None, "redis": "not complete", "database": "present"}
            return
        unreadable: list[UUID] = []
        suspects = itertools.chain(
            self._walk_standings(season, progress, retries, unreadable), self.find_unknown_members(season, retries)
        )
        while group := list(itertools.islice(suspects, MOST)):
            yield from self.confirm(season, group, retries, pause)
        for player in unreadable:
            yield {"what": "standing", "player": str(player), "redis": "not compared", "database": "unreadable"}
        yield from self.compare_top(season, retries)

    def find_unknown_members(self, season: Season, retries: Retries) -> Iterator[str]:
        """Yield every member of the sorted set that the database doesn't have."""
        cursor: int | None = None
        while cursor != 0:
            cursor, members = retries(partial(self._rankings.scan, season, cursor or 0))
            database_players = {str(member.player) for member in self._read_members(season, members, retries)}
            yield from (member for member in members if member not in database_players)

    def confirm(
        self, season: Season, suspects: Sequence[str], retries: Retries, pause: float
    ) -> Iterator[StandingDifference]:
        """Yield the differences that remain when the suspects are checked again, twice within `pause` seconds."""
        for _ in range(_RECHECKS):
            if not suspects:
                return
            time.sleep(pause / _RECHECKS)
            batches = _split(suspects, self.batch)
            suspects = [player for batch in batches for player in self.suspects_among(season, batch, retries)]
        for batch in _split(suspects, self.batch):
            yield from self._describe(season, batch, retries)

    def compare_top(self, season: Season, retries: Retries) -> list[StandingDifference]:
        """Return the rows in which the cached top list differs from the database's; none if no valid list is cached."""
        cached, changes = retries(lambda: self._rankings.lists.top(season, TOP))
        if cached is None or cached.changes != changes:
            return []  # no list is cached, or it is out of date: the next reader rebuilds it
        rows: list[StandingRow | None] = json.loads(cached.rows)
        standings = retries(lambda: self._standings.top(season, TOP))
        database_rows: list[StandingRow | None] = [standing.as_row() for standing in standings]
        if rows == database_rows or retries(lambda: self._rankings.lists.changes([season])) != [changes]:
            return []
        pairs = itertools.zip_longest(rows, database_rows)
        return [
            {"what": "cached top", "row": place, "redis": redis_row, "database": database_row}
            for place, (redis_row, database_row) in enumerate(pairs, 1)
            if redis_row != database_row
        ]

    def mend(self, season: Season, players: Sequence[str], retries: Retries) -> None:
        """Write these players' standings as the database has them. A standing that is newer in Redis is left alone."""
        for batch in _split(players, self.batch):
            retries(partial(self._mend_batch, season, batch))

    def arrange(self, season: Season, players: Sequence[str], retries: Retries) -> None:
        """Put those of these players at their places whose place in the order is not the database's.

        A refresh may be about to do that: it is no difference to report.
        """
        members = self._read_members(season, players, retries)
        retries(lambda: self._rankings.orders.arrange_differing(season, members))

    def _mend_batch(self, season: Season, players: Sequence[str]) -> None:
        ids = _player_ids(players)
        changes = dict(zip(ids, self._rankings.changes_of(season, ids), strict=True))  # read before the database
        entries = dict(zip(ids, self._rankings.orders.entries(season, ids), strict=True))
        members = self._standings.members(season, ids)
        rows = [(str(member.player), changes[member.player], member.score, member.change) for member in members]
        self._rankings.mend_all(season, rows)
        self._rankings.orders.arrange(season, members, [entries[member.player] for member in members])
        database_players = {row[0] for row in rows}
        self._rankings.remove(season, [player for player in players if player not in database_players])

    def _walk_standings(
        self, season: Season, progress: Callable[[int], None], retries: Retries, unreadable: list[UUID]
    ) -> Iterator[str]:
        """Yield suspects, and add players that can't be read to `unreadable`."""
        compared, after = 0, BEGINNING
        while True:
            part = self.suspects_after(season, after, retries)
            yield from part.suspects
            if part.last is None:
                return
            if part.unreadable is not None:
                unreadable.append(part.unreadable)
            compared, after = compared + len(part.members), part.last
            progress(compared)

    def _read_members(self, season: Season, players: Sequence[str], retries: Retries) -> list[MirroredStanding]:
        ids = _player_ids(players)
        return read_in_parts(partial(self._standings.members, season), ids, retries) if ids else []

    def _find_differing(
        self, season: Season, players: Sequence[str], members: Sequence[MirroredStanding], retries: Retries
    ) -> list[str]:
        return [
            player for player, actual, expected in self._pair(season, players, members, retries) if actual != expected
        ]

    def _pair(
        self, season: Season, players: Sequence[str], members: Sequence[MirroredStanding], retries: Retries
    ) -> Iterator[tuple[str, RankingRecord, RankingRecord]]:
        """Yield each player with the actual standing in Redis and the expected one."""
        expected = {str(member.player): RankingRecord(member.score, member.change) for member in members}
        standings = retries(lambda: self._rankings.records(season, players))
        for player, actual in zip(players, standings, strict=True):
            yield player, actual, expected.get(player, _ABSENT)

    def _describe(self, season: Season, players: Sequence[str], retries: Retries) -> Iterator[StandingDifference]:
        members = self._read_members(season, players, retries)
        for player, actual, expected in self._pair(season, players, members, retries):
            if actual.score != expected.score:
                yield {"what": "score", "player": player, "redis": actual.score, "database": expected.score}
            elif actual != expected:
                yield {"what": "version", "player": player, "redis": actual.change, "database": expected.change}


def _is_player_id(member: str) -> bool:
    """Return whether we can have written this member: no other text in the sorted set is a player's."""
    try:
        return str(UUID(member)) == member
    except ValueError:
        return False


def _player_ids(members: Iterable[str]) -> list[UUID]:
    return [UUID(member) for member in members if _is_player_id(member)]


def _split(players: Sequence[str], batch: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(players), batch):
        yield players[start : start + batch]
