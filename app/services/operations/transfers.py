"""Exports of players, standings and events, which imports of another Fairboard read."""

from __future__ import annotations

from contextlib import AbstractContextManager

from app.domain.boards import Season
from app.errors import InvalidRequest, NotFound
from app.stores.boards.seasons import SeasonStore
from app.stores.operations.transfers import Transfer, TransferStore
from app.stores.play.catalog import CatalogStore


class Transfers:
    """Finds what an export is about."""

    def __init__(self, store: TransferStore, catalog: CatalogStore, seasons: SeasonStore) -> None:
        self._store, self._catalog, self._seasons = store, catalog, seasons

    def transfer(self) -> AbstractContextManager[Transfer]:
        """Return the reads of one moment of the database."""
        return self._store.transfer()

    def season(self, board: str, number: int | None) -> Season:
        """Return a season of a board, archived ones too; without a number the present one. Raises NotFound."""
        view = self._catalog.view(board, number) if board.isprintable() else None
        if view is None:
            name = f"'{board[:40]}'" if board.isprintable() else "of this name"
            raise NotFound(
                f"There is no board {name}." if number is None else f"There is no season {number} of {name}."
            )
        return view.season

    def seasons(self, board: str | None, number: int | None) -> list[int] | None:
        """Return the ids of the seasons whose events to export, None for all. Raises NotFound, InvalidRequest."""
        if board is None:
            if number is not None:
                raise InvalidRequest.field("season", "needs a board")
            return None
        season = self.season(board, number)
        return [season.id] if number is not None else [item.season.id for item in self._seasons.facts(board)]
