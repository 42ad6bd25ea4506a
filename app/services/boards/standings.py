"""Reading the board: the top, oneself and one's neighbours, one player."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from app.domain.boards import MAIN, TOP, Season, Standing
from app.errors import NotFound
from app.services.boards.top_lists import TopLists
from app.stores.accounts.players import PlayerStore
from app.stores.boards.rankings import SECONDS_AHEAD, CachedTop, Places, RankingStore, ShownTop
from app.stores.boards.standings import Found, StandingStore
from app.stores.play.catalog import CatalogStore
from app.stores.postgres.engine import UNAVAILABLE
from app.stores.postgres.lsn import NOWHERE, Position
from app.stores.postgres.replicas import Replicas

_SEASON_SECONDS = 1.0
_WAIT_SECONDS = 2.0

Neighbours = tuple[Found, list[Found], list[Found]]  # oneself, above, below


@dataclass(frozen=True, slots=True)
class Top:
    """A top list as JSON text, its version, and whether it came from the cache.

    It may be shown to the end of `second` in Unix time, not longer.
    """

    version: int
    rows: str
    hit: bool
    second: int


class Standings:
    """Ranks come from the sorted set, and from the database while that isn't complete.

    What may be a moment old is read on a replica that has all that the reader can have seen or written. To know that,
    Redis has for each board a position not before anything that a list has shown, and for each player a change number
    not below any that was shown.
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
        self._lists = TopLists(standings, rankings, replicas, clock=clock)
        self._seasons: dict[str, tuple[float, Season]] = {}
        self._shown: dict[str, Position] = {}

    def season(self, board: str) -> Season:
        """The board's open season, known for a second, and while the database is away. Raises NotFound."""
        now = self._clock()
        known = self._seasons.get(board)
        if known and 0 <= now - known[0] < _SEASON_SECONDS:
            return known[1]
        try:
            season = self._catalog.open_season(board) if board.isprintable() else None
        except UNAVAILABLE:
            if known is None:
                raise
            season = known[1]  # nobody can open another one now
        if season is None:
            raise NotFound(f"There is no board '{board[:40]}'.")
        self._seasons[board] = (now, season)
        return season

    def top(self, board: str = MAIN, limit: int = TOP) -> Top:
        """The best `limit`, at most a second old, and the same for every reader within a second of the clock.

        The list was read, or found unchanged, in the second it is shown in. Because all processes show the same one,
        no reader who goes from one to the other sees the board go back.
        """
        season, second = self.season(board), int(self._clock())
        shown = self._rankings.shown(season, limit)
        if shown and second <= shown.second <= second + SECONDS_AHEAD:  # or the clock was set back since
            return Top(shown.version, shown.rows, True, shown.second)
        found, hit = self._newest(season, limit, since_ms=second * 1000)
        shown = self._rankings.show(season, limit, ShownTop(second, found.version, found.rows))
        return Top(shown.version, shown.rows, hit, shown.second)

    def snapshot(self, board: str = MAIN) -> dict[str, Any]:
        """The newest top ten with its version, for a subscriber: `{"board", "version", "data"}`."""
        top, _ = self._newest(self.season(board), TOP)
        return {"board": board, "version": top.version, "data": json.loads(top.rows)}

    def build(self, season: Season, limit: int = TOP) -> CachedTop:
        """Read the list from the primary and cache it."""
        return self._lists.build(season, limit)

    def _newest(self, season: Season, limit: int, *, since_ms: int | None = None) -> tuple[CachedTop, bool]:
        """The list as it is now, or as it was read after `since_ms`; and whether it came from the cache."""
        cached = self._valid(season, limit, since_ms)
        if cached:
            return cached, True
        deadline = time.monotonic() + _WAIT_SECONDS
        while not self._rankings.may_build(season, limit) and time.monotonic() < deadline:
            time.sleep(0.01)
            cached = self._valid(season, limit, since_ms)
            if cached:
                return cached, True
        try:
            return self._lists.build(season, limit, elsewhere=True), False
        finally:
            self._rankings.built(season, limit)

    def _valid(self, season: Season, limit: int, since_ms: int | None) -> CachedTop | None:
        cached, changes = self._rankings.top(season, limit)
        if cached is None:
            return None
        young = since_ms is not None and since_ms <= cached.built_ms <= self._clock() * 1000
        return cached if young or cached.changes == changes else None

    def me(self, player_id: UUID) -> dict[str, Any]:
        """The account with its score and rank on the main board, as the player sees them."""
        player = self._players.get(player_id)
        if player is None:
            raise NotFound()
        standing = self._from_primary(self.season(MAIN), player_id, own=True)
        return {
            "user_id": str(player.id),
            "username": player.username,
            "role": player.role,
            "status": player.status,
            "score": standing.score,
            "rank": standing.rank,
        }

    def one(self, player_id: UUID, board: str = MAIN) -> Standing:
        """A player's standing. Raises NotFound for nobody."""
        season = self.season(board)
        return self._from_replica(season, player_id) or self._from_primary(season, player_id)

    def around(self, player_id: UUID, count: int, board: str = MAIN) -> tuple[Standing, list[Standing], list[Standing]]:
        """A player's standing as they see it themselves, with up to `count` neighbours above and below."""
        season = self.season(board)
        found = self._neighbours(season, player_id, count)
        if found is None:
            raise NotFound("There is no such player.")
        me, above, below = found
        everybody = [*above, me, *below]
        standings = self._ranked(season, everybody, self._places(season, everybody))
        return standings[len(above)], standings[: len(above)], standings[len(above) + 1 :]

    def _from_replica(self, season: Season, player_id: UUID) -> Standing | None:
        """None unless a replica has all of this player that anybody has seen."""
        shown = self._shown.get(season.tag, NOWHERE)
        near = self._replicas.at_least(shown, lambda there: StandingStore(there).one(season, player_id), wait=0.0)
        if near is None:
            return None
        found, replayed = near
        if found is None:
            return None
        places = self._places(season, [found])
        known = places.changes[0]
        if places.position is None or known is None or places.ranks is None:
            return None
        self._shown[season.tag] = places.position  # where a replica that lags need not be read the next time
        if replayed < places.position or found.change < known:
            return None
        return self._ranked(season, [found], places)[0]

    def _from_primary(self, season: Season, player_id: UUID, *, own: bool = False) -> Standing:
        found = self._standings.one(season, player_id, own=own)
        if found is None:
            raise NotFound("There is no such player.")
        return self._ranked(season, [found], self._places(season, [found]))[0]

    def _neighbours(self, season: Season, player_id: UUID, count: int) -> tuple[Found, list[Found], list[Found]] | None:
        """On a replica that has all that the primary has now: so many rows can't each be asked about."""

        def read(store: StandingStore) -> Neighbours | None:
            me = store.one(season, player_id, own=True)
            if me is None:
                return None
            above, below = store.around(season, me.standing, count) if me.listed else ([], [])
            return me, above, below

        if self._replicas.any:
            near = self._replicas.at_least(self._standings.position(), lambda there: read(StandingStore(there)))
            if near and near[0]:
                return near[0]
        return read(self._standings)

    def _places(self, season: Season, found: Sequence[Found]) -> Places:
        """What Redis knows of them, after it was told what it doesn't: nobody is shown what Redis hasn't heard of."""
        scores = sorted({each.standing.score for each in found if each.listed})
        places = self._rankings.places(season, [each.standing.user_id for each in found], scores)
        if places.ranks is not None:
            news = [
                (str(each.standing.user_id), each.score, each.change)
                for each, known in zip(found, places.changes, strict=True)
                if each.change > (known or 0)
            ]
            if news:
                self._rankings.apply(season, news)
        return places

    def _ranked(self, season: Season, found: Sequence[Found], places: Places) -> list[Standing]:
        ranks = places.ranks
        if ranks is None:
            scores = {each.standing.score for each in found if each.listed}
            ranks = {score: self._standings.rank(season, score) for score in scores}
        return [
            replace(each.standing, rank=ranks[each.standing.score]) if each.listed else each.standing for each in found
        ]
