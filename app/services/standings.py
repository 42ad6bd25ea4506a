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
from app.stores.rankings import CachedTop, RankingStore, ShownTop
from app.stores.standings import StandingStore

_SEASON_SECONDS = 1.0
_WAIT_SECONDS = 2.0


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
        """The best `limit`, at most a second old, and the same for every reader within a second of the clock.

        The list was read, or found unchanged, in the second it is shown in. Because all processes show the same one,
        no reader who goes from one to the other sees the board go back.
        """
        season, second = self.season(board), int(self._clock())
        shown = self._rankings.shown(season, limit)
        if shown and shown.second >= second:
            return Top(shown.version, shown.rows, True, shown.second)
        found, hit = self._newest(season, limit, since_ms=second * 1000)
        shown = self._rankings.show(season, limit, ShownTop(second, found.version, found.rows))
        return Top(shown.version, shown.rows, hit, shown.second)

    def snapshot(self, board: str = MAIN) -> dict[str, Any]:
        """The newest top ten with its version, for a subscriber: `{"board", "version", "data"}`."""
        top, _ = self._newest(self.season(board), TOP)
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
            return self.build(season, limit), False
        finally:
            self._rankings.built(season, limit)

    def _valid(self, season: Season, limit: int, since_ms: int | None) -> CachedTop | None:
        cached, changes = self._rankings.top(season, limit)
        if cached is None:
            return None
        young = since_ms is not None and since_ms <= cached.built_ms <= self._clock() * 1000
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
