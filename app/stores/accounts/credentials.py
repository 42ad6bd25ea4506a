"""Passwords of players, the links that reset them, and the times of new names, in PostgreSQL.

Writes take the caller's connection, whose transaction has locked the player.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from app.stores.postgres.engine import Database


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a player signs in with; `password_hash` is None for a player without a password."""

    username: str
    role: str
    status: str
    is_guest: bool
    password_hash: str | None


@dataclass(frozen=True, slots=True)
class ResetLink:
    """A link that was made, without its token."""

    player_id: UUID
    expires_at: datetime


class CredentialStore:
    """What players prove themselves by."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def of(self, player_id: UUID) -> Credentials | None:
        """Return the player's credentials, None for an unknown or erased player."""
        with self._db.statement() as connection:
            return self.of_locked(connection, player_id)

    def of_locked(self, connection: sa.Connection, player_id: UUID) -> Credentials | None:
        """Return the credentials as `of` does, within the caller's transaction."""
        row = connection.execute(
            sa.text(
                """
                SELECT username, role, status, is_guest, nullif(password_hash, '!') AS password_hash
                FROM players WHERE id = :player AND status <> 'erased'
                """
            ),
            {"player": player_id},
        ).one_or_none()
        return Credentials(*row) if row else None

    def improve_hash(self, player_id: UUID, old_hash: str, new_hash: str) -> None:
        """Store a stronger hash of the same password, unless the password was changed meanwhile."""
        self._db.rows(
            "UPDATE players SET password_hash = :new WHERE id = :player AND password_hash = :old RETURNING id",
            player=player_id,
            old=old_hash,
            new=new_hash,
        )

    def set_password(self, connection: sa.Connection, player_id: UUID, password_hash: str) -> None:
        """Store the hash of another password: no reset link is good any more, and a guest is a guest no longer."""
        connection.execute(
            sa.text("UPDATE players SET password_hash = :hash, is_guest = false WHERE id = :player"),
            {"player": player_id, "hash": password_hash},
        )
        connection.execute(sa.text("DELETE FROM reset_links WHERE player_id = :player"), {"player": player_id})

    def put_reset_link(
        self, connection: sa.Connection, player_id: UUID, token_hash: str, seconds: int, made_by: str
    ) -> ResetLink:
        """Store a link that is good for so many seconds, in place of the player's link of before."""
        expires_at = connection.execute(
            sa.text(
                """
                INSERT INTO reset_links (player_id, token_hash, expires_at, made_by)
                VALUES (:player, :hash, clock_timestamp() + make_interval(secs => :seconds), :by)
                ON CONFLICT (player_id) DO UPDATE SET token_hash = excluded.token_hash,
                    created_at = clock_timestamp(), expires_at = excluded.expires_at, made_by = excluded.made_by
                RETURNING expires_at
                """
            ),
            {"player": player_id, "hash": token_hash, "seconds": seconds, "by": made_by},
        ).scalar_one()
        return ResetLink(player_id, expires_at)

    def player_of_reset_link(self, token_hash: str) -> UUID | None:
        """Return the player whose link has this token and has not expired, or `None`."""
        row = self._db.row(
            "SELECT player_id FROM reset_links WHERE token_hash = :hash AND expires_at > clock_timestamp()",
            hash=token_hash,
        )
        return row.player_id if row else None

    def use_reset_link(self, connection: sa.Connection, player_id: UUID, token_hash: str) -> bool:
        """Delete the link; return False if it was used, replaced or over already."""
        rows = connection.execute(
            sa.text(
                """
                DELETE FROM reset_links
                WHERE player_id = :player AND token_hash = :hash AND expires_at > clock_timestamp()
                """
            ),
            {"player": player_id, "hash": token_hash},
        ).rowcount
        return bool(rows)

    def seconds_until_rename(self, connection: sa.Connection, player_id: UUID, interval: int) -> float:
        """Return the seconds until the player may choose another name again; 0 or less: at once."""
        seconds = connection.execute(
            sa.text(
                """
                SELECT extract(epoch FROM renamed_at + make_interval(secs => :interval) - clock_timestamp())::float
                FROM players WHERE id = :player
                """
            ),
            {"player": player_id, "interval": interval},
        ).scalar_one_or_none()
        return float(seconds or 0)

    def note_rename(self, connection: sa.Connection, player_id: UUID) -> None:
        """Store that the player has chosen another name now."""
        connection.execute(
            sa.text("UPDATE players SET renamed_at = clock_timestamp() WHERE id = :player"), {"player": player_id}
        )
