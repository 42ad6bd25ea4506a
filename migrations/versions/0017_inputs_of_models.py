"""The input of models besides the ledger; models of before have other features, and no longer judge."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_NOTHING = '{"left_out": [], "verdicts": {}}'


def upgrade() -> None:
    op.add_column(
        "models",
        sa.Column("inputs", postgresql.JSONB(astext_type=sa.Text()), server_default=_NOTHING, nullable=False),
    )
    op.drop_column("models", "seed")
    op.execute("UPDATE models SET state = 'retired'")


def downgrade() -> None:
    op.execute("UPDATE models SET state = 'retired'")
    op.add_column("models", sa.Column("seed", sa.BigInteger(), server_default="1", nullable=False))
    op.drop_column("models", "inputs")
