"""Guests: players with a generated name and no password, who may become full accounts."""

from __future__ import annotations

import random
from uuid import UUID, uuid4

import structlog

from app.domain.accounts import username_key
from app.domain.guest_names import guest_name
from app.domain.look_alikes import skeletons
from app.errors import NotAGuest, Unavailable, UsernameTaken
from app.services.accounts.accounts import Accounts, Login
from app.services.accounts.attributes import Attributes
from app.services.accounts.name_rules import NameRules
from app.services.accounts.renames import Renames
from app.services.accounts.sign_in_throttle import SignInThrottle
from app.stores.accounts.credentials import CredentialStore
from app.stores.accounts.players import Player, PlayerStore
from app.stores.postgres.engine import Database

log = structlog.get_logger("fairboard.accounts")

_TRIES = 50


class Guests:
    """A guest plays like everyone, and comes back with the refresh token alone."""

    def __init__(
        self,
        database: Database,
        players: PlayerStore,
        credentials: CredentialStore,
        accounts: Accounts,
        renames: Renames,
        rules: NameRules,
        throttle: SignInThrottle,
        attributes: Attributes,
        *,
        source: random.Random | None = None,
    ) -> None:
        """Take the `source` of the names, by default that of the system."""
        self._db, self._players, self._credentials = database, players, credentials
        self._accounts, self._renames, self._rules = accounts, renames, rules
        self._throttle, self._attributes = throttle, attributes
        self._source = source or random.SystemRandom()

    def create(self) -> Login:
        """Create a guest and sign them in. Raises Unavailable if every name that was tried is taken or blocked."""
        for _ in range(_TRIES):
            name = guest_name(self._source)
            if self._rules.is_blocked(name):
                continue
            try:
                return self._accounts.open_login(self._add(name))
            except UsernameTaken:
                continue
        log.error("no_guest_name", tries=_TRIES)
        raise Unavailable("There is no free name for a guest at this moment. Try again, or register.")

    def upgrade(self, player_id: UUID, username: str, password: str, address: str, request_id: str) -> Player:
        """Make a guest a full account, with the same id and score. Raises NotAGuest, InvalidRequest, UsernameTaken."""
        self._require_guest(self._players.get(player_id))
        account = self._accounts.check_new(username, password)
        with self._db.transaction() as connection:
            self._players.lock(connection, player_id)
            self._require_guest(self._players.get_on(connection, player_id))
            self._credentials.set_password(connection, player_id, account.password_hash)
            player = self._renames.rename_in(connection, player_id, account.username, request_id)
        self._attributes.wake_relay()
        self._throttle.remember(account.key, address)
        return player

    def _add(self, name: str) -> Player:
        with self._db.statement() as connection:
            return self._players.add_on(
                connection, uuid4(), name, username_key(name), None, "player", skeletons(name), is_guest=True
            )

    @staticmethod
    def _require_guest(player: Player | None) -> None:
        if player is None or not player.is_guest:
            raise NotAGuest()
