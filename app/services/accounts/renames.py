"""New names of players, which every board shows within a second."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from app.domain.accounts import username_key
from app.domain.look_alikes import skeletons
from app.stores.accounts.players import Player, PlayerStore
from app.stores.boards.outbox import OutboxStore


class Renames:
    """The name of before is free at once. Boards and pages read names from the players, so only cached lists change."""

    def __init__(self, players: PlayerStore, outbox: OutboxStore) -> None:
        self._players, self._outbox = players, outbox

    def rename_in(self, connection: sa.Connection, player_id: UUID, username: str, request_id: str) -> Player:
        """Rename a locked player within the caller's transaction; call `Attributes.wake_relay` after the commit.

        `username` is well-formed and allowed. Raises UsernameTaken.
        """
        player = self._players.rename(connection, player_id, username, username_key(username), skeletons(username))
        self._outbox.add_standings(connection, player_id, request_id, ())
        return player
