"""Replays: seasons that are filled beside those that players see, and seasons that keep the rules they ended with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("scoring", sa.Text),
        sa.Column("sort_order", sa.Text),
        sa.Column("fed_by", postgresql.ARRAY(sa.Integer)),
        sa.Column("replay_id", sa.UUID()),
        sa.Column("fills", sa.Text),
        sa.Column("replaced_by", sa.Integer),
    ):
        op.add_column("seasons", column)
    op.alter_column("seasons", "board_id", nullable=True)
    op.create_index("ix_seasons_replay_id", "seasons", ["replay_id"], postgresql_where=sa.text("replay_id IS NOT NULL"))
    op.create_table(
        "replays",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("state", sa.Text, server_default="running", nullable=False),
        sa.Column("plan", postgresql.JSONB(), nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("made_at", sa.TIMESTAMP(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False),
        sa.Column("finished_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("player_id", sa.UUID()),
        sa.Column("covered_id", sa.BigInteger),
        sa.Column("is_walked", sa.Boolean, server_default="false", nullable=False),
        sa.Column("standings", sa.BigInteger, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replays")),
        sa.CheckConstraint("state in ('running', 'switched', 'done', 'cancelled')", name=op.f("ck_replays_state")),
    )
    op.create_index(
        "uq_replays_unfinished",
        "replays",
        [sa.text("(true)")],
        unique=True,
        postgresql_where=sa.text("state in ('running', 'switched')"),
    )


def downgrade() -> None:
    op.drop_table("replays")
    op.execute(
        "DELETE FROM standings s USING seasons n WHERE n.id = s.season_id AND (n.board_id IS NULL OR number < 0)"
    )
    op.execute("DELETE FROM seasons WHERE board_id IS NULL")
    op.drop_index("ix_seasons_replay_id", table_name="seasons")
    op.alter_column("seasons", "board_id", nullable=False)
    for column_name in ("replaced_by", "fills", "replay_id", "fed_by", "sort_order", "scoring"):
        op.drop_column("seasons", column_name)
