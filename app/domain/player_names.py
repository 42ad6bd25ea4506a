"""How a game's server names a player: by our id, or by its own id of the player."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

EXTERNAL = "ext:"
MOST_CHARACTERS = 255
_ID_LENGTH = 36


@dataclass(frozen=True, slots=True)
class PlayerName:
    """One of the two ids: `player_id` is ours, `external_id` the game's."""

    player_id: UUID | None = None
    external_id: str | None = None


def player_name(text: str) -> PlayerName:
    """Return the name that is a player's id, or `ext:` and an external id. Raises ValueError with the form."""
    if text.startswith(EXTERNAL):
        return PlayerName(external_id=check_external_id(text.removeprefix(EXTERNAL)))
    try:
        if len(text) == _ID_LENGTH:
            return PlayerName(player_id=UUID(text))
    except ValueError:
        pass
    raise ValueError(f"must be the id of a player, or {EXTERNAL} and your own id of the player")


def check_external_id(text: str) -> str:
    """Return a game's own id of a player. Raises ValueError with the rule."""
    if not 1 <= len(text) <= MOST_CHARACTERS or not text.isprintable():
        raise ValueError(f"must have 1 to {MOST_CHARACTERS} printable characters")
    return text
