"""Decisions by people: cases with decisions and appeals, voided and restored events, held points, an audit log.

`achieved_at` of a standing becomes the exact time of its last event that counts, so that it can be recomputed.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_MAX_SCORE = 2**53 - 1
_NEW = "kind <> 'redeem'"


def _column(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True)


def _check(table: str, name: str, condition: str) -> None:
    """Add a check constraint without a lock that blocks players while the rows are validated."""
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{name} CHECK ({condition}) NOT VALID")
    op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT ck_{table}_{name}")


def upgrade() -> None:
    _ledger()
    _people()
    _tables()


def _ledger() -> None:
    op.add_column("players", _column("held_under", sa.UUID()))
    op.add_column("score_events", _column("correction_id", sa.UUID()))
    op.add_column("score_events", _column("held_under", sa.UUID()))
    op.add_column("standings", sa.Column("held", sa.BigInteger(), server_default="0", nullable=False))
    _check("standings", "held", f"held between 0 and {_MAX_SCORE}")
    op.create_index("ix_standings_held", "standings", ["player_id"], postgresql_where=sa.text("held > 0"))
    op.drop_constraint("ck_score_events_kind", "score_events")
    op.drop_constraint("ck_score_events_voids", "score_events")
    _check("score_events", "kind", "kind in ('redeem', 'void', 'restore')")
    _check("score_events", "voids", "(kind = 'redeem') = (voids_id IS NULL)")
    op.drop_index("uq_score_events_voids", table_name="score_events")
    new = sa.text(_NEW)
    op.create_index("uq_score_events_voids", "score_events", ["voids_id"], unique=True, postgresql_where=new)
    op.create_index("ix_score_events_corrected", "score_events", ["action_id", "id"], postgresql_where=new)
    op.create_index("ix_score_events_correction", "score_events", ["correction_id", "id"], postgresql_where=new)
    op.execute("""
        UPDATE standings s SET achieved_at = newest.created_at FROM (
            SELECT DISTINCT ON (season_id, player_id) season_id, player_id, created_at FROM score_events
            WHERE kind = 'redeem' ORDER BY season_id, player_id, id DESC
        ) AS newest
        WHERE newest.season_id = s.season_id AND newest.player_id = s.player_id
          AND newest.created_at <> s.achieved_at
    """)


def _people() -> None:
    for name, kind in (
        ("starts_at", sa.TIMESTAMP(timezone=True)),
        ("decided_by", sa.Text()),
        ("reason", sa.Text()),
        ("correction_id", sa.UUID()),
        ("appeal", sa.Text()),
        ("appealed_at", sa.TIMESTAMP(timezone=True)),
    ):
        op.add_column("cases", _column(name, kind))
    op.create_index("ix_cases_opened_at", "cases", ["opened_at", "id"])
    op.alter_column("signals", "action_id", nullable=True)
    op.alter_column("signals", "action_type", nullable=True)
    op.drop_constraint("ck_signals_source", "signals")
    _check("signals", "source", "source in ('live', 'review', 'model')")
    _check("signals", "action", "source = 'model' OR action_id IS NOT NULL")
    op.create_index(
        "uq_signals_model",
        "signals",
        ["player_id", "rule", "at"],
        unique=True,
        postgresql_where=sa.text("source = 'model'"),
    )
    op.add_column("action_types", _column("expected_median_seconds", sa.Float()))
    op.add_column("action_types", _column("expected_p95_seconds", sa.Float()))
    _check("action_types", "expected", "expected_median_seconds <= expected_p95_seconds")


def _tables() -> None:
    op.create_table(
        "decisions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("case_id", sa.UUID(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("correction_id", sa.UUID(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column(
            "decided_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("decision in ('cleared', 'confirmed', 'undone')", name=op.f("ck_decisions_decision")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_decisions_case_id_cases")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
    )
    op.create_index("ix_decisions_case", "decisions", ["case_id", "id"], unique=False)
    op.create_table(
        "corrections",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="running", nullable=False),
        sa.Column("restores_id", sa.UUID(), nullable=True),
        sa.Column("case_id", sa.UUID(), nullable=True),
        sa.Column("player_id", sa.UUID(), nullable=True),
        sa.Column("action_type_id", sa.Integer(), nullable=True),
        sa.Column("board_id", sa.Integer(), nullable=True),
        sa.Column("since", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("until", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("made_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("finished_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("events", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("points", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("players", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=True),
        sa.Column("horizon", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("(kind = 'restore') = (restores_id IS NOT NULL)", name=op.f("ck_corrections_restores")),
        sa.CheckConstraint("kind in ('void', 'restore')", name=op.f("ck_corrections_kind")),
        sa.CheckConstraint("state in ('running', 'done', 'restored')", name=op.f("ck_corrections_state")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_corrections_case_id_cases")),
        sa.ForeignKeyConstraint(["player_id"], ["players.id"], name=op.f("fk_corrections_player_id_players")),
        sa.ForeignKeyConstraint(
            ["restores_id"], ["corrections.id"], name=op.f("fk_corrections_restores_id_corrections")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_corrections")),
    )
    op.create_index(
        "ix_corrections_running",
        "corrections",
        ["made_at"],
        unique=False,
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index("ix_audit_log_subject", "audit_log", ["subject", "id"], unique=False)
    op.create_table(
        "models",
        sa.Column("version", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "trained_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("window_since", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("window_until", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("players", sa.BigInteger(), nullable=False),
        sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("numbers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("artifact", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.CheckConstraint("state in ('active', 'retired')", name=op.f("ck_models_state")),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_models")),
    )
    op.create_index("uq_models_active", "models", ["state"], unique=True, postgresql_where=sa.text("state = 'active'"))
    op.create_table(
        "stale_rollups",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("starts_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stale_rollups")),
    )
    op.execute("""
        CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
        END $$
    """)
    for table in ("audit_log", "decisions"):
        op.execute(f"""
            CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()
        """)


def downgrade() -> None:
    """Downgrade a ledger without corrections: in older versions, no event would stay voided."""
    for table in ("stale_rollups", "models", "audit_log", "corrections", "decisions"):
        op.drop_table(table)
    op.execute("DROP FUNCTION refuse_audit_change()")
    op.drop_constraint("ck_action_types_expected", "action_types")
    op.drop_column("action_types", "expected_p95_seconds")
    op.drop_column("action_types", "expected_median_seconds")
    op.drop_index("uq_signals_model", table_name="signals")
    op.execute("DELETE FROM signals WHERE source = 'model'")
    op.drop_constraint("ck_signals_action", "signals")
    op.drop_constraint("ck_signals_source", "signals")
    _check("signals", "source", "source in ('live', 'review')")
    op.alter_column("signals", "action_type", nullable=False)
    op.alter_column("signals", "action_id", nullable=False)
    op.drop_index("ix_cases_opened_at", table_name="cases")
    for name in ("appealed_at", "appeal", "correction_id", "reason", "decided_by", "starts_at"):
        op.drop_column("cases", name)
    op.drop_index("ix_score_events_correction", table_name="score_events")
    op.drop_index("ix_score_events_corrected", table_name="score_events")
    op.drop_index("uq_score_events_voids", table_name="score_events")
    op.drop_constraint("ck_score_events_voids", "score_events")
    op.drop_constraint("ck_score_events_kind", "score_events")
    _check("score_events", "kind", "kind in ('redeem', 'void')")
    _check("score_events", "voids", "(kind = 'void') = (voids_id IS NOT NULL)")
    void = sa.text("kind = 'void'")
    op.create_index("uq_score_events_voids", "score_events", ["voids_id"], unique=True, postgresql_where=void)
    op.execute("UPDATE standings SET score = score + held, changes = changes + 1 WHERE held > 0")
    op.drop_index("ix_standings_held", table_name="standings")
    op.drop_constraint("ck_standings_held", "standings")
    op.drop_column("standings", "held")
    op.drop_column("score_events", "held_under")
    op.drop_column("score_events", "correction_id")
    op.drop_column("players", "held_under")
