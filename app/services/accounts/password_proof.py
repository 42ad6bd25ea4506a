"""The proof that the caller knows a signed-in player's password, for changes that a stolen token must not make."""

from __future__ import annotations

from uuid import UUID

from app.domain.accounts import username_key
from app.errors import NotFound, WrongPassword
from app.services.accounts.password_hashing import PasswordHashing
from app.services.accounts.sign_in_throttle import SignInThrottle
from app.stores.accounts.credentials import Credentials, CredentialStore


class PasswordProof:
    """Wrong passwords count like failed sign-ins: whoever has a token can't guess faster than without one."""

    def __init__(self, credentials: CredentialStore, passwords: PasswordHashing, throttle: SignInThrottle) -> None:
        self._credentials, self._passwords, self._throttle = credentials, passwords, throttle

    def check(self, player_id: UUID, password: str, address: str) -> Credentials:
        """Return the player's credentials. Raises WrongPassword, also without any password, SignInDelayed, NotFound."""
        credentials = self._credentials.of(player_id)
        if credentials is None:
            raise NotFound()
        with self._throttle.attempt(username_key(credentials.username), address):
            if not self._passwords.matches(password, credentials.password_hash):
                raise WrongPassword()
        return credentials
