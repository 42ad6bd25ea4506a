"""Decisions on cases, and the state before each, so that it can be undone."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TypedDict
from uuid import UUID

import sqlalchemy as sa

from app.stores.moderation.cases import LockedCase
from app.stores.moderation.suspicions import SuspicionRow


class PlayerState(TypedDict):
    """The state that a decision may change, as JSON."""

    status: str
    suspicion: SuspicionRow | None
    held_under: str | None
    held_until: str | None
    held_since: str | None
    held_from: str | None


class DecisionStore:
    """Takes the connection of the transaction that has locked the player and the case."""

    def other_open(self, connection: sa.Connection, case: LockedCase) -> UUID | None:
        """Return another open case of the same player, or `None`."""
        case_id: UUID | None = connection.execute(
            sa.text("SELECT id FROM cases WHERE player_id = :player AND state = 'open' AND id <> :case"),
            {"player": case.player_id, "case": case.id},
        ).scalar_one_or_none()
        return case_id

    def close(
        self, connection: sa.Connection, case_id: UUID, state: str, actor: str, reason: str, correction_id: UUID | None
    ) -> datetime:
        """Store the decision on the case and return its time."""
        at: datetime = connection.execute(
            sa.text(
                """
                UPDATE cases SET state = :state, decided_at = clock_timestamp(), decided_by = :actor, reason = :reason,
                                 correction_id = :correction
                WHERE id = :case RETURNING decided_at
                """
            ),
            {"case": case_id, "state": state, "actor": actor, "reason": reason, "correction": correction_id},
        ).scalar_one()
        return at

    def reopen(self, connection: sa.Connection, case_id: UUID) -> None:
        """Reset the case to open and undecided."""
        connection.execute(
            sa.text(
                """
                UPDATE cases SET state = 'open', decided_at = NULL, decided_by = NULL, reason = NULL,
                                 correction_id = NULL
                WHERE id = :case
                """
            ),
            {"case": case_id},
        )

    def add(
        self,
        connection: sa.Connection,
        case_id: UUID,
        decision: str,
        *,
        actor: str,
        reason: str,
        before: PlayerState,
        correction_id: UUID | None,
        request_id: str,
    ) -> None:
        """Append the decision to the history, from which no row is ever removed."""
        connection.execute(
            sa.text(
                """
                INSERT INTO decisions (case_id, decision, decided_by, reason, before, correction_id, request_id)
                VALUES (:case, :decision, :actor, :reason, CAST(:before AS jsonb), :correction, :request)
                """
            ),
            {
                "case": case_id,
                "decision": decision,
                "actor": actor,
                "reason": reason,
                "before": json.dumps(before),
                "correction": correction_id,
                "request": request_id,
            },
        )

    def state_before_last(self, connection: sa.Connection, case_id: UUID) -> PlayerState:
        """Return the state before the last decision, as `add` stored it.

        Older versions stored `held`, which meant under this case, and no hold reached back.
        """
        before: PlayerState = connection.execute(
            sa.text(
                """
                SELECT jsonb_build_object(
                    'held_under', CASE WHEN before->'held' = 'true' THEN CAST(case_id AS text) END, 'held_until', null,
                    'held_since', null, 'held_from', null
                ) || (before - 'held') FROM decisions WHERE case_id = :case ORDER BY id DESC LIMIT 1
                """
            ),
            {"case": case_id},
        ).scalar_one()
        return before
