"""Separate conditions for the indexes of voids and restores, so that the planner can only choose the right one.

With one condition for all, and statistics from before a large correction, a whole index was read for each event.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create("voids_id IS NOT NULL", "correction_id IS NOT NULL")


def downgrade() -> None:
    _create("kind <> 'redeem'", "kind <> 'redeem'")


def _create(voids: str, correction: str) -> None:
    op.drop_index("uq_score_events_voids", "score_events")
    op.drop_index("ix_score_events_correction", "score_events")
    op.create_index("uq_score_events_voids", "score_events", ["voids_id"], unique=True, postgresql_where=sa.text(voids))
    op.create_index(
        "ix_score_events_correction", "score_events", ["correction_id", "id"], postgresql_where=sa.text(correction)
    )
