"""The first tables, with the board `main` and its first season."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SEQUENCE board_version")
    op.create_table(
        "boards",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_boards")),
        sa.UniqueConstraint("slug", name=op.f("uq_boards_slug")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("season_id", sa.Integer(), nullable=False),
        sa.Column("player_id", sa.UUID(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_table(
        "players",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("username_key", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), server_default="player", nullable=False),
        sa.Column("status", sa.Text(), server_default="active", nullable=False),
        sa.Column(
            "created_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint("role in ('player', 'admin')", name=op.f("ck_players_role")),
        sa.CheckConstraint("status in ('active', 'suspended')", name=op.f("ck_players_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_players")),
        sa.UniqueConstraint("username_key", name=op.f("uq_players_username_key")),
    )
    op.create_table(
        "score_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), server_default="redeem", nullable=False),
        sa.Column("action_id", sa.UUID(), nullable=False),
        sa.Column("voids_id", sa.BigInteger(), nullable=True),
        sa.Column("player_id", sa.UUID(), nullable=False),
        sa.Column("season_id", sa.Integer(), nullable=False),
        sa.Column("action_type_id", sa.Integer(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("previous_score", sa.BigInteger(), nullable=False),
        sa.Column("score", sa.BigInteger(), nullable=False),
        sa.Column("issued_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column(
            "created_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.CheckConstraint("(kind = 'void') = (voids_id IS NOT NULL)", name=op.f("ck_score_events_voids")),
        sa.CheckConstraint("kind in ('redeem', 'void')", name=op.f("ck_score_events_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_score_events")),
    )
    op.create_index("ix_score_events_player", "score_events", ["player_id", "id"], unique=False)
    op.create_index(
        "uq_score_events_action",
        "score_events",
        ["action_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'redeem'"),
    )
    op.create_index(
        "uq_score_events_voids",
        "score_events",
        ["voids_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'void'"),
    )
    op.create_table(
        "action_types",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("min_seconds", sa.Float(), server_default="0", nullable=False),
        sa.Column("board_id", sa.Integer(), nullable=False),
        sa.Column("burst", sa.Integer(), nullable=True),
        sa.Column("per_minute", sa.Integer(), nullable=True),
        sa.Column(
            "created_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("retired_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("min_seconds between 0 and 86400", name=op.f("ck_action_types_min_seconds")),
        sa.CheckConstraint("points between 1 and 1000000000", name=op.f("ck_action_types_points")),
        sa.ForeignKeyConstraint(["board_id"], ["boards.id"], name=op.f("fk_action_types_board_id_boards")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_action_types")),
        sa.UniqueConstraint("slug", name=op.f("uq_action_types_slug")),
    )
    op.create_table(
        "cases",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("player_id", sa.UUID(), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column(
            "opened_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("decided_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("state in ('open', 'cleared', 'confirmed')", name=op.f("ck_cases_state")),
        sa.ForeignKeyConstraint(["player_id"], ["players.id"], name=op.f("fk_cases_player_id_players")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
    )
    op.create_index(op.f("ix_cases_player_id"), "cases", ["player_id"], unique=False)
    op.create_index("uq_cases_open", "cases", ["player_id"], unique=True, postgresql_where=sa.text("state = 'open'"))
    op.create_table(
        "idempotency",
        sa.Column("player_id", sa.UUID(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("action_id", sa.UUID(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("previous_rank", sa.BigInteger(), nullable=True),
        sa.Column("current_rank", sa.BigInteger(), nullable=True),
        sa.Column(
            "created_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint("outcome in ('scored', 'rejected', 'suspended')", name=op.f("ck_idempotency_outcome")),
        sa.ForeignKeyConstraint(["player_id"], ["players.id"], name=op.f("fk_idempotency_player_id_players")),
        sa.PrimaryKeyConstraint("player_id", "key", name=op.f("pk_idempotency")),
    )
    op.create_index("ix_idempotency_created_at", "idempotency", ["created_at"], unique=False)
    op.create_table(
        "logins",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("player_id", sa.UUID(), nullable=False),
        sa.Column("refresh_id", sa.UUID(), nullable=False),
        sa.Column(
            "created_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("ended_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("ended_why", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["player_id"], ["players.id"], name=op.f("fk_logins_player_id_players")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_logins")),
    )
    op.create_index(op.f("ix_logins_player_id"), "logins", ["player_id"], unique=False)
    op.create_table(
        "seasons",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("board_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "starts_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("ends_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["board_id"], ["boards.id"], name=op.f("fk_seasons_board_id_boards")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seasons")),
        sa.UniqueConstraint("board_id", "number", name=op.f("uq_seasons_board_id_number")),
    )
    op.create_index(
        "uq_seasons_open", "seasons", ["board_id"], unique=True, postgresql_where=sa.text("ends_at IS NULL")
    )
    op.create_table(
        "suspicion",
        sa.Column("player_id", sa.UUID(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("value >= 0", name=op.f("ck_suspicion_value")),
        sa.ForeignKeyConstraint(["player_id"], ["players.id"], name=op.f("fk_suspicion_player_id_players")),
        sa.PrimaryKeyConstraint("player_id", name=op.f("pk_suspicion")),
    )
    op.create_table(
        "signals",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("player_id", sa.UUID(), nullable=False),
        sa.Column("case_id", sa.UUID(), nullable=True),
        sa.Column("action_id", sa.UUID(), nullable=False),
        sa.Column("action_type", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.Column("expected", sa.Text(), nullable=False),
        sa.Column("added", sa.Float(), nullable=False),
        sa.Column("suspicion", sa.Float(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_signals_case_id_cases")),
        sa.ForeignKeyConstraint(["player_id"], ["players.id"], name=op.f("fk_signals_player_id_players")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signals")),
    )
    op.create_index("ix_signals_case", "signals", ["case_id", "id"], unique=False)
    op.create_index("ix_signals_player", "signals", ["player_id", "id"], unique=False)
    op.create_table(
        "standings",
        sa.Column("season_id", sa.Integer(), nullable=False),
        sa.Column("player_id", sa.UUID(), nullable=False),
        sa.Column("score", sa.BigInteger(), nullable=False),
        sa.Column("changes", sa.BigInteger(), nullable=False),
        sa.Column("achieved_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("listed", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.CheckConstraint("score between 0 and 9007199254740991", name=op.f("ck_standings_score")),
        sa.ForeignKeyConstraint(["player_id"], ["players.id"], name=op.f("fk_standings_player_id_players")),
        sa.ForeignKeyConstraint(["season_id"], ["seasons.id"], name=op.f("fk_standings_season_id_seasons")),
        sa.PrimaryKeyConstraint("season_id", "player_id", name=op.f("pk_standings")),
    )
    op.create_index(
        "ix_standings_order",
        "standings",
        ["season_id", sa.literal_column("score DESC"), "achieved_at", "player_id"],
        unique=False,
        postgresql_where=sa.text("listed"),
    )

    op.execute("INSERT INTO boards (slug, name) VALUES ('main', 'Main')")
    op.execute("INSERT INTO seasons (board_id, number) SELECT id, 1 FROM boards WHERE slug = 'main'")


def downgrade() -> None:
    op.drop_index("ix_standings_order", table_name="standings", postgresql_where=sa.text("listed"))
    op.drop_table("standings")
    op.drop_index("ix_signals_player", table_name="signals")
    op.drop_index("ix_signals_case", table_name="signals")
    op.drop_table("signals")
    op.drop_table("suspicion")
    op.drop_index("uq_seasons_open", table_name="seasons", postgresql_where=sa.text("ends_at IS NULL"))
    op.drop_table("seasons")
    op.drop_index(op.f("ix_logins_player_id"), table_name="logins")
    op.drop_table("logins")
    op.drop_index("ix_idempotency_created_at", table_name="idempotency")
    op.drop_table("idempotency")
    op.drop_index("uq_cases_open", table_name="cases", postgresql_where=sa.text("state = 'open'"))
    op.drop_index(op.f("ix_cases_player_id"), table_name="cases")
    op.drop_table("cases")
    op.drop_table("action_types")
    op.drop_index("uq_score_events_voids", table_name="score_events", postgresql_where=sa.text("kind = 'void'"))
    op.drop_index("uq_score_events_action", table_name="score_events", postgresql_where=sa.text("kind = 'redeem'"))
    op.drop_index("ix_score_events_player", table_name="score_events")
    op.drop_table("score_events")
    op.drop_table("players")
    op.drop_table("outbox")
    op.drop_table("boards")
    op.execute("DROP SEQUENCE board_version")
