"""What a username and a password must be."""

from __future__ import annotations

import unicodedata

USERNAME_LENGTH = (3, 32)
PASSWORD_LENGTH = (8, 256)


def username_of(text: str) -> str:
    """The username as it is kept: NFKC-normalised. Raises ValueError with what is wrong."""
    name = unicodedata.normalize("NFKC", text)
    if name != name.strip():
        raise ValueError("must not begin or end with a space")
    if not USERNAME_LENGTH[0] <= len(name) <= USERNAME_LENGTH[1]:
        raise ValueError(f"must have {USERNAME_LENGTH[0]} to {USERNAME_LENGTH[1]} characters")
    if not name.isprintable():
        raise ValueError("must have printable characters only")
    return name


def username_key(name: str) -> str:
    """What makes two usernames the same: normalised again after folding, since folding can undo it."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def check_password(text: str) -> str:
    """The password itself. Raises ValueError with what is wrong."""
    if not PASSWORD_LENGTH[0] <= len(text) <= PASSWORD_LENGTH[1]:
        raise ValueError(f"must have {PASSWORD_LENGTH[0]} to {PASSWORD_LENGTH[1]} characters")
    return text
