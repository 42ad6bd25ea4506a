"""Players of a game's own, whom its server creates, changes and signs in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

import structlog

from app.domain.accounts import username_key
from app.domain.look_alikes import skeletons
from app.domain.player_names import PlayerName
from app.errors import Forbidden, InvalidRequest, NotFound, UsernameTaken
from app.services.accounts.accounts import Accounts, Login
from app.services.accounts.attributes import Attributes, check_changes
from app.services.accounts.name_rules import NameRules
from app.services.accounts.renames import Renames
from app.stores.accounts.players import ExternalIdTaken, Player, PlayerStore
from app.stores.postgres.engine import Database

log = structlog.get_logger("fairboard.accounts")


@dataclass(frozen=True, slots=True)
class GamePlayer:
    """A player as a game's server has set them. `is_new`: they were created just now."""

    player: Player
    attributes: Mapping[str, str]
    is_new: bool


class GamePlayers:
    """Such a player has no password, and an external id that no other player has."""

    def __init__(
        self,
        database: Database,
        players: PlayerStore,
        accounts: Accounts,
        attributes: Attributes,
        renames: Renames,
        rules: NameRules,
    ) -> None:
        self._db, self._players, self._accounts = database, players, accounts
        self._attributes, self._renames, self._rules = attributes, renames, rules

    def put(
        self, external_id: str, username: str | None, changes: Mapping[str, str | None], *, request_id: str
    ) -> GamePlayer:
        """Create or change the player with this external id; return them, with all their attributes.

        `username` is checked already; None leaves it as it is. In `changes` None removes an attribute. Raises
        InvalidRequest, UsernameTaken, or Forbidden for an admin.
        """
        check_changes(changes)
        player = self._players.find_external(external_id)
        if player is None:
            try:
                return self._create(external_id, username, changes)
            except (ExternalIdTaken, UsernameTaken):
                player = self._players.find_external(external_id)  # another call may have created them meanwhile
                if player is None:
                    raise
        return self._change(player, username, changes, request_id)

    def change(
        self, player_id: UUID, username: str | None, changes: Mapping[str, str | None], *, request_id: str
    ) -> GamePlayer:
        """Change a player as `put` does. Raises NotFound, too."""
        player = self._players.get(player_id)
        if player is None:
            raise NotFound("There is no such player.")
        return self._change(player, username, changes, request_id)

    def resolve(self, name: PlayerName) -> UUID:
        """Return the id of the player with this name. Raises NotFound for an unknown external id."""
        if name.player_id is not None:
            return name.player_id
        assert name.external_id is not None
        player = self._players.find_external(name.external_id)
        if player is None:
            raise NotFound("There is no such player.")
        return player.id

    def known(self, names: Sequence[PlayerName]) -> list[UUID]:
        """Return the ids of players by these names; those with unknown external ids are left out."""
        players = self._players.named([name for name in names if name.external_id is not None])
        ids = [name.player_id or (players[name].id if name in players else None) for name in names]
        return [player_id for player_id in ids if player_id is not None]

    def sign_in(self, name: PlayerName) -> Login:
        """Sign the player in without a password. Raises NotFound, or Forbidden for an admin."""
        player = self._players.get(self.resolve(name))
        if player is None:
            raise NotFound("There is no such player.")
        _refuse_admin(player)
        return self._accounts.open_login(player)

    def _create(self, external_id: str, username: str | None, changes: Mapping[str, str | None]) -> GamePlayer:
        if username is None:
            raise InvalidRequest.field("username", "is required for a new player")
        self._rules.check_new(username)
        with self._db.transaction() as connection:
            player = self._players.add_on(
                connection, uuid4(), username, username_key(username), None, "player", skeletons(username), external_id
            )
            attributes = self._attributes.set_first(connection, player.id, changes)
        return GamePlayer(player, attributes, is_new=True)

    def _change(
        self, player: Player, username: str | None, changes: Mapping[str, str | None], request_id: str
    ) -> GamePlayer:
        _refuse_admin(player)
        is_renamed = username is not None and username != player.username
        if is_renamed and username is not None:
            self._rules.check_new(username)
        with self._db.transaction() as connection:
            attributes, changed_names = self._attributes.change_in(connection, player.id, changes, request_id)
            if is_renamed and username is not None:
                player = self._renames.rename_in(connection, player.id, username, request_id)
        if is_renamed or changed_names:
            log.info("player_changed", player_id=str(player.id), renamed=is_renamed, attributes=changed_names)
            self._attributes.wake_relay()
        return GamePlayer(player, attributes, is_new=False)


def _refuse_admin(player: Player) -> None:
    if player.role == "admin":
        raise Forbidden("This player is an admin, whom no key changes or signs in.")
