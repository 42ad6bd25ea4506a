"""Reading a top list from a database and handing it to everybody through Redis, so that the board never goes back."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from app.domain.boards import TOP, Season, Standing
from app.errors import Unavailable
from app.stores.boards.rankings import CachedTop, RankingStore
from app.stores.boards.standings import StandingStore
from app.stores.postgres.lsn import Position
from app.stores.postgres.replicas import Replicas

_TRIES = 10


class TopLists:
    """A list is taken only if it has for certain seen all that any list before it can have seen.

    What it has seen lies between two positions in the log: that of the primary before the read, and one not before
    anything that the read could see. Two lists that were read at the same time can't be put in order, so the later one
    to arrive is read again.
    """

    def __init__(
        self, standings: StandingStore, rankings: RankingStore, replicas: Replicas, *, clock: Callable[[], float]
    ) -> None:
        self._standings, self._rankings, self._replicas, self._clock = standings, rankings, replicas, clock

    def build(self, season: Season, limit: int = TOP, *, elsewhere: bool = False) -> CachedTop:
        """Read the list and cache it. `elsewhere`: on a replica, if one has replayed all that the primary has now."""
        refusal = ""
        for attempt in range(_TRIES):
            changes = self._rankings.changes(season)  # before reading: what changes meanwhile makes it out of date
            built_ms = int(self._clock() * 1000)
            version, position = self._standings.next_version()
            standings, seen = self._read(season, limit, position, elsewhere=elsewhere and attempt == 0)
            rows = json.dumps([each.as_row() for each in standings], ensure_ascii=False, separators=(",", ":"))
            top = CachedTop(version, changes, built_ms, rows)
            refusal = self._rankings.put_top(season, limit, top, position, seen, refusal)
            if not refusal:
                return top
        raise Unavailable("The board changes too fast to be read. Try again in a moment.")

    def _read(
        self, season: Season, limit: int, position: Position, *, elsewhere: bool
    ) -> tuple[Sequence[Standing], Position]:
        if elsewhere:
            near = self._replicas.at_least(position, lambda there: StandingStore(there).top_seen(season, limit))
            if near:
                return near[0]
        return self._standings.top_seen(season, limit)
