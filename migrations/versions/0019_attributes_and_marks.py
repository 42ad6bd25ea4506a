"""Expand: attributes of players, by which boards have segments, and marks of closed seasons."""

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
    op.create_table(
        "season_marks",
        sa.Column("season_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("score", sa.BigInteger(), nullable=False),
        sa.Column("achieved_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("player_id", sa.UUID(), nullable=False),
        sa.PrimaryKeyConstraint("season_id", "number", name="pk_season_marks"),
        sa.ForeignKeyConstraint(["season_id"], ["seasons.id"], name="fk_season_marks_season_id_seasons"),
    )
    op.create_index("ix_season_marks_score", "season_marks", ["season_id", "score", "number"])
    op.create_index("ix_player_attributes_value", "player_attributes", ["name", "value", "player_id"])


def downgrade() -> None:
    op.drop_table("season_marks")
    op.drop_table("player_attributes")
