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
from app.stores.boards.top_list_store import NewTop
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
        return self.build_all([season], limit, for_readers=for_readers)[0]

    def build_all(self, seasons: Sequence[Season], limit: int = TOP, *, for_readers: bool = False) -> list[CachedTop]:
        """Read the lists of several boards and cache them, all at once; those that are refused, again."""
        built: dict[Season, CachedTop] = {}
        refusals = dict.fromkeys(seasons, "")
        for attempt in range(_TRIES):
            tops, after, until = self._read_tops(
                list(refusals), limit, for_readers, may_use_replica=for_readers and attempt == 0
            )
            new = [NewTop(season, top, refusals[season]) for season, top in zip(refusals, tops, strict=True)]
            answers = self._rankings.lists.put(new, limit, after, until)
            built |= dict(zip(refusals, tops, strict=True))
            refusals = {season: answer for season, answer in zip(refusals, answers, strict=True) if answer}
            if not refusals:
                return [built[season] for season in seasons]
        raise Unavailable("The board changes too fast to be read. Try again in a moment.")

    def _read_tops(
        self, seasons: Sequence[Season], limit: int, for_readers: bool, *, may_use_replica: bool
    ) -> tuple[list[CachedTop], Position, Position]:
        """Return the lists, and the positions between which lies what they have seen."""
        changes = self._rankings.lists.changes(seasons)  # before the lists: a later change makes them out of date
        built_ms = int(self._clock() * 1000)
        versions, after = self._standings.next_versions(len(seasons), may_repeat=for_readers)
        tops, until = self._read(seasons, limit + 1, after, may_use_replica)
        totals = self._totals(seasons, [min(len(listed), limit) for listed in tops])
        return (
            [
                CachedTop(version, count, built_ms, _rows(listed[:limit]), _end(season, listed, limit, total))
                for season, listed, version, count, total in zip(seasons, tops, versions, changes, totals, strict=True)
            ],
            after,
            until,
        )

    def _totals(self, seasons: Sequence[Season], least: Sequence[int]) -> list[int]:
        """Return how many players are ranked: at least as many as the list has, which may be newer."""
        places = self._rankings.places_on([(season, ()) for season in seasons], ())
        return [
            max(known.total if known.ranks is not None else self._pages.total(season), count)
            for season, known, count in zip(seasons, places, least, strict=True)
        ]

    def _read(
        self, seasons: Sequence[Season], limit: int, position: Position, may_use_replica: bool
    ) -> tuple[list[list[Standing]], Position]:
        if may_use_replica:
            reading = self._replicas.read_at_position(
                position, lambda database: StandingStore(database).tops_with_position(seasons, limit)
            )
            if reading:
                return reading[0]
        return self._standings.tops_with_position(seasons, limit)


def _rows(standings: Sequence[Standing]) -> str:
    return json.dumps([standing.as_row() for standing in standings], ensure_ascii=False, separators=(",", ":"))


def _end(season: Season, listed: Sequence[Standing], limit: int, total: int) -> ListEnd:
    return ListEnd(total, place_of(season, listed[limit - 1]) if len(listed) > limit else None)
