"""The act that has suspended a player, as the audit log and the cases record it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.stores.postgres.engine import Database
from app.stores.postgres.rows import read_row

_NEWEST = """
    SELECT * FROM (
        (
            SELECT at, actor AS by, CAST(NULL AS uuid) AS case_id, coalesce(
                CAST(details AS jsonb)->>'reason', 'a suspicion of ' || (CAST(details AS jsonb)->>'suspicion')
            ) AS reason
            FROM audit_log WHERE subject = :subject AND act = 'player.suspended'
              AND CAST(details AS jsonb)->'changed' IS DISTINCT FROM 'false'
            ORDER BY id DESC LIMIT 1
        )
        UNION ALL
        (
            SELECT decided_at, decided_by, id, reason FROM cases WHERE player_id = :player AND state = 'confirmed'
            ORDER BY decided_at DESC LIMIT 1
        )
    ) acts ORDER BY at DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Suspension:
    """A suspension: `by` is named as in app.domain.actors; `case_id` is the case whose confirmation it was, if any."""

    at: datetime
    by: str
    case_id: UUID | None
    reason: str | None


class SuspensionStore:
    """Suspensions are acts in the audit log, or confirmed cases; they have no table of their own."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def newest(self, player_id: UUID) -> Suspension | None:
        """Return the act that has suspended the player last, or `None`."""
        row = self._db.row(_NEWEST, subject=f"player:{player_id}", player=player_id)
        return read_row(row, Suspension) if row else None
