"""Webhooks: the subscriptions of receivers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

import sqlalchemy as sa

from app.domain.webhooks import Webhook
from app.stores.postgres.engine import Database
from app.stores.postgres.rows import read_row

_COLUMNS = """
    id, url, events, boards, enabled, created_at, created_by,
    CASE WHEN previous_until > clock_timestamp() THEN previous_until END AS previous_until, failing_since
"""
_WEBHOOKS = f"SELECT {_COLUMNS} FROM webhooks WHERE deleted_at IS NULL"


class WebhookStore:
    """Subscriptions that are not deleted. Writes take the caller's connection."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def all(self) -> list[Webhook]:
        """Return all webhooks, the oldest first."""
        return [read_row(row, Webhook) for row in self._db.rows(f"{_WEBHOOKS} ORDER BY created_at, id")]

    def enabled(self) -> list[Webhook]:
        """Return the webhooks that get events."""
        return [read_row(row, Webhook) for row in self._db.rows(f"{_WEBHOOKS} AND enabled ORDER BY created_at, id")]

    def any_enabled(self) -> bool:
        """Return whether any webhook gets events."""
        row = self._db.row("SELECT EXISTS (SELECT FROM webhooks WHERE enabled AND deleted_at IS NULL) AS any")
        return row is not None and bool(row.any)

    def get(self, webhook_id: UUID) -> Webhook | None:
        """Return a webhook, None for one that doesn't exist or was deleted."""
        row = self._db.row(f"{_WEBHOOKS} AND id = :id", id=webhook_id)
        return read_row(row, Webhook) if row else None

    def lock(self, connection: sa.Connection) -> list[Webhook]:
        """Let no other transaction add or change a webhook until this one ends; return all."""
        connection.execute(sa.text("LOCK TABLE webhooks IN SHARE ROW EXCLUSIVE MODE"))
        return [read_row(row, Webhook) for row in connection.execute(sa.text(f"{_WEBHOOKS} ORDER BY created_at, id"))]

    def add(
        self,
        connection: sa.Connection,
        webhook_id: UUID,
        *,
        url: str,
        events: Sequence[str],
        boards: Sequence[str],
        secret: str,
        created_by: str,
    ) -> Webhook:
        """Add an enabled webhook and return it."""
        row = connection.execute(
            sa.text(
                f"""
                INSERT INTO webhooks (id, url, events, boards, secret, created_by)
                VALUES (:id, :url, :events, :boards, :secret, :by) RETURNING {_COLUMNS}
                """
            ),
            {
                "id": webhook_id,
                "url": url,
                "events": list(events),
                "boards": list(boards),
                "secret": secret,
                "by": created_by,
            },
        ).one()
        return read_row(row, Webhook)

    def change(self, connection: sa.Connection, webhook_id: UUID, values: Mapping[str, object]) -> Webhook:
        """Set `url`, `events`, `boards` or `enabled`, those of them that are given; return the webhook."""
        columns = ", ".join(f"{name} = :{name}" for name in ("url", "events", "boards", "enabled") if name in values)
        row = connection.execute(
            sa.text(f"UPDATE webhooks SET {columns} WHERE id = :id RETURNING {_COLUMNS}"), {**values, "id": webhook_id}
        ).one()
        return read_row(row, Webhook)

    def rotate(self, connection: sa.Connection, webhook_id: UUID, secret: str, grace_seconds: int) -> Webhook | None:
        """Give the webhook another secret; the one before signs too for some time. Return None for a deleted one."""
        row = connection.execute(
            sa.text(
                f"""
                UPDATE webhooks SET secret = :secret,
                       previous_secret = CASE WHEN :grace > 0 THEN secret END,
                       previous_until = CASE WHEN :grace > 0 THEN clock_timestamp() + make_interval(secs => :grace) END
                WHERE id = :id AND deleted_at IS NULL RETURNING {_COLUMNS}
                """
            ),
            {"id": webhook_id, "secret": secret, "grace": grace_seconds},
        ).one_or_none()
        return read_row(row, Webhook) if row else None

    def delete(self, connection: sa.Connection, webhook_id: UUID) -> None:
        """Delete a webhook and its secrets. Its row stays, for the deliveries that refer to it."""
        connection.execute(
            sa.text(
                """
                UPDATE webhooks SET deleted_at = clock_timestamp(), secret = '', previous_secret = NULL
                WHERE id = :id AND deleted_at IS NULL
                """
            ),
            {"id": webhook_id},
        )
