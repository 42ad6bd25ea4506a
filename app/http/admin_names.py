"""Players that operators name in queries and bodies: by username, by id, or by `ext:` and a game's own id."""

from __future__ import annotations

from app.domain.player_names import EXTERNAL, PlayerName, player_name
from app.errors import InvalidRequest
from app.http.services import container
from app.stores.accounts.players import Player


def player_of(name: PlayerName) -> Player:
    """Return the player of a path. Raises NotFound."""
    return container().accounts.find(str(container().game_players.resolve(name)))


def named_player(text: str, field: str = "player") -> Player:
    """Return the player of a field. Raises NotFound, InvalidRequest."""
    if not text.startswith(EXTERNAL):
        return container().accounts.find(text)
    try:
        return player_of(player_name(text))
    except ValueError as error:
        raise InvalidRequest.field(field, str(error)) from None
