"""The time of each player's last status change, and an index of ended logins, to correct a Redis that lost these."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("players", sa.Column("status_at", sa.TIMESTAMP(timezone=True), nullable=True))
    op.create_index("ix_players_status_at", "players", ["status_at"], postgresql_where=sa.text("status_at IS NOT NULL"))
    op.create_index("ix_logins_ended_at", "logins", ["ended_at"], postgresql_where=sa.text("ended_at IS NOT NULL"))


def downgrade() -> None:
    op.drop_index("ix_logins_ended_at", "logins")
    op.drop_index("ix_players_status_at", "players")
    op.drop_column("players", "status_at")
