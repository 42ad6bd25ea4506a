"""The names that a player may not choose: reserved ones, those of guests, and those with a blocked word."""

from __future__ import annotations

from app.domain.guest_names import is_guest_name
from app.domain.look_alikes import is_reserved
from app.errors import InvalidRequest, UsernameTaken
from app.stores.accounts.blocked_names import BlockedNameFile

_FIELD = "username"


class NameRules:
    """Checks names that are well-formed already. An operator is bound by none of these rules."""

    def __init__(self, blocked: BlockedNameFile) -> None:
        self._blocked = blocked

    def check_new(self, username: str) -> None:
        """Check the name of a new account. Raises UsernameTaken (reserved) or InvalidRequest (blocked)."""
        if is_reserved(username) or is_guest_name(username):
            raise UsernameTaken()
        self.check_blocked(username)

    def check_other(self, username: str) -> None:
        """Check the name that a player wants instead of the present one. Raises InvalidRequest for any of these."""
        if is_reserved(username) or is_guest_name(username):
            raise InvalidRequest.field(_FIELD, "is reserved; choose another one")
        self.check_blocked(username)

    def check_blocked(self, username: str) -> None:
        """Raise InvalidRequest for a name with a blocked word."""
        if self.is_blocked(username):
            raise InvalidRequest.field(_FIELD, "has a word that is not allowed here; choose another one")

    def is_blocked(self, username: str) -> bool:
        """Return whether the name has a blocked word."""
        return self._blocked.words().block(username)
