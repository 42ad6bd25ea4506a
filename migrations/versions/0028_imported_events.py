"""Expand: events that an import writes, whose time is that of the past."""

from __future__ import annotations

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE score_events ADD COLUMN imported_at timestamptz")
    op.execute("""
        CREATE TRIGGER imported_at_stays BEFORE UPDATE OF imported_at ON score_events
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change()
    """)


def downgrade() -> None:
    op.execute("DROP TRIGGER imported_at_stays ON score_events")
    op.drop_column("score_events", "imported_at")
