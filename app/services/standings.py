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
from app.stores.catalog import CatalogStore
from app.stores.players import PlayerStore
from app.stores.rankings import CachedTop, RankingStore
from app.stores.standings import StandingStore

_FRESH_MS = 600  # a cached list may be this old while the board changes; with what a process keeps, under a second
_SEASON_SECONDS = 1.0
_WAIT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Top:
    """A top list as JSON text, its version, and whether it came from the cache."""

    version: int
    rows: str
    hit: bool


class Standings:
    """Ranks come from the sorted set, and from the database while that isn't complete."""

    def __init__(
        self,
        catalog: CatalogStore,
        standings: StandingStore,
        rankings: RankingStore,
        players: PlayerStore,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._catalog, self._standings, self._rankings, self._players = catalog, standings, rankings, players
        self._clock = clock
        self._seasons: dict[str, tuple[float, Season]] = {}

    def season(self, board: str) -> Season:
        """The board's open season, known for a second. Raises NotFound."""
        now = self._clock()
        known = self._seasons.get(board)
        if known and 0 <= now - known[0] < _SEASON_SECONDS:
            return known[1]
        season = self._catalog.open_season(board) if board.isprintable() else None
        if season is None:
            raise NotFound(f"There is no board '{board[:40]}'.")
        self._seasons[board] = (now, season)
        return season

    def top(self, board: str = MAIN, limit: int = TOP) -> Top:
        """The best `limit`, at most a second old."""
        return self._top(self.season(board), limit, fresh_ms=_FRESH_MS)

    def snapshot(self, board: str = MAIN) -> dict[str, Any]:
        """The newest top ten with its version, for a subscriber: `{"board", "version", "data"}`."""
        top = self._top(self.season(board), TOP, fresh_ms=0)
        return {"board": board, "version": top.version, "data": json.loads(top.rows)}

    def build(self, season: Season, limit: int = TOP) -> CachedTop:
        """Read the list from the database and cache it."""
        changes = self._rankings.changes(season)  # before reading: what changes meanwhile makes it out of date
        built_ms = int(self._clock() * 1000)
        version = self._standings.next_version()
        rows = [standing.as_row() for standing in self._standings.top(season, limit)]
        top = CachedTop(version, changes, built_ms, json.dumps(rows, ensure_ascii=False, separators=(",", ":")))
        self._rankings.put_top(season, limit, top)
        return top

    def _top(self, season: Season, limit: int, *, fresh_ms: int) -> Top:
        cached = self._valid(season, limit, fresh_ms)
        if cached:
            return Top(cached.version, cached.rows, True)
        deadline = time.monotonic() + _WAIT_SECONDS
        while not self._rankings.may_build(season, limit) and time.monotonic() < deadline:
            time.sleep(0.01)
            cached = self._valid(season, limit, fresh_ms)
            if cached:
                return Top(cached.version, cached.rows, True)
        try:
            built = self.build(season, limit)
        finally:
            self._rankings.built(season, limit)
        return Top(built.version, built.rows, False)

    def _valid(self, season: Season, limit: int, fresh_ms: int) -> CachedTop | None:
        cached, changes = self._rankings.top(season, limit)
        if cached is None:
            return None
        young = 0 <= self._clock() * 1000 - cached.built_ms < fresh_ms
        return cached if young or cached.changes == changes else None

    def me(self, player_id: UUID) -> dict[str, Any]:
        """The account with its score and rank on the main board."""
        player = self._players.get(player_id)
        if player is None:
            raise NotFound()
        standing = self.one(player_id)
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
        found = self._standings.one(season, player_id)
        if found is None:
            raise NotFound("There is no such player.")
        standing, _, listed = found
        return self._ranked(season, [standing])[0] if listed else standing

    def around(self, player_id: UUID, count: int, board: str = MAIN) -> tuple[Standing, list[Standing], list[Standing]]:
        """A player's standing with up to `count` neighbours above and below."""
        season = self.season(board)
        found = self._standings.one(season, player_id)
        if found is None:
            raise NotFound("There is no such player.")
        me, _, listed = found
        if not listed:
            return me, [], []
        above, below = self._standings.around(season, me, count)
        ranked = self._ranked(season, [*above, me, *below])
        return ranked[len(above)], ranked[: len(above)], ranked[len(above) + 1 :]

    def _ranked(self, season: Season, standings: Sequence[Standing]) -> list[Standing]:
        scores = sorted({standing.score for standing in standings})
        ranks = self._rankings.ranks(season, scores)
        if ranks is None:
            ranks = [self._standings.rank(season, score) for score in scores]
        by_score = dict(zip(scores, ranks, strict=True))
        return [replace(standing, rank=by_score[standing.score]) for standing in standings]
