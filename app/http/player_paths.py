"""Names in paths: slugs, and players by an id or by `ext:` and the game's own id, which may have slashes."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from flask import g
from werkzeug.routing import BaseConverter, UUIDConverter, ValidationError

from app.domain.action_types import SLUG
from app.domain.player_names import EXTERNAL, PlayerName, player_name
from app.errors import NotFound
from app.http.services import container


class SlugConverter(BaseConverter):
    """The converter of parts without a named one: the slugs of boards and action types; any other text is a 404."""

    regex = SLUG.pattern.replace("(", "(?:")


class PlayerConverter(BaseConverter):
    """The converter `player` of routes; any other text is a 404."""

    part_isolating = False
    regex = rf"{UUIDConverter.regex}|{EXTERNAL}.+"

    def to_python(self, value: str) -> PlayerName:
        """Return the name. Raises ValidationError."""
        try:
            return player_name(value)
        except ValueError:
            raise ValidationError() from None


def resolve(name: PlayerName) -> UUID:
    """Return the id of the player with this name. Raises NotFound; external ids exist only for callers with a key."""
    if name.player_id is None and g.get("api_key") is None:
        raise NotFound("There is no such player.")
    return container().game_players.resolve(name)


def resolve_known(names: Sequence[PlayerName]) -> list[UUID]:
    """Return the ids of the players with these names; unknown ones are left out, as are external ids without a key."""
    is_keyed = g.get("api_key") is not None
    return container().game_players.known([name for name in names if is_keyed or name.player_id is not None])
