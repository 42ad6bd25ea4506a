"""Expand: webhooks, their deliveries with every attempt, and the last known first place of each open season."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def _moment(name: str, *, nullable: bool = True, now: bool = False) -> sa.Column[object]:
    default = sa.func.clock_timestamp() if now else None
    return sa.Column(name, sa.TIMESTAMP(timezone=True), nullable=nullable, server_default=default)


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("events", postgresql.ARRAY(sa.Text), nullable=False),
        sa.Column("boards", postgresql.ARRAY(sa.Text), nullable=False),
        sa.Column("enabled", sa.Boolean, server_default="true", nullable=False),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("previous_secret", sa.Text),
        _moment("previous_until"),
        _moment("created_at", nullable=False, now=True),
        sa.Column("created_by", sa.Text, nullable=False),
        _moment("failing_since"),
        _moment("deleted_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("webhook_id", sa.UUID(), nullable=False),
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("player_id", sa.UUID()),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("state", sa.Text, server_default="waiting", nullable=False),
        sa.Column("tries", sa.Integer, server_default="0", nullable=False),
        _moment("created_at", nullable=False, now=True),
        _moment("next_attempt_at"),
        _moment("leased_until"),
        _moment("give_up_at", nullable=False),
        _moment("finished_at"),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name=op.f("fk_webhook_deliveries_webhook_id_webhooks")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
        sa.UniqueConstraint("webhook_id", "event_id", name=op.f("uq_webhook_deliveries_webhook_id_event_id")),
        sa.CheckConstraint("state in ('waiting', 'delivered', 'failed')", name=op.f("ck_webhook_deliveries_state")),
    )
    op.create_index(
        "ix_webhook_deliveries_due",
        "webhook_deliveries",
        ["webhook_id", "next_attempt_at"],
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "ix_webhook_deliveries_leased",
        "webhook_deliveries",
        ["webhook_id"],
        postgresql_where=sa.text("leased_until IS NOT NULL"),
    )
    op.create_index(
        "ix_webhook_deliveries_player_id",
        "webhook_deliveries",
        ["player_id"],
        postgresql_where=sa.text("player_id IS NOT NULL"),
    )
    op.create_index("ix_webhook_deliveries_listed", "webhook_deliveries", ["webhook_id", "created_at", "id"])
    op.create_index("ix_webhook_deliveries_created_at", "webhook_deliveries", ["created_at"])
    op.create_table(
        "webhook_attempts",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("delivery_id", sa.UUID(), nullable=False),
        _moment("at", nullable=False),
        sa.Column("ms", sa.Integer, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("error", sa.Text),
        sa.Column("answer", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["webhook_deliveries.id"],
            name=op.f("fk_webhook_attempts_delivery_id_webhook_deliveries"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_attempts")),
    )
    op.create_index("ix_webhook_attempts_delivery_id", "webhook_attempts", ["delivery_id", "id"])
    op.create_table(
        "webhook_leaders",
        sa.Column("season_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("player_id", sa.UUID()),
        sa.Column("score", sa.BigInteger),
        sa.PrimaryKeyConstraint("season_id", name=op.f("pk_webhook_leaders")),
    )


def downgrade() -> None:
    for table in ("webhook_leaders", "webhook_attempts", "webhook_deliveries", "webhooks"):
        op.drop_table(table)
