"""The removal of a person from PostgreSQL. What stays is an id that leads to nobody, for the ledger and its sums."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

_STATEMENTS = (
    # Versions of before named linked accounts in the evidence about each other.
    """
    UPDATE signals s SET seen = replace(s.seen, p.username, CAST(p.id AS text)) FROM players p
    WHERE p.id = :player AND s.source = 'linked' AND s.case_id IN (
        SELECT o.case_id FROM cases c JOIN case_groups g ON g.case_id = c.id
        JOIN case_groups o ON o.group_id = g.group_id WHERE c.player_id = :player
    )
    """,
    """
    UPDATE players SET username = 'erased', username_key = 'erased:' || id, password_hash = '!', role = 'player',
        external_id = NULL, is_guest = false, renamed_at = NULL
    WHERE id = :player
    """,
    "UPDATE identities SET issuer = NULL, subject = NULL WHERE player_id = :player",
    "UPDATE cases SET appeal = NULL WHERE player_id = :player AND appeal IS NOT NULL",
    *(
        f"DELETE FROM {table} WHERE player_id = :player"
        for table in (
            "username_skeletons",
            "player_attributes",
            "logins",
            "reset_links",
            "sightings",
            "webhook_deliveries",
        )
    ),
    "UPDATE score_events SET metadata = NULL WHERE player_id = :player AND metadata IS NOT NULL",
    "DELETE FROM idempotency WHERE player_id = :player",
)


class ErasureStore:
    """Writes take the caller's connection, whose transaction has locked the player."""

    def other_admins(self, connection: sa.Connection, player_id: UUID) -> int:
        """Return how many other admins are active, locked until the transaction ends."""
        rows = connection.execute(
            sa.text(
                """
                SELECT id FROM players WHERE role = 'admin' AND status = 'active' AND id <> :player
                ORDER BY id FOR NO KEY UPDATE
                """
            ),
            {"player": player_id},
        )
        return len(rows.all())

    def erase(self, connection: sa.Connection, player_id: UUID) -> None:
        """Empty the account and all that the player has written, and delete the rows about the person.

        The player has the status `erased` already.
        """
        for statement in _STATEMENTS:
            connection.execute(sa.text(statement), {"player": player_id})
