"""Hard and soft evidence, holds that end by themselves, rules that were cleared, and what action types are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_TYPE_CHECKS = {
    "cadence": "cadence in ('player', 'client')",
    "steadiest_hand": "steadiest_hand between 0 and 60",
    "parallel": "parallel between 1 and 1000",
}


def upgrade() -> None:
    op.add_column("action_types", sa.Column("steadiest_hand", sa.Float(), nullable=True))
    op.add_column("action_types", sa.Column("cadence", sa.Text(), server_default="player", nullable=False))
    op.add_column("action_types", sa.Column("parallel", sa.Integer(), server_default="1", nullable=False))
    op.add_column("action_types", sa.Column("min_is_fact", sa.Boolean(), server_default="true", nullable=False))
    for name, condition in _TYPE_CHECKS.items():
        op.create_check_constraint(op.f(f"ck_action_types_{name}"), "action_types", condition)
    # Evidence of before counts as soft: it still opens cases.
    op.add_column("signals", sa.Column("is_hard", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("suspicion", sa.Column("soft", sa.Float(), server_default="0", nullable=False))
    op.add_column("players", sa.Column("held_until", sa.TIMESTAMP(timezone=True), nullable=True))
    op.create_index(
        "ix_players_held_until", "players", ["held_until"], postgresql_where=sa.text("held_until IS NOT NULL")
    )
    op.create_table(
        "cleared_rules",
        sa.Column("player_id", sa.UUID(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["player_id"], ["players.id"], name=op.f("fk_cleared_rules_player_id_players")),
        sa.PrimaryKeyConstraint("player_id", "rule", name=op.f("pk_cleared_rules")),
    )


def downgrade() -> None:
    op.drop_table("cleared_rules")
    op.drop_index("ix_players_held_until", table_name="players")
    op.drop_column("players", "held_until")
    op.drop_column("suspicion", "soft")
    op.drop_column("signals", "is_hard")
    for name in _TYPE_CHECKS:
        op.drop_constraint(op.f(f"ck_action_types_{name}"), "action_types", type_="check")
    for name in ("min_is_fact", "parallel", "cadence", "steadiest_hand"):
        op.drop_column("action_types", name)
