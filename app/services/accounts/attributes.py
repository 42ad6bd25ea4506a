"""Changes of players' attributes, which move the players between the segments of boards."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import sqlalchemy as sa
import structlog

from app.domain.attributes import changed, check_name, check_value
from app.errors import InvalidRequest
from app.stores.accounts.attributes import AttributeStore
from app.stores.accounts.players import PlayerStore
from app.stores.boards.rankings import RankingStore
from app.stores.play.catalog import CatalogStore
from app.stores.unavailability import AFTER_COMMIT, reason_of

log = structlog.get_logger("fairboard.accounts")


class Attributes:
    """A player moves to another segment with all points: segments are made of the attributes that players have now."""

    def __init__(
        self, store: AttributeStore, players: PlayerStore, rankings: RankingStore, catalog: CatalogStore
    ) -> None:
        self._store, self._players, self._rankings, self._catalog = store, players, rankings, catalog

    def of(self, player_id: UUID) -> dict[str, str]:
        """Return the player's attributes."""
        return self._store.of(player_id)

    def change_in(
        self, connection: sa.Connection, player_id: UUID, changes: Mapping[str, str | None], request_id: str
    ) -> tuple[dict[str, str], list[str]]:
        """Change attributes, as checked by `check_changes`, within the caller's transaction.

        Return all that the player has then, and the names of those that changed; call `wake_relay` after the commit.
        """
        self._players.touch(connection, player_id)
        before = self._store.of_locked(connection, player_id)
        attributes = _merged(before, changes)
        names = sorted(name for name in changes if before.get(name) != attributes.get(name))
        if names:
            values = {name: attributes[name] for name in names if name in attributes}
            self._store.set(connection, player_id, values, [name for name in names if name not in attributes])
            self._store.change_standings(connection, player_id, names, request_id)
        return attributes, names

    def set_first(
        self, connection: sa.Connection, player_id: UUID, changes: Mapping[str, str | None]
    ) -> dict[str, str]:
        """Store and return the attributes of a player who is created in the caller's transaction."""
        attributes = _merged({}, changes)
        if attributes:
            self._store.set(connection, player_id, attributes, [])
        return attributes

    def wake_relay(self) -> None:
        """Let boards show the change soon, after its commit."""
        try:
            for season in self._catalog.mirrored_seasons():
                self._rankings.wake(season)
        except AFTER_COMMIT as error:  # the relay also looks by itself
            log.warning("redis_after_commit", error=reason_of(error))


def _merged(attributes: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    try:
        return changed(attributes, changes)
    except ValueError as error:
        raise InvalidRequest.field("attributes", str(error)) from None


def check_changes(changes: Mapping[str, str | None]) -> None:
    """Raise InvalidRequest with every name and value that no attribute may have."""
    problems = []
    for name, value in changes.items():
        try:
            check_name(name)
            if value is not None:
                check_value(value)
        except ValueError as error:
            problems.append({"field": f"attributes.{name[:64]}", "message": str(error)})
    if problems:
        raise InvalidRequest(details=problems)
