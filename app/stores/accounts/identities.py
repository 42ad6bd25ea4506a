"""People of an identity provider in PostgreSQL: which player each is, and the logins of their tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.domain.provider_claims import ProviderClaims
from app.stores.postgres.engine import Database


class PersonKnown(Exception):
    """The person is a player already."""


@dataclass(frozen=True, slots=True)
class OpenedLogin:
    """The player of a token's login; `is_new` if no request had opened it before."""

    player_id: UUID
    is_new: bool


class IdentityStore:
    """The `fingerprint` of issuer and subject is the key. It stays when a player is erased, and leads to nobody."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def status(self, fingerprint: str) -> str | None:
        """Return the status of the player who is this person; None for an unknown person."""
        row = self._db.row(
            "SELECT p.status FROM identities i JOIN players p ON p.id = i.player_id WHERE i.fingerprint = :fingerprint",
            fingerprint=fingerprint,
        )
        return row.status if row else None

    def add(self, connection: sa.Connection, claims: ProviderClaims, player_id: UUID) -> None:
        """Make a new player this person, within the caller's transaction. Raises PersonKnown."""
        try:
            connection.execute(
                sa.text(
                    """
                    INSERT INTO identities (fingerprint, issuer, subject, player_id)
                    VALUES (:fingerprint, :issuer, :subject, :player)
                    """
                ),
                {
                    "fingerprint": claims.fingerprint,
                    "issuer": claims.issuer,
                    "subject": claims.subject,
                    "player": player_id,
                },
            )
        except IntegrityError as error:
            if isinstance(error.orig, psycopg.errors.UniqueViolation):
                raise PersonKnown() from None
            raise

    def open_login(
        self, login_id: UUID, fingerprint: str, refresh_id: UUID, issued_at: datetime, expires_at: datetime
    ) -> OpenedLogin | None:
        """Open the login of a token, unless a request has opened it before; nobody gets its `refresh_id`.

        Return None for an unknown or erased person, and for a token that is older than the player's last sign-out
        everywhere. Such a sign-out locks the player first, so that it misses no login that is opened meanwhile.
        """
        row = self._db.row(
            """
            WITH person AS (
                SELECT p.id FROM players p JOIN identities i ON i.player_id = p.id
                WHERE i.fingerprint = :fingerprint AND p.status <> 'erased' AND (
                    i.tokens_from IS NULL OR i.tokens_from <= :issued OR EXISTS (SELECT FROM logins WHERE id = :login)
                )
                FOR SHARE
            ), opened AS (
                INSERT INTO logins (id, player_id, refresh_id, expires_at)
                SELECT :login, id, :refresh, :expires FROM person
                ON CONFLICT (id) DO NOTHING RETURNING id
            )
            SELECT person.id AS player_id, EXISTS (SELECT FROM opened) AS is_new FROM person
            """,
            fingerprint=fingerprint,
            login=login_id,
            refresh=refresh_id,
            issued=issued_at,
            expires=expires_at,
        )
        return OpenedLogin(row.player_id, row.is_new) if row else None
