"""Changes of a player's name, role and attributes by an operator: all that one call asks for, or none of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

import sqlalchemy as sa

from app.errors import Conflict, NotFound
from app.services.accounts.attributes import Attributes, check_changes
from app.services.accounts.renames import Renames, checked_name
from app.stores.accounts.players import Player, PlayerStore
from app.stores.moderation.audit import AuditStore
from app.stores.postgres.engine import Database


@dataclass(frozen=True, slots=True)
class PlayerChange:
    """The fields to change; None leaves one as it is. In `attributes` None removes one."""

    username: str | None = None
    role: str | None = None
    attributes: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChangedPlayer:
    """A player after a change, and the acts of the change for the audit log: none if everything was so already."""

    player: Player
    attributes: Mapping[str, str]
    acts: Mapping[str, Mapping[str, object]]


class PlayerChanges:
    """An operator may give reserved names, as to a new account.

    The audit log has no names and values: they are the player's, whom it must be able to forget.
    """

    def __init__(
        self, database: Database, players: PlayerStore, attributes: Attributes, renames: Renames, audit: AuditStore
    ) -> None:
        self._db, self._players, self._attributes = database, players, attributes
        self._renames, self._audit = renames, audit

    def change(
        self, player_id: UUID, change: PlayerChange, *, by: str, request_id: str, dry_run: bool = False
    ) -> ChangedPlayer:
        """Change a player. With `dry_run` change nothing, and return the player as they would be.

        Raises InvalidRequest, NotFound, UsernameTaken, or Conflict for a guest who would be an admin.
        """
        check_changes(change.attributes)
        username = None if change.username is None else checked_name(change.username)
        with self._db.transaction() as connection:
            result = self._change(connection, player_id, change, username, request_id)
            if dry_run:
                connection.rollback()
                return result
            for act, details in result.acts.items():
                self._audit.append(connection, by, act, f"player:{player_id}", details, request_id)
        if result.acts:
            self._attributes.wake_relay()
        return result

    def _change(
        self, connection: sa.Connection, player_id: UUID, change: PlayerChange, username: str | None, request_id: str
    ) -> ChangedPlayer:
        attributes, names = self._attributes.change_in(connection, player_id, change.attributes, request_id)
        player = self._players.get_on(connection, player_id)
        if player is None:
            raise NotFound("There is no such user.")
        acts: dict[str, Mapping[str, object]] = {}
        if names:
            acts["user.attributes"] = {
                "set": [name for name in names if name in attributes],
                "removed": [name for name in names if name not in attributes],
            }
        if username is not None and username != player.username:
            acts["user.renamed"] = {}
            player = self._renames.rename_in(connection, player_id, username, request_id)
        if change.role == "admin" and player.is_guest:
            raise Conflict("A guest can't be an admin: the player has to make the account a full one first.")
        if change.role is not None and self._players.set_role(connection, player_id, change.role):
            acts["user.role"] = {"role": change.role}
            player = self._players.get_on(connection, player_id) or player
        return ChangedPlayer(player, attributes, acts)
