"""Reads of a board: the top, a player with their neighbours, one player."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict
from uuid import UUID

from app.domain.boards import MAIN, TOP, Season, Standing, StandingRow
from app.errors import NotFound
from app.services.boards.board_views import BoardViews
from app.services.boards.entry_ranks import EntryRanks
from app.services.boards.top_lists import TopLists
from app.stores.accounts.players import PlayerStore
from app.stores.boards.cached_lists import CachedTop, ListEnd, ShownTop
from app.stores.boards.pages import PageStore
from app.stores.boards.rankings import RankingStore
from app.stores.boards.standings import StandingStore
from app.stores.boards.top_list_store import SECONDS_AHEAD
from app.stores.postgres.lsn import NOWHERE, Position
from app.stores.postgres.replicas import Replicas

_BUILD_WAIT_SECONDS = 2.0


class BoardSnapshot(TypedDict):
    """The newest top ten of a board, for a subscriber."""

    board: str
    version: int
    data: list[StandingRow]


class Profile(TypedDict):
    """A player's own account, with score and rank on the main board, in the API's words. Only a guest has `guest`."""

    user_id: str
    username: str
    role: str
    status: str
    score: int
    rank: int | None
    guest: NotRequired[bool]


@dataclass(frozen=True, slots=True)
class Top:
    """A top list as JSON text, its version, and whether it came from the cache.

    It may be shown until the end of `second` in Unix time.
    """

    season: Season
    version: int
    rows: str
    hit: bool
    second: int
    end: ListEnd


class Standings:
    """Ranks come from the sorted set, or from the database while the sorted set isn't complete.

    A read that may be a moment old goes to a replica that has all that the reader can have seen or written. To know
    that, Redis has for each board a position not before anything that a list has shown, and for each player a change
    number not below any that was shown.
    """

    def __init__(
        self,
        views: BoardViews,
        standings: StandingStore,
        pages: PageStore,
        rankings: RankingStore,
        players: PlayerStore,
        replicas: Replicas,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._views, self._standings, self._rankings, self._players = views, standings, rankings, players
        self._replicas, self._clock = replicas, clock
        self._ranks = EntryRanks(standings, rankings)
        self._top_lists = TopLists(standings, pages, rankings, replicas, clock=clock)
        self._shown_positions: dict[str, Position] = {}

    def season(self, board: str) -> Season:
        """Return the board's open season, or else the last one before, or else the next. Raises NotFound."""
        return self._views.view(board, with_hidden=True).season

    def top(self, board: str = MAIN, limit: int = TOP) -> Top:
        """Return the best `limit`, at most a second old, and the same for every reader within a second of the clock.

        The list was read, or found unchanged, in the second in which it is shown. All processes show the same list, so
        a reader that goes from one to another never sees the board go back.
        """
        season, second = self.season(board), int(self._clock())
        top_list = self._rankings.lists.shown(season, limit)
        if top_list and second <= top_list.second <= second + SECONDS_AHEAD:  # beyond that, the clock was set back
            return Top(season, top_list.version, top_list.rows, True, top_list.second, top_list.end)
        newest, is_hit = self._read_newest(season, limit, since_ms=second * 1000)
        assert newest.end is not None
        offer = ShownTop(second, newest.version, newest.rows, newest.end)
        top_list = self._rankings.lists.offer(season, limit, offer)
        return Top(season, top_list.version, top_list.rows, is_hit, top_list.second, top_list.end)

    def snapshot(self, board: str = MAIN) -> BoardSnapshot:
        """Return the newest top ten with its version, for a subscriber.

        Versions rise from season to season: a list whose season ended while it was read is read again, since its
        version may be above those of the next season.
        """
        while True:
            season = self.season(board)
            top, _ = self._read_newest(season, TOP)
            if self.season(board) == season:
                return {"board": board, "version": top.version, "data": json.loads(top.rows)}

    def build(self, seasons: Sequence[Season], limit: int = TOP) -> list[CachedTop]:
        """Read the lists from the primary and cache them."""
        return self._top_lists.build_all(seasons, limit)

    def _read_newest(self, season: Season, limit: int, *, since_ms: int | None = None) -> tuple[CachedTop, bool]:
        """Return the list as it is now, or as it was read after `since_ms`, and whether it came from the cache."""
        cached = self._read_valid(season, limit, since_ms)
        if cached:
            return cached, True
        deadline = time.monotonic() + _BUILD_WAIT_SECONDS
        lease = self._rankings.lists.build_lease(season, limit)
        while not lease.hold() and time.monotonic() < deadline:
            time.sleep(0.01)
            cached = self._read_valid(season, limit, since_ms)
            if cached:
                return cached, True
        try:
            return self._top_lists.build(season, limit, for_readers=True), False
        finally:
            lease.release()

    def _read_valid(self, season: Season, limit: int, since_ms: int | None) -> CachedTop | None:
        cached, changes = self._rankings.lists.top(season, limit)
        if cached is None or cached.end is None:
            return None
        is_young = since_ms is not None and since_ms <= cached.built_ms <= self._clock() * 1000
        return cached if is_young or cached.changes == changes else None

    def profile(self, player_id: UUID) -> Profile:
        """Return the account with its score and rank on the main board, as the player sees them. Raises NotFound."""
        player = self._players.get(player_id)
        if player is None:
            raise NotFound()
        standing = self._read_from_primary(self.season(MAIN), player_id, own=True)
        profile: Profile = {
            "user_id": str(player.id),
            "username": player.username,
            "role": player.role,
            "status": player.status,
            "score": standing.score,
            "rank": standing.rank,
        }
        if player.is_guest:
            profile["guest"] = True
        return profile

    def standing(self, player_id: UUID, board: str = MAIN, season: Season | None = None) -> Standing:
        """Return a player's standing in a season, by default the board's open one. Raises NotFound for no player."""
        season = season or self.season(board)
        return self._read_from_replica(season, player_id) or self._read_from_primary(season, player_id)

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
        places = self._ranks.places(season, [entry])
        redis_change = places.changes[0]
        if places.position is None or redis_change is None or places.ranks is None:
            return None
        self._shown_positions[season.tag] = places.position  # so that the next read skips a replica that lags
        if replayed < places.position or entry.change < redis_change:
            return None
        return self._ranks.add(season, [entry], places.ranks)[0]

    def _read_from_primary(self, season: Season, player_id: UUID, *, own: bool = False) -> Standing:
        entry = self._standings.standing(season, player_id, own=own)
        if entry is None:
            raise NotFound("There is no such player.")
        return self._ranks.ranked(season, [entry]).standings[0]
