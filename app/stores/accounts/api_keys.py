"""API keys in PostgreSQL, and copies of them in Redis for every request."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.domain.api_keys import ApiKey, KeyCaller, KeySecrets
from app.errors import InvalidRequest
from app.stores.accounts.logins import LATELY_SECONDS
from app.stores.postgres.engine import Database
from app.stores.postgres.rows import Row, read_row
from app.stores.redis.client import Client, Scripts, direct_connection
from app.stores.redis.connection import Command, Reply

_COPY_SECONDS = LATELY_SECONDS // 2
_COLUMNS = """
    id, public_id, name, scopes, per_minute, created_at, created_by, last_used_at, previous_until, revoked_at
"""
_COPIED = """
    SELECT id, public_id, scopes, per_minute, secret_hash, previous_hash, extract(epoch FROM previous_until)::float
           AS previous_until, revoked_at IS NOT NULL AS is_revoked
    FROM api_keys
"""


@dataclass(frozen=True, slots=True)
class KeyCopy:
    """What a request needs of a key."""

    caller: KeyCaller
    secrets: KeySecrets


class ApiKeyStore:
    """Keys. The database decides; Redis has a copy that may be lost.

    A change overwrites the copy and a reader only fills a gap, so a slow reader never revives a key that was revoked.
    """

    def __init__(self, database: Database, client: Client, scripts: Scripts) -> None:
        self._db, self._scripts, self._direct = database, scripts, direct_connection(client)

    def add(
        self,
        connection: sa.Connection,
        key_id: UUID,
        public_id: str,
        digest: str,
        *,
        name: str,
        scopes: Sequence[str],
        per_minute: int | None,
        created_by: str,
    ) -> ApiKey:
        """Add a key and return it. Raises InvalidRequest if another one that is not revoked has the name."""
        values = {
            "id": key_id,
            "public_id": public_id,
            "digest": digest,
            "name": name,
            "scopes": list(scopes),
            "per_minute": per_minute,
            "by": created_by,
        }
        try:
            row = connection.execute(
                sa.text(
                    f"""
                    INSERT INTO api_keys (id, public_id, secret_hash, name, scopes, per_minute, created_by)
                    VALUES (:id, :public_id, :digest, :name, :scopes, :per_minute, :by) RETURNING {_COLUMNS}
                    """
                ),
                values,
            ).one()
        except IntegrityError as error:
            if isinstance(error.orig, psycopg.errors.UniqueViolation):
                raise InvalidRequest.field("name", "is the name of another key; revoke that one first") from None
            raise
        return read_row(row, ApiKey)

    def all(self) -> list[ApiKey]:
        """Return all keys, revoked ones too, the oldest first."""
        return [read_row(row, ApiKey) for row in self._db.rows(f"SELECT {_COLUMNS} FROM api_keys ORDER BY created_at")]

    def find(self, text: str) -> ApiKey | None:
        """Return the key with this id or public id, or the one with this name that is not revoked."""
        row = self._db.row(
            f"""
            SELECT {_COLUMNS} FROM api_keys
            WHERE id::text = :text OR public_id = :text OR name = :text AND revoked_at IS NULL
            ORDER BY id::text <> :text, public_id <> :text LIMIT 1
            """,
            text=text,
        )
        return read_row(row, ApiKey) if row else None

    def rotate(self, connection: sa.Connection, key_id: UUID, digest: str, grace_seconds: int) -> ApiKey | None:
        """Give the key another secret; the present one stays good for some time. Return None for a revoked key."""
        row = connection.execute(
            sa.text(
                f"""
                UPDATE api_keys SET secret_hash = :digest, changed_at = clock_timestamp(),
                       previous_hash = CASE WHEN :grace > 0 THEN secret_hash END,
                       previous_until = CASE WHEN :grace > 0 THEN clock_timestamp() + make_interval(secs => :grace) END
                WHERE id = :id AND revoked_at IS NULL RETURNING {_COLUMNS}
                """
            ),
            {"id": key_id, "digest": digest, "grace": grace_seconds},
        ).one_or_none()
        return read_row(row, ApiKey) if row else None

    def revoke(self, connection: sa.Connection, key_id: UUID) -> ApiKey | None:
        """Revoke the key and return it; None if it was revoked already."""
        row = connection.execute(
            sa.text(
                f"""
                UPDATE api_keys SET revoked_at = clock_timestamp(), changed_at = clock_timestamp()
                WHERE id = :id AND revoked_at IS NULL RETURNING {_COLUMNS}
                """
            ),
            {"id": key_id},
        ).one_or_none()
        return read_row(row, ApiKey) if row else None

    def copy(self, public_id: str) -> KeyCopy | None:
        """Return Redis's copy of a key, None for a gap."""
        return _read_copy(self._direct.call("MGET", _copy_key(public_id))[0])

    def load(self, public_id: str) -> KeyCopy | None:
        """Return the key from the database and fill the gap in Redis; None for an unknown one."""
        row = self._db.row(f"{_COPIED} WHERE public_id = :public_id", public_id=public_id)
        if row is None:
            return None
        self._scripts.run("fill_key", [_copy_key(public_id)], [_COPY_SECONDS, _copy_text(row)])
        return _copy(row)

    def note_use(self, key_id: UUID) -> None:
        """Store that the key is used now."""
        self._db.rows("UPDATE api_keys SET last_used_at = clock_timestamp() WHERE id = :id RETURNING id", id=key_id)

    def publish(self, key_id: UUID) -> None:
        """Overwrite Redis's copy with the key's present state, after a change was committed.

        The key stays locked meanwhile, so that no later change is overwritten.
        """
        with self._db.transaction() as connection:
            row = connection.execute(sa.text(f"{_COPIED} WHERE id = :id FOR SHARE"), {"id": key_id}).one()
            self._direct.write_durably("SET", _copy_key(row.public_id), _copy_text(row), "EX", _COPY_SECONDS)

    def correct_lately_changed(self) -> None:
        """Correct Redis's copies of the keys that were rotated or revoked in the last LATELY_SECONDS."""
        condition = "WHERE changed_at > now() - make_interval(secs => :seconds) FOR SHARE"
        with self._db.transaction() as connection:
            rows = connection.execute(sa.text(f"{_COPIED} {condition}"), {"seconds": LATELY_SECONDS}).all()
            commands: list[Command] = [
                ("SET", _copy_key(row.public_id), _copy_text(row), "XX", "KEEPTTL") for row in rows
            ]
            for answer in self._direct.call_together(commands) if commands else []:
                if isinstance(answer, Exception):
                    raise answer


def _copy_key(public_id: str) -> str:
    return f"apikey:{{{public_id}}}"


def _copy(row: Row) -> KeyCopy:
    return KeyCopy(
        KeyCaller(row.id, row.public_id, tuple(row.scopes), row.per_minute),
        KeySecrets(row.secret_hash, row.previous_hash, row.previous_until or 0.0, row.is_revoked),
    )


def _copy_text(row: Row) -> str:
    return json.dumps(
        {
            "key": [str(row.id), row.public_id, list(row.scopes), row.per_minute],
            "secrets": [row.secret_hash, row.previous_hash, row.previous_until or 0.0, row.is_revoked],
        },
        separators=(",", ":"),
    )


def _read_copy(text: Reply) -> KeyCopy | None:
    """Return the copy; None for a gap, or a value that another program wrote."""
    try:
        copy = json.loads(text or "")
        key_id, public_id, scopes, per_minute = copy["key"]
        return KeyCopy(KeyCaller(UUID(key_id), public_id, tuple(scopes), per_minute), KeySecrets(*copy["secrets"]))
    except (ValueError, TypeError, KeyError):
        return None
