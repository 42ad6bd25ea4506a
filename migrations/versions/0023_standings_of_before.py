"""Complete what 0018 began, beside redemptions: old standings, an index and checks of rows that were there before.

It may be stopped at any point, and does the rest when it is run again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_BATCH = 1000
_WITHOUT_POINTS = "score = 0 AND held = 0 AND NOT has_held AND keeps_newest IS NULL AND achieved_at IS NOT NULL"


def _update(assignment: str, condition: str) -> None:
    """Change standings in small batches, each a transaction, so that a redemption never waits long for a row.

    A batch is joined by its key: a row that a redemption changes meanwhile would no longer be at its ctid. Such a row
    may be all that is left, so the end is that there is none.
    """
    statement = sa.text(
        f"""
        UPDATE standings s SET {assignment}
        FROM (SELECT season_id, player_id FROM standings WHERE {condition} LIMIT {_BATCH}) batch
        WHERE s.season_id = batch.season_id AND s.player_id = batch.player_id AND {condition}
        """
    )
    while op.get_bind().execute(sa.text(f"SELECT EXISTS (SELECT FROM standings WHERE {condition})")).scalar_one():
        op.get_bind().execute(statement)


def upgrade() -> None:
    with op.get_context().autocommit_block():
        _update("has_held = true, achieved_at = CASE WHEN score > 0 THEN achieved_at END", "held > 0 AND NOT has_held")
        _update("achieved_at = NULL", _WITHOUT_POINTS)
        # These lock out no reader and no writer, and may wait for long transactions.
        waits = op.get_bind().execute(sa.text("SHOW lock_timeout")).scalar_one()
        op.execute("SET lock_timeout = 0")
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_standings_withheld")  # an interrupted one is not valid
        op.execute(
            "CREATE INDEX CONCURRENTLY ix_standings_withheld ON standings (player_id) WHERE has_held OR held <> 0"
        )
        for name in ("score", "held"):
            op.execute(f"ALTER TABLE standings VALIDATE CONSTRAINT ck_standings_{name}")
        op.execute(f"SET lock_timeout = '{waits}'")


def downgrade() -> None:
    op.drop_index("ix_standings_withheld", table_name="standings")
