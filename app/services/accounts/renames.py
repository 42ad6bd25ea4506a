"""New names of players, which every board shows within a second."""

from __future__ import annotations

import math
from uuid import UUID

import sqlalchemy as sa

from app.domain.accounts import username_key, username_of
from app.domain.look_alikes import skeletons
from app.errors import InvalidRequest, NotFound, RenamedLately
from app.services.accounts.attributes import Attributes
from app.services.accounts.name_rules import NameRules
from app.services.accounts.sign_in_throttle import SignInThrottle
from app.stores.accounts.credentials import CredentialStore
from app.stores.accounts.players import Player, PlayerStore
from app.stores.boards.outbox import OutboxStore
from app.stores.postgres.engine import Database


class Renames:
    """The name of before is free at once. Boards and pages read names from the players, so only cached lists change."""

    def __init__(
        self,
        database: Database,
        players: PlayerStore,
        credentials: CredentialStore,
        outbox: OutboxStore,
        rules: NameRules,
        throttle: SignInThrottle,
        attributes: Attributes,
        *,
        rename_seconds: int,
    ) -> None:
        self._db, self._players, self._credentials = database, players, credentials
        self._outbox, self._rules, self._throttle = outbox, rules, throttle
        self._attributes, self._seconds = attributes, rename_seconds

    def rename_self(self, player_id: UUID, username: str, address: str, request_id: str) -> Player:
        """Give a player the name that they want, once in RENAME_SECONDS; the present name is no change.

        Raises InvalidRequest, UsernameTaken, RenamedLately, NotFound.
        """
        name = checked_name(username)
        with self._db.transaction() as connection:
            player = self._lock(connection, player_id)
            if player.username == name:
                return player
            self._rules.check_other(name)
            seconds = self._credentials.seconds_until_rename(connection, player_id, self._seconds)
            if seconds > 0:
                raise RenamedLately(window=self._seconds, retry_after=math.ceil(seconds))
            self._credentials.note_rename(connection, player_id)
            player = self.rename_in(connection, player_id, name, request_id)
        self._attributes.wake_relay()
        self._throttle.remember(username_key(name), address)
        return player

    def rename_in(self, connection: sa.Connection, player_id: UUID, username: str, request_id: str) -> Player:
        """Rename a locked player within the caller's transaction; call `Attributes.wake_relay` after the commit.

        `username` is well-formed and allowed. Raises UsernameTaken.
        """
        player = self._players.rename(connection, player_id, username, username_key(username), skeletons(username))
        self._outbox.add_standings(connection, player_id, request_id, ())
        return player

    def _lock(self, connection: sa.Connection, player_id: UUID) -> Player:
        self._players.lock(connection, player_id)
        player = self._players.get_on(connection, player_id)
        if player is None:
            raise NotFound("There is no such player.")
        return player


def checked_name(username: str) -> str:
    """Return the username as it is stored. Raises InvalidRequest."""
    try:
        return username_of(username)
    except ValueError as error:
        raise InvalidRequest.field("username", str(error)) from None
