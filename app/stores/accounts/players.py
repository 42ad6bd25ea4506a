"""Accounts in PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.domain.player_names import PlayerName
from app.errors import UsernameTaken
from app.stores.boards.standing_locks import lock_standings
from app.stores.operations.webhook_outbox import note_rename, note_status
from app.stores.postgres.engine import Database
from app.stores.postgres.rows import Row

_COLUMNS = "id, username, role, status, created_at, is_guest, password_hash <> '!' AS has_password"
_IS_THERE = "status <> 'erased'"
NO_PASSWORD = "!"  # noqa: S105 - no hash, so that no password matches it, in processes of earlier versions either


class ExternalIdTaken(Exception):
    """Another player has this external id."""


@dataclass(frozen=True, slots=True)
class Player:
    """An account without its password hash, which stays in the store."""

    id: UUID
    username: str
    role: str
    status: str
    created_at: datetime
    is_guest: bool = False
    has_password: bool = True


@dataclass(frozen=True, slots=True)
class NamedPlayer:
    """A player that a game's server names."""

    id: UUID
    is_active: bool


def _player(row: Row) -> Player:
    return Player(row.id, row.username, row.role, row.status, row.created_at, row.is_guest, row.has_password)


class PlayerStore:
    """Accounts. `key` is the folded username: two names with the same key are the same name."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(
        self, player_id: UUID, username: str, key: str, password_hash: str, role: str, skeletons: Sequence[str] = ()
    ) -> Player:
        """Add an account and return it. Raises `UsernameTaken` if another one has the key or one of the skeletons."""
        with self._db.statement() as connection:
            return self.add_on(connection, player_id, username, key, password_hash, role, skeletons)

    def add_on(
        self,
        connection: sa.Connection,
        player_id: UUID,
        username: str,
        key: str,
        password_hash: str | None,
        role: str,
        skeletons: Sequence[str] = (),
        external_id: str | None = None,
        *,
        is_guest: bool = False,
    ) -> Player:
        """Add an account as `add` does, within the caller's transaction. Raises `ExternalIdTaken`, too."""
        try:
            row = connection.execute(
                sa.text(
                    f"""
                    WITH player AS (
                        INSERT INTO players (id, username, username_key, password_hash, role, external_id, is_guest)
                        VALUES (:id, :username, :key, :password_hash, :role, :external, :guest) RETURNING *
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
                    "password_hash": NO_PASSWORD if password_hash is None else password_hash,
                    "external": external_id,
                    "guest": is_guest,
                    "role": role,
                    "skeletons": sorted(skeletons),  # in the same order for all, so that no two deadlock
                },
            ).one()
        except IntegrityError as error:
            if isinstance(error.orig, psycopg.errors.UniqueViolation):
                is_external = error.orig.diag.constraint_name == "uq_players_external_id"
                raise (ExternalIdTaken() if is_external else UsernameTaken()) from None
            raise
        return _player(row)

    def get(self, player_id: UUID) -> Player | None:
        """Return the account with this id, or `None`, also for one that was erased."""
        row = self._db.row(f"SELECT {_COLUMNS} FROM players WHERE id = :id AND {_IS_THERE}", id=player_id)
        return _player(row) if row else None

    def get_on(self, connection: sa.Connection, player_id: UUID) -> Player | None:
        """Return the account as `get` does, within the caller's transaction."""
        statement = sa.text(f"SELECT {_COLUMNS} FROM players WHERE id = :id AND {_IS_THERE}")
        row = connection.execute(statement, {"id": player_id}).one_or_none()
        return _player(row) if row else None

    def external_id(self, player_id: UUID) -> str | None:
        """Return the game's own id of a player; `None` for a player without one."""
        row = self._db.row("SELECT external_id FROM players WHERE id = :id", id=player_id)
        return row.external_id if row else None

    def find_external(self, external_id: str) -> Player | None:
        """Return the player with this external id, or `None`."""
        row = self._db.row(f"SELECT {_COLUMNS} FROM players WHERE external_id = :external", external=external_id)
        return _player(row) if row else None

    def named(self, names: Collection[PlayerName]) -> dict[PlayerName, NamedPlayer]:
        """Return the players with these names; unknown ones are left out."""
        ids = [name.player_id for name in names if name.player_id is not None]
        external_ids = [name.external_id for name in names if name.external_id is not None]
        players: dict[PlayerName, NamedPlayer] = {}
        if ids:
            for row in self._db.rows(f"SELECT id, status FROM players WHERE id = ANY(:ids) AND {_IS_THERE}", ids=ids):
                players[PlayerName(player_id=row.id)] = NamedPlayer(row.id, row.status == "active")
        if external_ids:
            statement = "SELECT id, status, external_id FROM players WHERE external_id = ANY(:ids)"
            for row in self._db.rows(statement, ids=external_ids):
                players[PlayerName(external_id=row.external_id)] = NamedPlayer(row.id, row.status == "active")
        return players

    def rename(
        self, connection: sa.Connection, player_id: UUID, username: str, key: str, skeletons: Sequence[str]
    ) -> Player:
        """Give a player another name. Raises `UsernameTaken` as `add` does. The caller has locked the player."""
        connection.execute(sa.text("DELETE FROM username_skeletons WHERE player_id = :id"), {"id": player_id})
        values = {"id": player_id, "username": username, "key": key, "skeletons": sorted(skeletons)}
        try:
            row = connection.execute(
                sa.text(
                    f"""
                    WITH player AS (
                        UPDATE players SET username = :username, username_key = :key WHERE id = :id RETURNING *
                    ), skeletons AS (
                        INSERT INTO username_skeletons (skeleton, player_id)
                        SELECT unnest(CAST(:skeletons AS text[])), id FROM player
                    )
                    SELECT {_COLUMNS}, (SELECT username FROM players WHERE id = :id) AS previous FROM player
                    """
                ),
                values,
            ).one()
        except IntegrityError as error:
            if isinstance(error.orig, psycopg.errors.UniqueViolation):
                raise UsernameTaken() from None
            raise
        if row.previous != username:
            note_rename(connection, player_id, row.previous)
        return _player(row)

    def find(self, *keys: str) -> tuple[Player, str | None] | None:
        """Return the account of the first of these keys that is in use, or `None`.

        It comes with its password hash, None for a player without a password.
        """
        row = self._db.row(
            f"""
            SELECT {_COLUMNS}, password_hash FROM players
            WHERE username_key = ANY(CAST(:keys AS text[])) AND {_IS_THERE}
            ORDER BY array_position(CAST(:keys AS text[]), username_key) LIMIT 1
            """,
            keys=list(keys),
        )
        if row is None:
            return None
        return _player(row), None if row.password_hash == NO_PASSWORD else row.password_hash

    def page(self, *, status: str | None, prefix: str, limit: int, after: UUID | None = None) -> list[Player]:
        """Return at most `limit` accounts by name, with this status (`None`: any) and this prefix of the key.

        With `after` only those that follow this account.
        """
        rows = self._db.rows(
            f"""
            SELECT {_COLUMNS} FROM players
            WHERE (CAST(:status AS text) IS NULL OR status = :status) AND starts_with(username_key, :prefix)
            AND (
                CAST(:after AS uuid) IS NULL OR username_key > (SELECT username_key FROM players WHERE id = :after)
            )
              AND {_IS_THERE}
            ORDER BY username_key LIMIT :limit
            """,
            status=status,
            prefix=prefix,
            limit=limit,
            after=after,
        )
        return [_player(row) for row in rows]

    def set_role(self, connection: sa.Connection, player_id: UUID, role: str) -> bool:
        """Make the account a player or an admin; return False if it had that role already."""
        result = connection.execute(
            sa.text("UPDATE players SET role = :role WHERE id = :id AND role <> :role"), {"id": player_id, "role": role}
        )
        return bool(result.rowcount)

    def lock(self, connection: sa.Connection, player_id: UUID) -> None:
        """Lock all that is held against the player until the transaction ends. Take this lock before all others."""
        connection.execute(sa.text("SELECT FROM players WHERE id = :id FOR NO KEY UPDATE"), {"id": player_id})

    def lock_standings(self, connection: sa.Connection, player_id: UUID) -> None:
        """Lock all standings of the player until the transaction ends."""
        lock_standings(connection, player_id)

    def touch(self, connection: sa.Connection, player_id: UUID) -> None:
        """Lock as `lock` does, and mark the player as lately changed: a Redis that missed the change is corrected."""
        statement = sa.text("UPDATE players SET status_at = clock_timestamp() WHERE id = :id")
        connection.execute(statement, {"id": player_id})

    def lately_changed(self, connection: sa.Connection, seconds: float) -> list[tuple[UUID, str]]:
        """Return (id, status) of players with a decision in the last `seconds`, locked until the transaction ends."""
        rows = connection.execute(
            sa.text(
                """
                SELECT id, status FROM players WHERE status_at > now() - make_interval(secs => :seconds) FOR SHARE
                """
            ),
            {"seconds": seconds},
        )
        return [(row.id, row.status) for row in rows]

    def set_status(self, connection: sa.Connection, player_id: UUID, status: str) -> bool:
        """Suspend or reinstate the player; return False if they had that status already, or were erased.

        See `update_listings`.
        """
        changed_rows = connection.execute(
            sa.text(
                """
                UPDATE players SET status = :status, status_at = clock_timestamp()
                WHERE id = :id AND status <> :status AND status <> 'erased'
                """
            ),
            {"id": player_id, "status": status},
        ).rowcount
        if changed_rows:
            note_status(connection, player_id, status)
        return bool(changed_rows)

    def update_listings(self, connection: sa.Connection, player_id: UUID) -> list[int]:
        """List each of the player's standings on its board if the player is active, and unlist it otherwise.

        Each is a change of its own. Return the seasons in which it changed, for `OutboxStore.add_standings`.
        """
        seasons = connection.execute(
            sa.text(
                """
                WITH mislisted AS (
                    SELECT s.season_id FROM standings s JOIN players p ON p.id = s.player_id
                    WHERE s.player_id = :id AND s.listed <> (p.status = 'active') ORDER BY s.season_id FOR UPDATE OF s
                )
                UPDATE standings s SET listed = NOT s.listed, changes = changes + 1 FROM mislisted
                WHERE s.season_id = mislisted.season_id AND s.player_id = :id RETURNING s.season_id
                """
            ),
            {"id": player_id},
        ).scalars()
        return list(seasons)
