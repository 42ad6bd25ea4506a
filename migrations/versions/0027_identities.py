"""Expand: players of an external identity provider."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "identities",
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("issuer", sa.Text),
        sa.Column("subject", sa.Text),
        sa.Column("player_id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False),
        sa.Column("tokens_from", sa.TIMESTAMP(timezone=True)),
        sa.ForeignKeyConstraint(["player_id"], ["players.id"], name=op.f("fk_identities_player_id_players")),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_identities")),
        sa.UniqueConstraint("player_id", name=op.f("uq_identities_player_id")),
    )


def downgrade() -> None:
    op.drop_table("identities")
