"""Expand: API keys, players of a game's own, and scores that its server enters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # These steps may be repeated, and the index is built beside writers: the table may have millions of rows.
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE players ADD COLUMN IF NOT EXISTS external_id text")
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS uq_players_external_id")  # an interrupted one is not valid
        waits = op.get_bind().execute(sa.text("SHOW lock_timeout")).scalar_one()
        op.execute("SET lock_timeout = 0")
        op.execute(
            "CREATE UNIQUE INDEX CONCURRENTLY uq_players_external_id ON players (external_id) "
            "WHERE external_id IS NOT NULL"
        )
        op.execute(f"SET lock_timeout = '{waits}'")
    op.add_column("score_events", sa.Column("api_key_id", sa.UUID()))
    op.create_table(
        "api_keys",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("public_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text), nullable=False),
        sa.Column("per_minute", sa.Integer),
        sa.Column("secret_hash", sa.Text, nullable=False),
        sa.Column("previous_hash", sa.Text),
        sa.Column("previous_until", sa.TIMESTAMP(timezone=True)),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("last_used_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("changed_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("revoked_at", sa.TIMESTAMP(timezone=True)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("public_id", name=op.f("uq_api_keys_public_id")),
        sa.CheckConstraint("per_minute > 0", name=op.f("ck_api_keys_per_minute")),
    )
    op.create_index(
        "uq_api_keys_name", "api_keys", ["name"], unique=True, postgresql_where=sa.text("revoked_at IS NULL")
    )
    op.create_table(
        "key_answers",
        sa.Column("api_key_id", sa.UUID(), nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("action_id", sa.UUID()),
        sa.Column("refusal", sa.JSON),
        sa.Column("ranks", postgresql.JSONB),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("api_key_id", "key", name=op.f("pk_key_answers")),
    )
    op.create_index("ix_key_answers_created_at", "key_answers", ["created_at"])


def downgrade() -> None:
    op.drop_table("key_answers")
    op.drop_table("api_keys")
    op.drop_column("score_events", "api_key_id")
    op.drop_index("uq_players_external_id", table_name="players")
    op.drop_column("players", "external_id")
