"""Expand: attributes of players, by which boards have segments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "player_attributes",
        sa.Column("player_id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("player_id", "name", name="pk_player_attributes"),
        sa.ForeignKeyConstraint(["player_id"], ["players.id"], name="fk_player_attributes_player_id_players"),
        sa.CheckConstraint(
            "length(name) between 1 and 64 and length(value) between 1 and 64", name=op.f("ck_player_attributes_length")
        ),
    )
    op.create_index("ix_player_attributes_value", "player_attributes", ["name", "value", "player_id"])


def downgrade() -> None:
    op.drop_table("player_attributes")
