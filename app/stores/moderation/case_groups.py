"""Cases of accounts that seem to belong together: each case is in one group or more, and is decided on its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import sqlalchemy as sa

from anticheat.rules import Signal
from app.stores.postgres.engine import Database
from app.stores.postgres.rows import read_row


@dataclass(frozen=True, slots=True)
class LinkedCase:
    """A case of an account that seems to belong to another one."""

    case_id: UUID
    username: str
    status: str
    state: str
    opened_at: datetime


class CaseGroupStore:
    """Groups of cases. Writes take the caller's connection, whose transaction has locked the player."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def linked_cases(self, case_id: UUID, limit: int) -> list[LinkedCase]:
        """Return the other cases of the case's groups, the newest first."""
        rows = self._db.rows(
            """
            SELECT DISTINCT c.id AS case_id, p.username, p.status, c.state, c.opened_at
            FROM case_groups own JOIN case_groups other USING (group_id)
            JOIN cases c ON c.id = other.case_id JOIN players p ON p.id = c.player_id
            WHERE own.case_id = :case AND other.case_id <> :case ORDER BY c.opened_at DESC, c.id LIMIT :limit
            """,
            case=case_id,
            limit=limit,
        )
        return [read_row(row, LinkedCase) for row in rows]

    def group_of(self, players: Sequence[UUID]) -> UUID:
        """Return the group that most open cases of these players are in, or a new one."""
        row = self._db.row(
            """
            SELECT group_id FROM case_groups JOIN cases c ON c.id = case_id
            WHERE c.player_id = ANY(:players) AND c.state = 'open'
            GROUP BY group_id ORDER BY count(*) DESC, group_id LIMIT 1
            """,
            players=list(players),
        )
        return row.group_id if row else uuid4()

    def has_open_case(self, connection: sa.Connection, player_id: UUID, group_id: UUID) -> bool:
        """Return whether the player has an open case in this group."""
        statement = """
            SELECT EXISTS (SELECT FROM case_groups JOIN cases c ON c.id = case_id
                           WHERE c.player_id = :player AND c.state = 'open' AND group_id = :group)
        """
        return bool(connection.execute(sa.text(statement), {"player": player_id, "group": group_id}).scalar_one())

    def add_case(self, connection: sa.Connection, case_id: UUID, group_id: UUID) -> None:
        """Put a case into a group."""
        connection.execute(
            sa.text("INSERT INTO case_groups (case_id, group_id) VALUES (:case, :group) ON CONFLICT DO NOTHING"),
            {"case": case_id, "group": group_id},
        )

    def add_signal(
        self, connection: sa.Connection, player_id: UUID, signal: Signal, *, suspicion: float, at: datetime
    ) -> None:
        """Store a link as a signal; it is about no single action."""
        connection.execute(
            sa.text(
                """
                INSERT INTO signals (player_id, rule, seen, expected, added, suspicion, outcome, at, source)
                VALUES (:player, :rule, :seen, :expected, :added, :suspicion, 'flag', :at, 'linked')
                """
            ),
            {
                "player": player_id,
                "rule": signal.rule,
                "seen": signal.seen,
                "expected": signal.expected,
                "added": signal.added,
                "suspicion": suspicion,
                "at": at,
            },
        )
