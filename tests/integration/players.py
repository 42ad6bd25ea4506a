"""Players that never sign in."""

from __future__ import annotations

from uuid import UUID, uuid4

from app.containers.container import Container
from app.domain.accounts import username_key


def add_player(container: Container, name: str) -> UUID:
    """Add a player whom no password signs in, and return the id. Hashing a password takes most of making an account."""
    return container.players.add(uuid4(), name, username_key(name), "no password fits this", "player").id
