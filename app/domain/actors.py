"""Who acts, as the audit log names them."""

from __future__ import annotations

from uuid import UUID

SYSTEM = "system"
"""What follows by itself, such as a suspension at `critical`."""


def operator(user: str) -> str:
    """Somebody on the flask command line, by the name of their account on that machine."""
    return f"cli:{user}"


def admin(player_id: UUID) -> str:
    """An admin over HTTP."""
    return f"player:{player_id}"
