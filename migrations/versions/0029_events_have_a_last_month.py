"""Expand: bound the ledger's events, so that 0030 can make a partition of them without reading one.

It may be stopped at any point, and does the rest when it is run again. Events are written meanwhile: the bound is the
start of a month that is more than a month ahead.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

# An event may have been issued by a clock that was ahead.
_BOUND = """
    SELECT (date_trunc('month', greatest(now() + interval '31 days', max(issued_at)), 'UTC') + interval '1 month')::text
    FROM score_events
"""


def upgrade() -> None:
    with op.get_context().autocommit_block():
        bound = op.get_bind().execute(sa.text(_BOUND)).scalar_one()
        op.execute(
            "ALTER TABLE score_events DROP CONSTRAINT IF EXISTS ck_score_events_before, "
            f"ADD CONSTRAINT ck_score_events_before CHECK (issued_at < '{bound}') NOT VALID"
        )
        # It reads all events, locks out no reader and no writer, and may wait for an autovacuum.
        waits = op.get_bind().execute(sa.text("SHOW lock_timeout")).scalar_one()
        op.execute("SET lock_timeout = 0")
        op.execute("ALTER TABLE score_events VALIDATE CONSTRAINT ck_score_events_before")
        op.execute(f"SET lock_timeout = '{waits}'")


def downgrade() -> None:
    op.drop_constraint("ck_score_events_before", "score_events")
