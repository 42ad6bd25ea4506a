"""Expand: guests, new names, reset links, and players who are erased."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

# All columns of an event but its metadata, which may be emptied: the player wrote it, and no sum is made of it.
_EVENT = (
    "id, kind, action_id, voids_id, player_id, season_id, action_type_id, points, previous_score, score, issued_at, "
    "created_at, request_id, judged_at, correction_id, held_under, standings, api_key_id"
)


def upgrade() -> None:
    # These steps may be repeated: the table may have millions of rows, and its check is validated beside writers.
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE players ADD COLUMN IF NOT EXISTS is_guest boolean NOT NULL DEFAULT false")
        op.execute("ALTER TABLE players ADD COLUMN IF NOT EXISTS renamed_at timestamptz")
        op.execute(
            "ALTER TABLE players DROP CONSTRAINT ck_players_status, "
            "ADD CONSTRAINT ck_players_status CHECK (status in ('active', 'suspended', 'erased')) NOT VALID"
        )
        op.execute("ALTER TABLE players VALIDATE CONSTRAINT ck_players_status")
    op.create_table(
        "reset_links",
        sa.Column("player_id", sa.UUID(), nullable=False),
        sa.Column("token_hash", sa.Text, nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["player_id"], ["players.id"], name=op.f("fk_reset_links_player_id_players")),
        sa.PrimaryKeyConstraint("player_id", name=op.f("pk_reset_links")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_reset_links_token_hash")),
    )
    op.execute("DROP TRIGGER append_only ON score_events")
    op.execute(f"""
        CREATE TRIGGER append_only BEFORE UPDATE OF {_EVENT} OR DELETE OR TRUNCATE ON score_events
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change()
    """)
    op.execute("""
        CREATE TRIGGER metadata_only_emptied BEFORE UPDATE OF metadata ON score_events
        FOR EACH ROW WHEN (NEW.metadata IS NOT NULL) EXECUTE FUNCTION refuse_ledger_change()
    """)


def downgrade() -> None:
    op.execute("DROP TRIGGER metadata_only_emptied ON score_events")
    op.execute("DROP TRIGGER append_only ON score_events")
    op.execute("""
        CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON score_events
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change()
    """)
    op.drop_table("reset_links")
    op.execute("UPDATE players SET status = 'suspended' WHERE status = 'erased'")
    op.drop_constraint(op.f("ck_players_status"), "players", type_="check")
    op.create_check_constraint(op.f("ck_players_status"), "players", "status in ('active', 'suspended')")
    op.drop_column("players", "renamed_at")
    op.drop_column("players", "is_guest")
