"""Where accounts were seen, for two weeks, and the cases that belong together."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_CHECKS = {
    "source": ("source in ('live', 'review', 'model')", "source in ('live', 'review', 'model', 'linked')"),
    "action": (
        "source = 'model' OR action_id IS NOT NULL",
        "source in ('model', 'linked') OR action_id IS NOT NULL",
    ),
}


def upgrade() -> None:
    op.create_table(
        "sightings",
        sa.Column("player_id", sa.UUID(), nullable=False),
        sa.Column("week", sa.Integer(), nullable=False),
        sa.Column("network", sa.LargeBinary(), nullable=False),
        sa.Column("device", sa.LargeBinary(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["player_id"], ["players.id"], name=op.f("fk_sightings_player_id_players")),
        sa.PrimaryKeyConstraint("player_id", "day", "week", "network", "device", name=op.f("pk_sightings")),
    )
    op.create_index("ix_sightings_day", "sightings", ["day"])
    op.create_table(
        "case_groups",
        sa.Column("case_id", sa.UUID(), nullable=False),
        sa.Column("group_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_groups_case_id_cases")),
        sa.PrimaryKeyConstraint("case_id", "group_id", name=op.f("pk_case_groups")),
    )
    op.create_index("ix_case_groups_group_id", "case_groups", ["group_id"])
    for name, (_, condition) in _CHECKS.items():
        op.drop_constraint(op.f(f"ck_signals_{name}"), "signals", type_="check")
        op.create_check_constraint(op.f(f"ck_signals_{name}"), "signals", condition)


def downgrade() -> None:
    op.execute("DELETE FROM signals WHERE source = 'linked'")
    for name, (condition, _) in _CHECKS.items():
        op.drop_constraint(op.f(f"ck_signals_{name}"), "signals", type_="check")
        op.create_check_constraint(op.f(f"ck_signals_{name}"), "signals", condition)
    op.drop_table("case_groups")
    op.drop_table("sightings")
