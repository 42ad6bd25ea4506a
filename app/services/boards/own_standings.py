"""The standings of many players on one board, each as that player sees it, read together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.domain.boards import BoardView, Season, Standing
from app.errors import Unavailable
from app.services.boards.board_views import BoardViews
from app.services.boards.entry_ranks import EntryRanks
from app.stores.boards.board_rows import BoardEntry
from app.stores.boards.pages import PageStore
from app.stores.boards.rankings import Places, RankingStore
from app.stores.boards.standings import StandingStore

_CHUNK = 1000  # players in one query


@dataclass(frozen=True, slots=True)
class OwnReading:
    """The standings of some players, how many the season ranks, and the entries that the next reading can use."""

    season: Season
    standings: Mapping[UUID, Standing]
    total: int
    entries: Mapping[UUID, BoardEntry]


class OwnStandings:
    """One round trip to Redis has the ranks and the change numbers of all players.

    The database is asked for the players alone whose standing has changed since the last reading: it has the points
    that are held, which only their player sees, as `GET /me` does.
    """

    def __init__(self, views: BoardViews, standings: StandingStore, pages: PageStore, rankings: RankingStore) -> None:
        self._views, self._standings, self._pages, self._rankings = views, standings, pages, rankings
        self._ranks = EntryRanks(standings, rankings)

    def change_counts(self, boards: Sequence[str]) -> list[int]:
        """Return how often each board has changed, in one round trip. Raises NotFound and the errors of Redis."""
        return self._rankings.lists.changes([self._views.view(board, with_hidden=True).season for board in boards])

    def read(self, board: str, players: Sequence[UUID], last: OwnReading | None = None) -> OwnReading:
        """Return the standings of these players in the board's present season; unknown players are left out.

        `last` is the reading before, of any players. Raises NotFound for no board, Unavailable while the ranks of an
        open season are incomplete in Redis: to count so many in the database would stop it.
        """
        view = self._views.view(board, with_hidden=True)
        season = view.season
        known = last.entries if last is not None and last.season == season else {}
        entries = {player: known[player] for player in players if player in known}
        places = self._rankings.many_places(season, players, _scores(entries))
        changed = [
            player
            for player, change in zip(players, places.changes, strict=True)
            if player not in entries or entries[player].change < (change or 0)
        ]
        if changed:
            entries |= self._read_changed(season, changed)
            places = self._rankings.many_places(season, list(entries), _scores(entries))
            self._ranks.copy_newer(season, list(entries.values()), places)
        return self._reading(view, entries, places)

    def _read_changed(self, season: Season, players: Sequence[UUID]) -> dict[UUID, BoardEntry]:
        entries: dict[UUID, BoardEntry] = {}
        for part in _parts(players):
            entries |= self._standings.own_standings(season, part)
        return entries

    def _reading(self, view: BoardView, entries: Mapping[UUID, BoardEntry], places: Places) -> OwnReading:
        season, total = view.season, places.total
        if places.ranks is None:
            if view.is_open:
                raise Unavailable("The ranks of the board are being rebuilt.")
            total = self._pages.total(season)
        standings = self._ranks.add(season, list(entries.values()), places.ranks)
        return OwnReading(season, {standing.user_id: standing for standing in standings}, total, entries)


def _scores(entries: Mapping[UUID, BoardEntry]) -> list[int]:
    return sorted({entry.standing.score for entry in entries.values() if entry.is_listed})


def _parts(players: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    return (players[start : start + _CHUNK] for start in range(0, len(players), _CHUNK))
