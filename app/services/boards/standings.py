"""Reads of a board: the top, a player with their neighbours, one player."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict
from uuid import UUID

from app.domain.boards import MAIN, TOP, Season, Standing, StandingRow
from app.errors import NotFound
from app.services.boards.top_lists import TopLists
from app.stores.accounts.players import PlayerStore
from app.stores.boards.cached_lists import CachedTop, ShownTop
from app.stores.boards.rankings import SECONDS_AHEAD, Places, RankingStore
from app.stores.boards.standings import BoardEntry, StandingStore
from app.stores.play.catalog import CatalogStore
from app.stores.postgres.engine import UNAVAILABLE
from app.stores.postgres.lsn import NOWHERE, Position
from app.stores.postgres.replicas import Replicas

_SEASON_SECONDS = 1.0
_BUILD_WAIT_SECONDS = 2.0

Neighbours = tuple[BoardEntry, list[BoardEntry], list[BoardEntry]]  # the player, above, below


class BoardSnapshot(TypedDict):
    """The newest top ten of a board, for a subscriber."""

    board: str
    version: int
    data: list[StandingRow]


class Profile(TypedDict):
    """A player's own account, with score and rank on the main board, in the API's words."""

    user_id: str
    username: str
    role: str
    status: str
    score: int
    rank: int | None


@dataclass(frozen=True, slots=True)
class Top:
    """A top list as JSON text, its version, and whether it came from the cache.

    It may be shown until the end of `second` in Unix time.
    """

    version: int
    rows: str
    hit: bool
    second: int


class Standings:
    """Ranks come from the sorted set, or from the database while the sorted set isn't complete.

    A read that may be a moment old goes to a replica that has all that the reader can have seen or written. To know
    that, Redis has for each board a position not before anything that a list has shown, and for each player a change
    number not below any that was shown.
    """

    def __init__(
        self,
        catalog: CatalogStore,
        standings: StandingStore,
        rankings: RankingStore,
        players: PlayerStore,
        replicas: Replicas,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._catalog, self._standings, self._rankings, self._players = catalog, standings, rankings, players
        self._replicas, self._clock = replicas, clock
        self._top_lists = TopLists(standings, rankings, replicas, clock=clock)
        self._seasons: dict[str, tuple[float, Season]] = {}
        self._shown_positions: dict[str, Position] = {}

    def season(self, board: str) -> Season:
        """Return the board's open season, cached for a second, longer while the database is down. Raises NotFound."""
        now = self._clock()
        cached = self._seasons.get(board)
        if cached and 0 <= now - cached[0] < _SEASON_SECONDS:
            return cached[1]
        try:
            season = self._catalog.open_season(board) if board.isprintable() else None
        except UNAVAILABLE:
            if cached is None:
                raise
            season = cached[1]  # no other season can be opened now
        if season is None:
            raise NotFound(f"There is no board '{board[:40]}'.")
        self._seasons[board] = (now, season)
        return season

    def top(self, board: str = MAIN, limit: int = TOP) -> Top:
        """Return the best `limit`, at most a second old, and the same for every reader within a second of the clock.

        The list was read, or found unchanged, in the second in which it is shown. All processes show the same list, so
        a reader that goes from one to another never sees the board go back.
        """
        season, second = self.season(board), int(self._clock())
        top_list = self._rankings.shown_top(season, limit)
        if top_list and second <= top_list.second <= second + SECONDS_AHEAD:  # beyond that, the clock was set back
            return Top(top_list.version, top_list.rows, True, top_list.second)
        newest, is_hit = self._read_newest(season, limit, since_ms=second * 1000)
        top_list = self._rankings.offer_top(season, limit, ShownTop(second, newest.version, newest.rows))
        return Top(top_list.version, top_list.rows, is_hit, top_list.second)

    def snapshot(self, board: str = MAIN) -> BoardSnapshot:
        """Return the newest top ten with its version, for a subscriber."""
        top, _ = self._read_newest(self.season(board), TOP)
        return {"board": board, "version": top.version, "data": json.loads(top.rows)}

    def build(self, season: Season, limit: int = TOP) -> CachedTop:
        """Read the list from the primary and cache it."""
        return self._top_lists.build(season, limit)

    def _read_newest(self, season: Season, limit: int, *, since_ms: int | None = None) -> tuple[CachedTop, bool]:
        """Return the list as it is now, or as it was read after `since_ms`, and whether it came from the cache."""
        cached = self._read_valid(season, limit, since_ms)
        if cached:
            return cached, True
        deadline = time.monotonic() + _BUILD_WAIT_SECONDS
        lease = self._rankings.build_lease(season, limit)
        while not lease.hold() and time.monotonic() < deadline:
            time.sleep(0.01)
            cached = self._read_valid(season, limit, since_ms)
            if cached:
                return cached, True
        try:
            return self._top_lists.build(season, limit, may_use_replica=True), False
        finally:
            lease.release()

    def _read_valid(self, season: Season, limit: int, since_ms: int | None) -> CachedTop | None:
        cached, changes = self._rankings.top(season, limit)
        if cached is None:
            return None
        is_young = since_ms is not None and since_ms <= cached.built_ms <= self._clock() * 1000
        return cached if is_young or cached.changes == changes else None

    def profile(self, player_id: UUID) -> Profile:
        """Return the account with its score and rank on the main board, as the player sees them. Raises NotFound."""
        player = self._players.get(player_id)
        if player is None:
            raise NotFound()
        standing = self._read_from_primary(self.season(MAIN), player_id, own=True)
        return {
            "user_id": str(player.id),
            "username": player.username,
            "role": player.role,
            "status": player.status,
            "score": standing.score,
            "rank": standing.rank,
        }

    def standing(self, player_id: UUID, board: str = MAIN) -> Standing:
        """Return a player's standing. Raises NotFound for an unknown player."""
        season = self.season(board)
        return self._read_from_replica(season, player_id) or self._read_from_primary(season, player_id)

    def around(self, player_id: UUID, count: int, board: str = MAIN) -> tuple[Standing, list[Standing], list[Standing]]:
        """Return a player's standing as they see it, and up to `count` neighbours above and below. Raises NotFound."""
        season = self.season(board)
        neighbours = self._read_neighbours(season, player_id, count)
        if neighbours is None:
            raise NotFound("There is no such player.")
        entry, above, below = neighbours
        entries = [*above, entry, *below]
        standings = self._add_ranks(season, entries, self._read_places(season, entries))
        return standings[len(above)], standings[: len(above)], standings[len(above) + 1 :]

    def _read_from_replica(self, season: Season, player_id: UUID) -> Standing | None:
        """Return the standing, or None unless a replica has all of this player that any reader has seen."""
        position = self._shown_positions.get(season.tag, NOWHERE)
        reading = self._replicas.read_at_position(
            position, lambda database: StandingStore(database).standing(season, player_id), wait=0.0
        )
        if reading is None:
            return None
        entry, replayed = reading
        if entry is None:
            return None
        places = self._read_places(season, [entry])
        redis_change = places.changes[0]
        if places.position is None or redis_change is None or places.ranks is None:
            return None
        self._shown_positions[season.tag] = places.position  # so that the next read skips a replica that lags
        if replayed < places.position or entry.change < redis_change:
            return None
        return self._add_ranks(season, [entry], places)[0]

    def _read_from_primary(self, season: Season, player_id: UUID, *, own: bool = False) -> Standing:
        entry = self._standings.standing(season, player_id, own=own)
        if entry is None:
            raise NotFound("There is no such player.")
        return self._add_ranks(season, [entry], self._read_places(season, [entry]))[0]

    def _read_neighbours(
        self, season: Season, player_id: UUID, count: int
    ) -> tuple[BoardEntry, list[BoardEntry], list[BoardEntry]] | None:
        """Read the player with their neighbours, on a replica that has all that the primary has now, or on the primary.

        The change numbers of so many rows can't each be checked in Redis first.
        """

        def read(store: StandingStore) -> Neighbours | None:
            entry = store.standing(season, player_id, own=True)
            if entry is None:
                return None
            above, below = store.around(season, entry.standing, count) if entry.is_listed else ([], [])
            return entry, above, below

        if self._replicas.any:
            reading = self._replicas.read_at_position(
                self._standings.position(), lambda database: read(StandingStore(database))
            )
            if reading and reading[0]:
                return reading[0]
        return read(self._standings)

    def _read_places(self, season: Season, entries: Sequence[BoardEntry]) -> Places:
        """Return the places of entries, after copying newer ones to Redis: no reader sees an entry ahead of Redis."""
        scores = sorted({entry.standing.score for entry in entries if entry.is_listed})
        places = self._rankings.places(season, [entry.standing.user_id for entry in entries], scores)
        if places.ranks is not None:
            newer = [
                (str(entry.standing.user_id), entry.score, entry.change)
                for entry, change in zip(entries, places.changes, strict=True)
                if entry.change > (change or 0)
            ]
            if newer:
                self._rankings.apply(season, newer)
        return places

    def _add_ranks(self, season: Season, entries: Sequence[BoardEntry], places: Places) -> list[Standing]:
        ranks = places.ranks
        if ranks is None:
            scores = {entry.standing.score for entry in entries if entry.is_listed}
            ranks = {score: self._standings.rank(season, score) for score in scores}
        return [
            replace(entry.standing, rank=ranks[entry.standing.score]) if entry.is_listed else entry.standing
            for entry in entries
        ]
