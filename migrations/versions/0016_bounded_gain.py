"""Holds that reach back, players' points by hour and day, and looks at those who gain unusually much."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_HOLD_COLUMNS = ("held_since", "held_from", "released_at")


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.TIMESTAMP(timezone=True), nullable=nullable)


def _replace_checks(source: str, action: str) -> None:
    for name, condition in (("source", source), ("action", action)):
        op.drop_constraint(op.f(f"ck_signals_{name}"), "signals", type_="check")
        op.create_check_constraint(op.f(f"ck_signals_{name}"), "signals", condition)


def upgrade() -> None:
    for name in _HOLD_COLUMNS:
        op.add_column("players", _moment(name, nullable=True))
    op.create_index("ix_players_held_from", "players", ["held_from"], postgresql_where=sa.text("held_from IS NOT NULL"))
    op.add_column("cases", sa.Column("gain_points", sa.BigInteger(), nullable=True))
    _replace_checks(
        "source in ('live', 'review', 'model', 'linked', 'gain')",
        "source in ('model', 'linked', 'gain') or action_id IS NOT NULL",
    )
    op.create_table(
        "gain_hours",
        sa.Column("player_id", sa.UUID(), nullable=False),
        _moment("starts_at"),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("first_event", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("player_id", "starts_at", name=op.f("pk_gain_hours")),
    )
    op.create_index("ix_gain_hours_starts_at", "gain_hours", ["starts_at"])
    op.create_table(
        "gain_days",
        sa.Column("player_id", sa.UUID(), nullable=False),
        _moment("starts_at"),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("player_id", "starts_at", name=op.f("pk_gain_days")),
    )
    op.create_index("ix_gain_days_starts_at", "gain_days", ["starts_at"])
    op.create_table(
        "gain_progress",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("limits", JSONB(), nullable=True),
        _moment("limits_at", nullable=True),
        sa.CheckConstraint("number = 1", name=op.f("ck_gain_progress_number")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_gain_progress")),
    )
    op.create_table(
        "gain_looks",
        sa.Column("player_id", sa.UUID(), nullable=False),
        _moment("looked_at"),
        sa.Column("next_points", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("player_id", name=op.f("pk_gain_looks")),
    )
    op.create_table(
        "podium_entries",
        sa.Column("season_id", sa.Integer(), nullable=False),
        sa.Column("player_id", sa.UUID(), nullable=False),
        _moment("entered_at"),
        sa.PrimaryKeyConstraint("season_id", "player_id", name=op.f("pk_podium_entries")),
    )


def downgrade() -> None:
    for table in ("podium_entries", "gain_looks", "gain_progress", "gain_days", "gain_hours"):
        op.drop_table(table)
    op.execute("DELETE FROM signals WHERE source = 'gain'")
    _replace_checks(
        "source in ('live', 'review', 'model', 'linked')", "source in ('model', 'linked') OR action_id IS NOT NULL"
    )
    op.drop_column("cases", "gain_points")
    op.drop_index("ix_players_held_from", table_name="players")
    for name in reversed(_HOLD_COLUMNS):
        op.drop_column("players", name)
