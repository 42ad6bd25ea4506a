"""The order in which transactions lock the standings of a player."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa


def lock_standings(connection: sa.Connection, player_id: UUID) -> None:
    """Lock all standings of the player until the transaction ends, in the order of their seasons."""
    connection.execute(
        sa.text("SELECT FROM standings WHERE player_id = :player ORDER BY season_id FOR UPDATE"), {"player": player_id}
    )
