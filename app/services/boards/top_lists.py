"""Top lists, read from a database and shared with all processes through Redis, so that a board never goes back."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from app.domain.boards import TOP, Season, Standing
from app.errors import Unavailable
from app.stores.boards.board_rows import place_of
from app.stores.boards.cached_lists import CachedTop, ListEnd
from app.stores.boards.pages import PageStore
from app.stores.boards.rankings import RankingStore
from app.stores.boards.standings import StandingStore
from app.stores.postgres.lsn import Position
from app.stores.postgres.replicas import Replicas

_TRIES = 10


class TopLists:
    """Builds lists, and accepts one only if it has certainly seen all that any list before it can have seen.

    The end of the log that a list has seen lies between two positions: that of the primary before the read, and one not
    before anything that the read could see. Two lists that were read at the same time can't be put in order, so the
    later one to arrive is read again.
    """

    def __init__(
        self,
        standings: StandingStore,
        pages: PageStore,
        rankings: RankingStore,
        replicas: Replicas,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._standings, self._pages, self._rankings = standings, pages, rankings
        self._replicas, self._clock = replicas, clock

    def build(self, season: Season, limit: int = TOP, *, for_readers: bool = False) -> CachedTop:
        """Read the list and cache it. Raises Unavailable if newer lists come first again and again.

        `for_readers`: read it on a replica, if one has replayed all that the primary has now, and also while the
        primary is read-only. A broadcast fails then, and is repeated: it needs a version that subscribers don't have.
        """
        refusal = ""
        for attempt in range(_TRIES):
            changes = self._rankings.changes(season)  # read before the list: a later change makes it out of date
            built_ms = int(self._clock() * 1000)
            version, position = self._standings.next_version(may_repeat=for_readers)
            listed, last_position = self._read(
                season, limit + 1, position, may_use_replica=for_readers and attempt == 0
            )
            standings = listed[:limit]
            rows = json.dumps([standing.as_row() for standing in standings], ensure_ascii=False, separators=(",", ":"))
            last = place_of(season, standings[-1]) if len(listed) > limit else None
            top = CachedTop(version, changes, built_ms, rows, ListEnd(self._total(season, len(standings)), last))
            refusal = self._rankings.put_top(season, limit, top, position, last_position, refusal)
            if not refusal:
                return top
        raise Unavailable("The board changes too fast to be read. Try again in a moment.")

    def _total(self, season: Season, least: int) -> int:
        """Return how many players are ranked: at least as many as the list has, which may be newer."""
        places = self._rankings.places(season, [], [])
        return max(places.total if places.ranks is not None else self._pages.total(season), least)

    def _read(
        self, season: Season, limit: int, position: Position, *, may_use_replica: bool
    ) -> tuple[Sequence[Standing], Position]:
        if may_use_replica:
            reading = self._replicas.read_at_position(
                position, lambda database: StandingStore(database).top_with_position(season, limit)
            )
            if reading:
                return reading[0]
        return self._standings.top_with_position(season, limit)
