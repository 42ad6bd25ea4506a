"""An append-only ledger: score events are never changed or removed, and a second event voids a wrong one."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'score_events is append-only: write an event that voids the wrong one'
                USING ERRCODE = 'restrict_violation';
        END $$
    """)
    op.execute("""
        CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON score_events
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change()
    """)


def downgrade() -> None:
    op.execute("DROP TRIGGER append_only ON score_events")
    op.execute("DROP FUNCTION refuse_ledger_change()")
