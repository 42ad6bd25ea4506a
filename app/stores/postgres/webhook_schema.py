"""The tables of webhooks."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from app.stores.postgres.schema import metadata as metadata
from app.stores.postgres.schema import moment

# A subscription to `events` on `boards`, on all boards where that is empty. The secret signs, so it is stored as it is;
# after a rotation the one before it signs too, until `previous_until`. The receiver has refused or not answered since
# `failing_since`. A deleted one stays for the deliveries that refer to it.
webhooks = sa.Table(
    "webhooks",
    metadata,
    sa.Column("id", UUID(), primary_key=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("events", ARRAY(sa.Text), nullable=False),
    sa.Column("boards", ARRAY(sa.Text), nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("secret", sa.Text, nullable=False),
    sa.Column("previous_secret", sa.Text),
    moment("previous_until", nullable=True),
    moment("created_at", now=True),
    sa.Column("created_by", sa.Text, nullable=False),
    moment("failing_since", nullable=True),
    moment("deleted_at", nullable=True),
)

# One event for one webhook, with the body that is sent. `player_id` is the one player that the event is about. A sender
# that is at work on it holds a lease; `tries` are those since the last replay, and it is given up at `give_up_at`.
webhook_deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    sa.Column("id", UUID(), primary_key=True),
    sa.Column("webhook_id", UUID(), sa.ForeignKey("webhooks.id"), nullable=False),
    sa.Column("event_id", UUID(), nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("player_id", UUID()),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default="waiting"),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    moment("created_at", now=True),
    moment("next_attempt_at", nullable=True),
    moment("leased_until", nullable=True),
    moment("give_up_at"),
    moment("finished_at", nullable=True),
    sa.UniqueConstraint("webhook_id", "event_id"),
    sa.CheckConstraint("state in ('waiting', 'delivered', 'failed')", name="state"),
    sa.Index(
        "ix_webhook_deliveries_due", "webhook_id", "next_attempt_at", postgresql_where=sa.text("state = 'waiting'")
    ),
    sa.Index("ix_webhook_deliveries_leased", "webhook_id", postgresql_where=sa.text("leased_until IS NOT NULL")),
    sa.Index("ix_webhook_deliveries_player_id", "player_id", postgresql_where=sa.text("player_id IS NOT NULL")),
    sa.Index("ix_webhook_deliveries_listed", "webhook_id", "created_at", "id"),
    sa.Index("ix_webhook_deliveries_created_at", "created_at"),
)

# Each call of a receiver: its status, or the kind of error without one, and how the receiver's refusal begins.
webhook_attempts = sa.Table(
    "webhook_attempts",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("delivery_id", UUID(), sa.ForeignKey("webhook_deliveries.id", ondelete="CASCADE"), nullable=False),
    moment("at"),
    sa.Column("ms", sa.Integer, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("error", sa.Text),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Index("ix_webhook_attempts_delivery_id", "delivery_id", "id"),
)

# The first place of each season as it was last looked at, while a webhook waits for record.set; null: nobody had it.
# `score` is as standings have it.
webhook_leaders = sa.Table(
    "webhook_leaders",
    metadata,
    sa.Column("season_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("player_id", UUID()),
    sa.Column("score", sa.BigInteger),
)
