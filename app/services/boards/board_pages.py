"""Reads of any part of a board: pages, the places around one, some players, in any season and segment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar
from uuid import UUID

from app.domain.attributes import Segment
from app.domain.boards import Season, Standing
from app.domain.cursors import Place
from app.errors import NotFound
from app.services.boards.entry_ranks import EntryRanks
from app.stores.boards.board_rows import BoardEntry, place_of
from app.stores.boards.orders import Span
from app.stores.boards.pages import PageStore
from app.stores.boards.rankings import RankingStore
from app.stores.boards.standings import StandingStore
from app.stores.postgres.engine import Database
from app.stores.postgres.replicas import Replicas

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page:
    """Standings from the top, how many are ranked in all, and the place at which the page ended if more follow."""

    standings: list[Standing]
    total: int
    last: Place | None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The standings on both sides of a place, each list from the top. `rank` is None for a player without one."""

    rank: int | None
    above: list[Standing]
    below: list[Standing]


NOBODY = Surroundings(None, [], [])


class BoardPages:
    """Rows come from the database: those of a board as a range of its index, those of a segment by their players.

    The sorted sets of Redis say which players these are, and count ranks. Without them the database counts.
    """

    def __init__(
        self, database: Database, standings: StandingStore, rankings: RankingStore, replicas: Replicas
    ) -> None:
        self._db, self._standings, self._rankings, self._replicas = database, standings, rankings, replicas
        self._ranks = EntryRanks(standings, rankings)

    def page(self, season: Season, limit: int, after: Place | None = None, segment: Segment | None = None) -> Page:
        """Return the standings after a place, or the first ones."""
        span = None if segment is None else self._span_after(season, segment, after, limit + 1)
        if span is None:
            entries = self._read(lambda database: _page(database, season, limit + 1, after, segment))
            places = [place_of(season, entry.standing) for entry in entries]
        else:
            places = span.below
            players = [place.player for place in places[:limit]]
            entries = self._read(lambda database: PageStore(database).entries(season, players, segment))
        last = places[limit - 1] if len(places) > limit else None
        ranked = self._ranks.ranked(season, entries[:limit], segment)
        total = self._count(season, segment) if ranked.total is None else ranked.total
        return Page(ranked.standings, total, last)

    def _span_after(self, season: Season, segment: Segment, after: Place | None, count: int) -> Span | None:
        orders = self._rankings.orders
        return (
            orders.near(season, segment, 1, 0, count) if after is None else orders.after(season, segment, after, count)
        )

    def total(self, season: Season, segment: Segment | None = None) -> int:
        """Return how many players are ranked."""
        if segment is None:
            places = self._rankings.places(season, [], [])
            total = None if places.ranks is None else places.total
        else:
            counts = self._rankings.orders.counts(season, segment, [])
            total = counts.total if counts else None
        return self._count(season, segment) if total is None else total

    def _count(self, season: Season, segment: Segment | None) -> int:
        return self._read(lambda database: PageStore(database).total(season, segment))

    def around_place(self, season: Season, number: int, limit: int, segment: Segment | None = None) -> Surroundings:
        """Return the standings before place `number`, and from it on. Raises NotFound beyond the last place."""
        span = self._rankings.orders.near(season, segment, number, limit, max(1, limit))
        if span is None:
            place = self._read(lambda database: PageStore(database).place(season, number, segment))
        else:
            place = span.below[0] if span.below else None
        if place is None:
            raise NotFound(f"The board has no place {number}.")
        return self._surroundings(season, place, limit, segment, span)

    def around_score(self, season: Season, score: int, limit: int, segment: Segment | None = None) -> Surroundings:
        """Return the standings that are better than a score, and those that are not."""
        place = Place.first_with(season.stored(score))
        span = None if segment is None else self._rankings.orders.near(season, segment, place, limit, limit)
        return self._surroundings(season, place, limit, segment, span)

    def around_player(self, season: Season, player: UUID, limit: int, segment: Segment | None = None) -> Surroundings:
        """Return the standings before and after a player's. Raises NotFound for an unknown player."""
        entry, above, below = self._around_player(season, player, limit, segment, own=False)
        if not entry.is_listed:
            return NOBODY
        rows = self._ranks.ranked(season, [*above, entry, *below], segment).standings
        return Surroundings(rows[len(above)].rank, rows[: len(above)], rows[len(above) + 1 :])

    def own(
        self, season: Season, player: UUID, limit: int, segment: Segment | None = None
    ) -> tuple[Standing, list[Standing], list[Standing]]:
        """Return a player's standing as they see it, and up to `limit` neighbours on both sides. Raises NotFound."""
        entry, above, below = self._around_player(season, player, limit, segment, own=True)
        rows = self._ranks.ranked(season, [*above, entry, *below], segment).standings
        return rows[len(above)], rows[: len(above)], rows[len(above) + 1 :]

    def lookup(
        self, season: Season, players: Sequence[UUID], segment: Segment | None = None
    ) -> list[tuple[int, Standing]]:
        """Return the ranked standings among those of these players, best first, each with its place among them."""
        entries = self._read(lambda database: PageStore(database).entries(season, players, segment))
        rows = self._ranks.ranked(season, entries, segment).standings
        places: dict[int, int] = {}
        for number, row in enumerate(rows, 1):
            places.setdefault(row.score, number)
        return [(places[row.score], row) for row in rows]

    def _surroundings(
        self, season: Season, place: Place, limit: int, segment: Segment | None, span: Span | None
    ) -> Surroundings:
        above, below = self._read(lambda database: _sides(database, season, place, limit, segment, span))
        score = season.stored(place.score)
        ranked = self._ranks.ranked(season, [*above, *below], segment, [score])
        rows = ranked.standings
        return Surroundings(ranked.ranks[score], rows[: len(above)], rows[len(above) :])

    def _around_player(
        self, season: Season, player: UUID, limit: int, segment: Segment | None, *, own: bool
    ) -> tuple[BoardEntry, list[BoardEntry], list[BoardEntry]]:
        def read(database: Database) -> tuple[BoardEntry, list[BoardEntry], list[BoardEntry]] | None:
            entry = StandingStore(database).standing(season, player, own=own)
            if entry is None:
                return None
            if not entry.is_listed:
                return entry, [], []
            if segment and not PageStore(database).is_in(player, segment):
                return replace(entry, is_listed=False), [], []
            place, span = place_of(season, entry.standing), None
            if segment:
                span = self._rankings.orders.near(season, segment, place, limit + 1, limit + 1)
            return entry, *_sides(database, season, place, limit, segment, span, without=player)

        answer = self._read(read)
        if answer is None:
            raise NotFound("There is no such player.")
        return answer

    def _read(self, work: Callable[[Database], T]) -> T:
        """Return the result of `work` on a replica that has all that the primary has now, or on the primary.

        The change numbers of so many rows can't each be checked in Redis first.
        """
        if self._replicas.any:
            reading = self._replicas.read_at_position(self._standings.position(), work)
            if reading and reading[0] is not None:
                return reading[0]
        return work(self._db)


def _page(
    database: Database, season: Season, count: int, after: Place | None, segment: Segment | None
) -> list[BoardEntry]:
    store = PageStore(database)
    return store.below(season, after, count, segment=segment) if after else store.top(season, count, segment)


def _sides(
    database: Database,
    season: Season,
    place: Place,
    limit: int,
    segment: Segment | None,
    span: Span | None,
    without: UUID | None = None,
) -> tuple[list[BoardEntry], list[BoardEntry]]:
    """Return up to `limit` entries before the place, and from it on, except those of the player `without`."""
    store = PageStore(database)
    if segment is None or span is None:
        above = store.above(season, place, limit, segment=segment, without=without)
        return above, store.below(season, place, limit, segment=segment, without=without, with_place=True)
    players_above = [near.player for near in span.above if near.player != without]
    players_below = [near.player for near in span.below if near.player != without]
    is_above = set(players_above[max(0, len(players_above) - limit) :])
    entries = store.entries(season, [*is_above, *players_below[:limit]], segment)
    return (
        [entry for entry in entries if entry.standing.user_id in is_above],
        [entry for entry in entries if entry.standing.user_id not in is_above],
    )
