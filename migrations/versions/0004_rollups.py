"""Roll-ups of plays, and one row per refused action, however many rules refused it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A block range index costs a redemption almost nothing, since the ledger is written in the order of its times.
    op.create_index(
        "ix_score_events_created_at",
        "score_events",
        ["created_at"],
        postgresql_using="brin",
        postgresql_with={"pages_per_range": 32, "autosummarize": "on"},
    )
    _create_refusals()
    _create_rollups()
    _keep_earlier_refusals()


def _create_refusals() -> None:
    op.create_table(
        "refusals",
        sa.Column("action_id", sa.UUID(), nullable=False),
        sa.Column("player_id", sa.UUID(), nullable=False),
        sa.Column("season_id", sa.Integer(), nullable=False),
        sa.Column("action_type_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("judged_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("reason in ('timing', 'pattern', 'frequency', 'level')", name=op.f("ck_refusals_reason")),
        sa.PrimaryKeyConstraint("action_id", name=op.f("pk_refusals")),
    )
    op.create_index("ix_refusals_created_at", "refusals", ["created_at"])
    op.create_index("ix_refusals_player", "refusals", ["player_id", "judged_at"])


def _create_rollups() -> None:
    op.create_table(
        "rollups",
        sa.Column("granularity", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("season_id", sa.Integer(), nullable=False),
        sa.Column("action_type_id", sa.Integer(), nullable=False),
        sa.Column("redemptions", sa.BigInteger(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("players", sa.BigInteger(), nullable=False),
        sa.Column("voided", sa.BigInteger(), nullable=False),
        sa.Column("voided_points", sa.BigInteger(), nullable=False),
        sa.Column("median_seconds", sa.Float(), nullable=True),
        sa.Column("p95_seconds", sa.Float(), nullable=True),
        sa.Column("refusals", JSONB(), nullable=False),
        sa.Column("computed_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("granularity in ('hour', 'day')", name=op.f("ck_rollups_granularity")),
        sa.PrimaryKeyConstraint("granularity", "starts_at", "season_id", "action_type_id", name=op.f("pk_rollups")),
    )
    op.create_table(
        "rollup_progress",
        sa.Column("granularity", sa.Text(), nullable=False),
        sa.Column("began_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("final_before", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("ended_before", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("horizon", sa.BigInteger(), nullable=False),
        sa.Column("computed_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("took_seconds", sa.Float(), nullable=False),
        sa.CheckConstraint("granularity in ('hour', 'day')", name=op.f("ck_rollup_progress_granularity")),
        sa.PrimaryKeyConstraint("granularity", name=op.f("pk_rollup_progress")),
    )


def _keep_earlier_refusals() -> None:
    """Insert earlier refusals from signals, by the rule that added the most; one that added nothing left no trace."""
    op.execute("""
        INSERT INTO refusals (action_id, player_id, season_id, action_type_id, reason, judged_at, created_at)
        SELECT DISTINCT ON (g.action_id) g.action_id, g.player_id, s.id, t.id, g.rule, g.at, g.at
        FROM signals g JOIN action_types t ON t.slug = g.action_type
        JOIN seasons s ON s.board_id = t.board_id AND g.at >= s.starts_at AND (s.ends_at IS NULL OR g.at < s.ends_at)
        WHERE g.outcome IN ('reject', 'critical')
        ORDER BY g.action_id, g.added DESC, g.id
    """)


def downgrade() -> None:
    op.drop_table("rollup_progress")
    op.drop_table("rollups")
    op.drop_table("refusals")
    op.drop_index("ix_score_events_created_at", table_name="score_events")
