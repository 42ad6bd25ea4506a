"""New passwords: by the player, by an operator, and with a one-time link that an operator makes."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from app.domain.accounts import username_key
from app.domain.passwords import check_password
from app.errors import Conflict, InvalidRequest, InvalidToken, NotFound, WrongPassword
from app.services.accounts.login_ends import LoginEnds
from app.services.accounts.password_hashing import PasswordHashing
from app.services.accounts.password_proof import PasswordProof
from app.services.accounts.sign_in_throttle import SignInThrottle
from app.stores.accounts.credentials import Credentials, CredentialStore
from app.stores.accounts.players import PlayerStore
from app.stores.moderation.audit import AuditStore
from app.stores.postgres.engine import Database

RESET_SECONDS = 86_400
MOST_RESET_SECONDS = 7 * 86_400
_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class ShownResetLink:
    """A link's token, which is shown this once and stored as a hash, and the time until which it is good."""

    player_id: UUID
    token: str
    expires_at: datetime


class PasswordChanges:
    """Each change ends the player's logins, and every reset link that was made before."""

    def __init__(
        self,
        database: Database,
        players: PlayerStore,
        credentials: CredentialStore,
        passwords: PasswordHashing,
        proof: PasswordProof,
        throttle: SignInThrottle,
        login_ends: LoginEnds,
        audit: AuditStore,
    ) -> None:
        self._db, self._players, self._credentials = database, players, credentials
        self._passwords, self._proof, self._throttle = passwords, proof, throttle
        self._login_ends, self._audit = login_ends, audit

    def change(self, player_id: UUID, login_id: UUID, current: str, new: str, address: str) -> None:
        """Change the player's own password, and end all other logins.

        Raises WrongPassword, SignInDelayed, InvalidRequest.
        """
        before = self._proof.check(player_id, current, address)
        new_hash = self._hash(new, before, "new")
        with self._db.transaction() as connection:
            now = self._lock(connection, player_id)
            if now.password_hash != before.password_hash and not self._passwords.matches(current, now.password_hash):
                raise WrongPassword()  # another request has changed it meanwhile
            login_ids = self._set(connection, player_id, new_hash, besides=login_id)
        self._login_ends.publish(player_id, login_ids)

    def set_by(self, actor: str, player_id: UUID, password: str, request_id: str) -> None:
        """Set a player's password for an operator, as an act in the audit log. Raises InvalidRequest, Conflict."""
        new_hash = self._hash(password, self._full_account(self._credentials.of(player_id)), "password")
        with self._db.transaction() as connection:
            self._full_account(self._lock(connection, player_id))
            login_ids = self._set(connection, player_id, new_hash)
            self._audit.append(connection, actor, "user.password_set", f"player:{player_id}", {}, request_id)
        self._login_ends.publish(player_id, login_ids)

    def make_reset_link(
        self, actor: str, player_id: UUID, request_id: str, seconds: int = RESET_SECONDS
    ) -> ShownResetLink:
        """Make the player's only link, as an act in the audit log. Raises InvalidRequest, NotFound, Conflict."""
        if not 60 <= seconds <= MOST_RESET_SECONDS:
            raise InvalidRequest.field("seconds", f"must be from 60 to {MOST_RESET_SECONDS}")
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        with self._db.transaction() as connection:
            self._full_account(self._lock(connection, player_id))
            link = self._credentials.put_reset_link(connection, player_id, _digest(token), seconds, actor)
            details = {"expires_at": link.expires_at}
            self._audit.append(connection, actor, "user.reset_link", f"player:{player_id}", details, request_id)
        return ShownResetLink(player_id, token, link.expires_at)

    def reset(self, token: str, password: str, address: str) -> None:
        """Set another password with a link's token, once, and end all logins.

        Raises InvalidToken, or InvalidRequest for a password that is not allowed: the link is good after that.
        """
        digest = _digest(token)
        player_id = self._credentials.player_of_reset_link(digest)
        credentials = self._credentials.of(player_id) if player_id else None
        if player_id is None or credentials is None:
            raise _no_such_link()
        new_hash = self._hash(password, credentials, "password")
        with self._db.transaction() as connection:
            self._lock(connection, player_id)
            if not self._credentials.use_reset_link(connection, player_id, digest):
                raise _no_such_link()
            login_ids = self._set(connection, player_id, new_hash)
        self._login_ends.publish(player_id, login_ids)
        self._throttle.remember(username_key(credentials.username), address)

    def _hash(self, password: str, credentials: Credentials, field: str) -> str:
        try:
            return self._passwords.hash(check_password(password, credentials.username))
        except ValueError as error:
            raise InvalidRequest.field(field, str(error)) from None

    def _lock(self, connection: sa.Connection, player_id: UUID) -> Credentials:
        self._players.lock(connection, player_id)
        credentials = self._credentials.of_locked(connection, player_id)
        if credentials is None:
            raise NotFound("There is no such player.")
        return credentials

    def _set(
        self, connection: sa.Connection, player_id: UUID, password_hash: str, besides: UUID | None = None
    ) -> list[UUID]:
        self._credentials.set_password(connection, player_id, password_hash)
        return self._login_ends.end_all(connection, player_id, "password changed", besides)

    @staticmethod
    def _full_account(credentials: Credentials | None) -> Credentials:
        if credentials is None:
            raise NotFound("There is no such player.")
        if credentials.is_guest:
            raise Conflict("A guest has no password. The player has to make the account a full one first.")
        return credentials


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _no_such_link() -> InvalidToken:
    return InvalidToken("This link was used already, has expired, or never was one. Ask for another one.")
