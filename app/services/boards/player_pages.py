"""A player as anyone may see them: the account, the standings on all public boards, and the history on one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.domain.boards import BoardView, Season, Standing
from app.errors import NotFound
from app.services.boards.board_views import BoardViews
from app.services.boards.entry_ranks import EntryRanks
from app.stores.accounts.attributes import AttributeStore
from app.stores.accounts.players import Player, PlayerStore
from app.stores.boards.histories import HistoryRow, HistoryStore
from app.stores.boards.pages import PageStore
from app.stores.boards.rankings import RankingStore
from app.stores.boards.standings import StandingStore


@dataclass(frozen=True, slots=True)
class BoardStanding:
    """A player's standing on a board where `total` players are ranked."""

    season: Season
    standing: Standing
    total: int

    @property
    def percentile(self) -> float | None:
        """Return the percentage of players that are ranked equal or lower; None without a rank."""
        rank = self.standing.rank
        return None if rank is None or not self.total else 100 * (self.total - rank + 1) / self.total


@dataclass(frozen=True, slots=True)
class PlayerPage:
    """A player's account, attributes, and standings on all public boards."""

    player: Player
    attributes: dict[str, str]
    standings: list[BoardStanding]


class PlayerPages:
    """Reads from the primary: a player sees the own page right after a redemption."""

    def __init__(
        self,
        players: PlayerStore,
        attributes: AttributeStore,
        views: BoardViews,
        pages: PageStore,
        standings: StandingStore,
        rankings: RankingStore,
        histories: HistoryStore,
    ) -> None:
        self._players, self._attributes, self._views = players, attributes, views
        self._pages, self._standings, self._rankings, self._histories = pages, standings, rankings, histories
        self._ranks = EntryRanks(standings, rankings)

    def page(self, player_id: UUID) -> PlayerPage:
        """Return a player with a standing for each public board in its present season. Raises NotFound."""
        player = self._player(player_id)
        standings = self._standings_of(player, self._views.public_views())
        return PlayerPage(player, self._attributes.of(player_id), standings)

    def history(self, player_id: UUID, season: Season, limit: int, before: int | None = None) -> list[HistoryRow]:
        """Return the newest events of a player in a season, or the newest before one. Raises NotFound."""
        return self._histories.page(season, self._player(player_id).id, limit, before)

    def _player(self, player_id: UUID) -> Player:
        player = self._players.get(player_id)
        if player is None:
            raise NotFound("There is no such player.")
        return player

    def _standings_of(self, player: Player, views: Sequence[BoardView]) -> list[BoardStanding]:
        seasons = [view.season for view in views]
        entries = self._pages.of_player(player.id, seasons)
        scores = [
            [entries[season.id].standing.score] if season.id in entries and entries[season.id].is_listed else []
            for season in seasons
        ]
        places = self._rankings.places_on(list(zip(seasons, scores, strict=True)), [player.id])
        standings = []
        for season, place in zip(seasons, places, strict=True):
            entry = entries.get(season.id)
            standing = Standing(None, player.id, player.username, 0, None, season.empty_score is None)
            if entry is not None and entry.is_listed:
                self._ranks.copy_newer(season, [entry], place)
                (standing,) = self._ranks.add(season, [entry], place.ranks)
            total = self._pages.total(season) if place.ranks is None else place.total
            # A board's first players may not be in Redis yet, when its total is read.
            standings.append(BoardStanding(season, standing, max(total, standing.rank or 0)))
        return standings
