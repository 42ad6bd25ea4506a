"""The skeletons of usernames (Unicode UTS 39), each held by one player: names that look the same are the same.

Where accounts look alike already, the oldest holds the skeleton. The others are logged and continue as before;
`flask users look-alikes` lists them at any time.
"""

import logging

import sqlalchemy as sa
from alembic import op

from app.domain.look_alikes import skeletons
from app.stores.accounts.username_skeletons import fill

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_log = logging.getLogger("fairboard.migrations")


def upgrade() -> None:
    op.create_table(
        "username_skeletons",
        sa.Column("skeleton", sa.Text(), nullable=False),
        sa.Column("player_id", sa.UUID(), nullable=False),
        sa.PrimaryKeyConstraint("skeleton", name=op.f("pk_username_skeletons")),
    )
    op.create_index("ix_username_skeletons_player_id", "username_skeletons", ["player_id"])
    for account in fill(op.get_bind(), skeletons):
        _log.warning(
            "username_looks_alike player=%s username=%r first=%s first_username=%r",
            *(account.player_id, account.username, account.first_id, account.first_username),
        )
    # This comes last, since it blocks writes to accounts until the migration ends.
    op.create_foreign_key(
        "fk_username_skeletons_player_id_players", "username_skeletons", "players", ["player_id"], ["id"]
    )


def downgrade() -> None:
    op.drop_table("username_skeletons")
