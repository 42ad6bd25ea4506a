"""The boards and action types as operators see them: hidden boards and retired action types too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.board_config import BoardConfig
from app.domain.boards import ActionType, SeasonFacts
from app.errors import NotFound
from app.services.boards.board_list import BoardList
from app.services.boards.board_plans import BoardPlans
from app.stores.play.catalog import CatalogStore


@dataclass(frozen=True, slots=True)
class ListedBoard:
    """A board that is not archived, its open or next season if it has any, and the action types that feed it."""

    board: BoardConfig
    season: SeasonFacts | None
    action_types: Sequence[str]


@dataclass(frozen=True, slots=True)
class ListedType:
    """An action type; `retired_at` is None while it can be started."""

    action_type: ActionType
    retired_at: datetime | None


class BoardCatalog:
    """Lists boards and action types."""

    def __init__(self, plans: BoardPlans, board_list: BoardList, types: CatalogStore) -> None:
        self._plans, self._list, self._types = plans, board_list, types

    def boards(self) -> list[ListedBoard]:
        """Return the boards, the oldest first."""
        types = self._plans.catalog().types
        return [
            ListedBoard(
                board, season, sorted(name for name, action_type in types.items() if board.slug in action_type.boards)
            )
            for board, season in self._list.boards(with_hidden=True)
        ]

    def board(self, slug: str) -> ListedBoard:
        """Return a board. Raises NotFound."""
        self._plans.find(slug)
        return next(listed for listed in self.boards() if listed.board.slug == slug)

    def seasons(self, slug: str) -> list[SeasonFacts]:
        """Return the seasons of a board, which may be archived, the newest first. Raises NotFound."""
        seasons = self._list.seasons(slug) if slug.isprintable() else []
        if not seasons:
            raise NotFound(f"There is no board '{slug[:40]}'." if slug.isprintable() else "There is no such board.")
        return seasons

    def action_types(self) -> list[ListedType]:
        """Return the action types, ordered by points; retired ones follow, the last one retired first."""
        present = [ListedType(action_type, None) for action_type in self._types.action_types()]
        return [*present, *(ListedType(*pair) for pair in self._types.retired_types())]

    def action_type(self, slug: str) -> ListedType:
        """Return an action type, retired or not. Raises NotFound."""
        for listed in self.action_types():
            if listed.action_type.slug == slug:
                return listed
        raise NotFound("There is no such action type.")
