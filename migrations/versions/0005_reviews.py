"""Columns for the review of the ledger: when each redemption was judged, and since when limits and levels hold."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The column has no default, so that the ledger isn't rewritten; created_at stands in for existing rows.
    op.add_column("score_events", sa.Column("judged_at", sa.TIMESTAMP(timezone=True), nullable=True))
    op.add_column("suspicion", sa.Column("cleared_at", sa.TIMESTAMP(timezone=True), nullable=True))
    op.add_column(
        "action_types",
        sa.Column(
            "limits_since", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
    )
    op.add_column("signals", sa.Column("source", sa.Text(), server_default="live", nullable=False))
    op.create_check_constraint(op.f("ck_signals_source"), "signals", "source in ('live', 'review')")
    op.create_index(
        "uq_signals_review",
        "signals",
        ["action_id", "rule"],
        unique=True,
        postgresql_where=sa.text("source = 'review'"),
    )
    op.create_table(
        "review_progress",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reviewed_before", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("number = 1", name=op.f("ck_review_progress_number")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_review_progress")),
    )


def downgrade() -> None:
    op.drop_table("review_progress")
    op.execute("DELETE FROM signals WHERE source = 'review'")
    op.drop_index("uq_signals_review", table_name="signals", postgresql_where=sa.text("source = 'review'"))
    op.drop_column("signals", "source")
    op.drop_column("action_types", "limits_since")
    op.drop_column("suspicion", "cleared_at")
    op.drop_column("score_events", "judged_at")
