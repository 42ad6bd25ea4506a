"""Four action types for a new installation; `flask actions` changes them."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        INSERT INTO action_types (slug, name, points, min_seconds, board_id)
        SELECT starter.slug, starter.name, starter.points, starter.min_seconds, boards.id
        FROM boards, (VALUES
            ('tap', 'Tap', 1, 0),
            ('quick-match', 'Quick match', 10, 3),
            ('puzzle', 'Puzzle', 25, 8),
            ('boss-fight', 'Boss fight', 100, 20)
        ) AS starter (slug, name, points, min_seconds)
        WHERE boards.slug = 'main'
        ON CONFLICT (slug) DO NOTHING
    """)


def downgrade() -> None:
    # A type that was played stays, since the ledger refers to it.
    op.execute("""
        DELETE FROM action_types
        WHERE slug IN ('tap', 'quick-match', 'puzzle', 'boss-fight')
          AND NOT EXISTS (SELECT 1 FROM score_events WHERE action_type_id = action_types.id)
    """)
