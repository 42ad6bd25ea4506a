"""Accounts in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.errors import UsernameTaken
from app.stores.postgres.engine import Database

_COLUMNS = "id, username, role, status, created_at"


@dataclass(frozen=True, slots=True)
class Player:
    """An account; the password hash stays in the store."""

    id: UUID
    username: str
    role: str
    status: str
    created_at: datetime


def _player(row: sa.Row[Any]) -> Player:
    return Player(row.id, row.username, row.role, row.status, row.created_at)


class PlayerStore:
    """`key` is the folded username that makes two names the same."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(
        self, player_id: UUID, username: str, key: str, password_hash: str, role: str, skeletons: Sequence[str] = ()
    ) -> Player:
        """Add an account. Raises UsernameTaken if another one has the key or one of the skeletons."""
        with self._db.statement() as connection:
            return self.add_on(connection, player_id, username, key, password_hash, role, skeletons)

    @staticmethod
    def add_on(
        connection: sa.Connection,
        player_id: UUID,
        username: str,
        key: str,
        password_hash: str,
        role: str,
        skeletons: Sequence[str] = (),
    ) -> Player:
        """As `add`, within the caller's transaction."""
        try:
            row = connection.execute(
                sa.text(
                    f"""
                    WITH player AS (
                        INSERT INTO players (id, username, username_key, password_hash, role)
                        VALUES (:id, :username, :key, :password_hash, :role) RETURNING {_COLUMNS}
                    ), skeletons AS (
                        INSERT INTO username_skeletons (skeleton, player_id)
                        SELECT unnest(CAST(:skeletons AS text[])), id FROM player
                    )
                    SELECT {_COLUMNS} FROM player
                    """
                ),
                {
                    "id": player_id,
                    "username": username,
                    "key": key,
                    "password_hash": password_hash,
                    "role": role,
                    "skeletons": sorted(skeletons),  # in one order for all, so that no two wait for each other
                },
            ).one()
        except IntegrityError:
            raise UsernameTaken() from None
        return _player(row)

    def get(self, player_id: UUID) -> Player | None:
        """One account by its id."""
        row = self._db.row(f"SELECT {_COLUMNS} FROM players WHERE id = :id", id=player_id)
        return _player(row) if row else None

    def named(self, *keys: str) -> tuple[Player, str] | None:
        """Return the account that has the first of these keys which anybody has, with the password hash."""
        row = self._db.row(
            f"""
            SELECT {_COLUMNS}, password_hash FROM players WHERE username_key = ANY(CAST(:keys AS text[]))
            ORDER BY array_position(CAST(:keys AS text[]), username_key) LIMIT 1
            """,
            keys=list(keys),
        )
        return (_player(row), row.password_hash) if row else None

    def page(self, *, status: str | None, prefix: str, limit: int) -> list[Player]:
        """Accounts by name, at most `limit`."""
        rows = self._db.rows(
            f"""
            SELECT {_COLUMNS} FROM players
            WHERE (CAST(:status AS text) IS NULL OR status = :status) AND starts_with(username_key, :prefix)
            ORDER BY username_key LIMIT :limit
            """,
            status=status,
            prefix=prefix,
            limit=limit,
        )
        return [_player(row) for row in rows]

    @staticmethod
    def set_role(connection: sa.Connection, player_id: UUID, role: str) -> bool:
        """Make somebody a player or an admin; False when that is how it was already."""
        changed = connection.execute(
            sa.text("UPDATE players SET role = :role WHERE id = :id AND role <> :role"), {"id": player_id, "role": role}
        )
        return bool(changed.rowcount)

    def set_password_hash(self, player_id: UUID, password_hash: str) -> None:
        """Keep a stronger hash of the same password."""
        self._db.rows(
            "UPDATE players SET password_hash = :hash WHERE id = :id RETURNING id",
            id=player_id,
            hash=password_hash,
        )

    @staticmethod
    def lock(connection: sa.Connection, player_id: UUID) -> None:
        """Nobody else changes what is held against the player until the transaction ends. Before all other locks."""
        connection.execute(sa.text("SELECT FROM players WHERE id = :id FOR NO KEY UPDATE"), {"id": player_id})

    @staticmethod
    def touch(connection: sa.Connection, player_id: UUID) -> None:
        """As `lock`; and the player counts as lately changed, so that a Redis that misses this is told later."""
        touched = sa.text("UPDATE players SET status_at = clock_timestamp() WHERE id = :id")
        connection.execute(touched, {"id": player_id})

    @staticmethod
    def lately_changed(connection: sa.Connection, seconds: float) -> list[tuple[UUID, str]]:
        """Whom somebody decided on in the last `seconds`, and their status; it stays so until the transaction ends."""
        rows = connection.execute(
            sa.text(
                """
                SELECT id, status FROM players WHERE status_at > now() - make_interval(secs => :seconds) FOR SHARE
                """
            ),
            {"seconds": seconds},
        )
        return [(row.id, row.status) for row in rows]

    @staticmethod
    def set_status(connection: sa.Connection, player_id: UUID, status: str) -> bool:
        """Suspend or reinstate; False when that is how it was already.

        The player's standings leave or join the boards with it, each as a change of its own.
        """
        changed = connection.execute(
            sa.text(
                """
                UPDATE players SET status = :status, status_at = clock_timestamp()
                WHERE id = :id AND status <> :status
                """
            ),
            {"id": player_id, "status": status},
        ).rowcount
        PlayerStore.list_again(connection, player_id)
        return bool(changed)

    @staticmethod
    def list_again(connection: sa.Connection, player_id: UUID) -> None:
        """Each standing is on its board as the player's status says, or is not."""
        connection.execute(
            sa.text(
                """
                UPDATE standings s SET listed = (p.status = 'active'), changes = changes + 1 FROM players p
                WHERE p.id = :id AND s.player_id = p.id AND s.listed <> (p.status = 'active')
                """
            ),
            {"id": player_id},
        )
