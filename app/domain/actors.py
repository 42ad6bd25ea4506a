"""The names of actors in the audit log."""

from __future__ import annotations

from uuid import UUID

SYSTEM = "system"
"""The actor of automatic acts, such as a suspension at `critical`."""


def operator(user: str) -> str:
    """Return the actor for a user of the flask command line, by the name of their account on that machine."""
    return f"cli:{user}"


def admin(player_id: UUID) -> str:
    """Return the actor for an admin over HTTP."""
    return f"player:{player_id}"


def key(key_id: UUID) -> str:
    """Return the actor for an API key of a game's own server."""
    return f"key:{key_id}"
