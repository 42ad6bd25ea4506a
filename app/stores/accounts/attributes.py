"""Attributes of players in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

import sqlalchemy as sa

from app.stores.postgres.engine import Database

_CHANGE_STANDINGS = """
    WITH segmented AS (
        SELECT s.season_id FROM standings s JOIN seasons n ON n.id = s.season_id JOIN boards b ON b.id = n.board_id
        WHERE s.player_id = :player AND b.segments && CAST(:names AS text[])
        ORDER BY s.season_id FOR UPDATE OF s
    ), changed AS (
        UPDATE standings s SET changes = changes + 1 FROM segmented
        WHERE s.season_id = segmented.season_id AND s.player_id = :player RETURNING s.season_id
    )
    INSERT INTO outbox (season_id, player_id, request_id) SELECT season_id, :player, :request FROM changed
"""


class AttributeStore:
    """Attributes by name. A change is a change of each standing on a board that has segments by them."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def of(self, player_id: UUID) -> dict[str, str]:
        """Return the player's attributes in the order of their names."""
        with self._db.statement() as connection:
            return self.of_locked(connection, player_id)

    def of_locked(self, connection: sa.Connection, player_id: UUID) -> dict[str, str]:
        """Return the player's attributes as `of` does, within the caller's transaction, which has locked the player."""
        rows = connection.execute(
            sa.text("SELECT name, value FROM player_attributes WHERE player_id = :player ORDER BY name"),
            {"player": player_id},
        )
        return {row.name: row.value for row in rows}

    def set(
        self, connection: sa.Connection, player_id: UUID, attributes: Mapping[str, str], gone: Sequence[str]
    ) -> None:
        """Store these attributes and remove those named in `gone`. The caller has locked the player."""
        connection.execute(
            sa.text("DELETE FROM player_attributes WHERE player_id = :player AND name = ANY(:names)"),
            {"player": player_id, "names": list(gone)},
        )
        connection.execute(
            sa.text(
                """
                INSERT INTO player_attributes (player_id, name, value)
                SELECT :player, * FROM unnest(CAST(:names AS text[]), CAST(:values AS text[]))
                ON CONFLICT (player_id, name) DO UPDATE SET value = excluded.value
                """
            ),
            {"player": player_id, "names": list(attributes), "values": list(attributes.values())},
        )

    def change_standings(
        self, connection: sa.Connection, player_id: UUID, names: Sequence[str], request_id: str
    ) -> None:
        """Queue a refresh for each of the player's boards that has segments by these attributes.

        The standings get new change numbers, so that no refresh that read the attributes before overwrites this one.
        """
        connection.execute(
            sa.text(_CHANGE_STANDINGS), {"player": player_id, "names": list(names), "request": request_id}
        )
