"""The selection of events that a person asks for, by names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.corrections import Selection
from app.errors import InvalidRequest
from app.services.accounts.accounts import Accounts
from app.stores.play.catalog import CatalogStore


@dataclass(frozen=True, slots=True)
class NamedSelection:
    """The redemptions of a player (username or id), of an action type, on a board, from `since` to before `until`."""

    player: str | None = None
    action_type: str | None = None
    board: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Selections:
    """Finds the rows that the names of a selection mean."""

    def __init__(self, accounts: Accounts, catalog: CatalogStore) -> None:
        self._accounts, self._catalog = accounts, catalog

    def find(self, names: NamedSelection) -> Selection:
        """Return the selection. Raises InvalidRequest for a bad or an unknown value, NotFound for an unknown player."""
        type_id = None if names.action_type is None else self._catalog.type_id(names.action_type)
        if names.action_type is not None and type_id is None:
            raise InvalidRequest.field("action_type", "is not an action type")
        board_id = None if names.board is None else self._catalog.board_id(names.board)
        if names.board is not None and board_id is None:
            raise InvalidRequest.field("board", "is not a board")
        player = None if names.player is None else self._accounts.find(names.player)
        selection = Selection(player.id if player else None, type_id, board_id, names.since, names.until)
        check_selection(selection)
        return selection

    def name(self, selections: Sequence[Selection]) -> list[NamedSelection]:
        """Return the names of each of the selections; a player is named by id."""
        types = self._catalog.type_slugs(
            [item.action_type_id for item in selections if item.action_type_id is not None]
        )
        boards = self._catalog.board_slugs([item.board_id for item in selections if item.board_id is not None])
        return [
            NamedSelection(
                None if item.player_id is None else str(item.player_id),
                types.get(item.action_type_id or 0),
                boards.get(item.board_id or 0),
                item.since,
                item.until,
            )
            for item in selections
        ]


def check_selection(selection: Selection) -> None:
    """Raise InvalidRequest for a selection without player, action type and time, or one that ends before it begins."""
    if (selection.player_id, selection.action_type_id, selection.since, selection.until) == (None, None, None, None):
        raise InvalidRequest.field("player", "must be given, or an action type, or a time")
    if selection.since is not None and selection.until is not None and selection.since >= selection.until:
        raise InvalidRequest.field("until", "must be after since")
