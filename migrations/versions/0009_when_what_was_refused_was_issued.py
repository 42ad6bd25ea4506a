"""The time of issue of refused actions: without it, their timing can't be judged again."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("refusals", sa.Column("issued_at", sa.TIMESTAMP(timezone=True)))


def downgrade() -> None:
    op.drop_column("refusals", "issued_at")
