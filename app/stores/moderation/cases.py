"""Cases, the decisions on them, and appeals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.stores.postgres.engine import Database

_PAGE = """
    SELECT c.case_id, c.state, c.opened_at, c.starts_at, c.decided_at, c.decided_by, c.appealed_at,
           c.player_id, p.username, p.status, s.signals, s.highest_suspicion, s.rules
    FROM (
        SELECT *, id AS case_id FROM cases c
        WHERE (CAST(:state AS text) IS NULL OR c.state = :state)
          AND (CAST(:player AS uuid) IS NULL OR c.player_id = :player)
          AND (CAST(:appealed AS boolean) IS NULL OR (c.appealed_at IS NOT NULL) = :appealed)
          AND (CAST(:since AS timestamptz) IS NULL OR c.opened_at >= :since)
          AND (CAST(:rule AS text) IS NULL
               OR EXISTS (SELECT FROM signals r WHERE r.case_id = c.id AND r.rule = :rule))
          AND (CAST(:after AS uuid) IS NULL
               OR (c.opened_at, c.id) < (SELECT a.opened_at, a.id FROM cases a WHERE a.id = :after))
        ORDER BY c.opened_at DESC, c.id DESC LIMIT :limit
    ) c JOIN players p ON p.id = c.player_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS signals, coalesce(max(suspicion), 0) AS highest_suspicion,
               coalesce(array_agg(DISTINCT rule), '{}') AS rules
        FROM signals WHERE case_id = c.case_id
    ) s
    ORDER BY c.opened_at DESC, c.case_id DESC
"""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which cases; None: any. `since` is about their opening."""

    state: str | None = None
    player_id: UUID | None = None
    rule: str | None = None
    appealed: bool | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Locked:
    """A case as it is until the transaction ends. `starts_at` is since when the player's events are in question."""

    id: UUID
    player_id: UUID
    status: str
    state: str
    starts_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    appealed_at: datetime | None


class CaseStore:
    """Writes take the caller's connection, whose transaction has locked the player."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def page(self, wanted: Filters, *, limit: int, after: UUID | None = None) -> list[dict[str, Any]]:
        """Cases, the newest first, each with how much it holds; those behind the case `after`."""
        rows = self._db.rows(
            _PAGE,
            state=wanted.state,
            player=wanted.player_id,
            rule=wanted.rule,
            appealed=wanted.appealed,
            since=wanted.since,
            after=after,
            limit=limit,
        )
        return [dict(row._mapping) for row in rows]

    def one(self, case_id: UUID) -> dict[str, Any] | None:
        """One case, with its player."""
        row = self._db.row(
            """
            SELECT c.id AS case_id, c.state, c.opened_at, c.starts_at, c.decided_at, c.decided_by, c.reason,
                   c.correction_id, c.appeal, c.appealed_at, c.player_id, p.username, p.status,
                   p.held_under IS NOT DISTINCT FROM c.id AS held, s.cleared_at,
                   (SELECT count(*) FROM signals WHERE case_id = c.id) AS signals
            FROM cases c JOIN players p ON p.id = c.player_id LEFT JOIN suspicion s ON s.player_id = c.player_id
            WHERE c.id = :case
            """,
            case=case_id,
        )
        return dict(row._mapping) if row else None

    def evidence(self, case_id: UUID, most: int) -> list[dict[str, Any]]:
        """The newest signals on a case, the oldest of them first."""
        rows = self._db.rows(
            """
            SELECT * FROM (
                SELECT id, at, source, action_id, action_type, rule, seen, expected, added, suspicion, outcome
                FROM signals WHERE case_id = :case ORDER BY id DESC LIMIT :most
            ) newest ORDER BY id
            """,
            case=case_id,
            most=most,
        )
        return [{name: value for name, value in row._mapping.items() if name != "id"} for row in rows]

    def decisions(self, case_id: UUID) -> list[dict[str, Any]]:
        """What was decided on a case, the oldest first; `decided_by_name` for an admin over HTTP."""
        rows = self._db.rows(
            """
            SELECT d.decision, d.decided_by, p.username AS decided_by_name, d.decided_at, d.reason, d.correction_id,
                   d.request_id
            FROM decisions d LEFT JOIN players p
              ON p.id = CASE WHEN d.decided_by LIKE 'player:%' THEN CAST(substr(d.decided_by, 8) AS uuid) END
            WHERE d.case_id = :case ORDER BY d.id
            """,
            case=case_id,
        )
        return [dict(row._mapping) for row in rows]

    def newest_of(self, player_id: UUID) -> dict[str, Any] | None:
        """What a player may know of their newest case."""
        row = self._db.row(
            """
            SELECT id AS case_id, state, opened_at, decided_at, appealed_at FROM cases
            WHERE player_id = :player ORDER BY opened_at DESC, id DESC LIMIT 1
            """,
            player=player_id,
        )
        return dict(row._mapping) if row else None

    def player_of(self, case_id: UUID) -> UUID | None:
        """Whose case it is; None for no case."""
        row = self._db.row("SELECT player_id FROM cases WHERE id = :case", case=case_id)
        return row.player_id if row else None

    @staticmethod
    def lock(connection: sa.Connection, case_id: UUID) -> Locked:
        """The case, which nobody else changes until the transaction ends."""
        row = connection.execute(
            sa.text(
                """
                SELECT c.id, c.player_id, p.status, c.state, coalesce(c.starts_at, c.opened_at) AS starts_at,
                       c.decided_at, c.decided_by, c.appealed_at
                FROM cases c JOIN players p ON p.id = c.player_id WHERE c.id = :case FOR UPDATE OF c
                """
            ),
            {"case": case_id},
        ).one()
        return Locked(*row)

    @staticmethod
    def newest(connection: sa.Connection, player_id: UUID) -> UUID | None:
        """The player's newest case."""
        found: UUID | None = connection.execute(
            sa.text("SELECT id FROM cases WHERE player_id = :player ORDER BY opened_at DESC, id DESC LIMIT 1"),
            {"player": player_id},
        ).scalar_one_or_none()
        return found

    @staticmethod
    def appeal(connection: sa.Connection, case_id: UUID, text: str) -> datetime:
        """Put the player's appeal on the case; when that was."""
        at: datetime = connection.execute(
            sa.text(
                """
                UPDATE cases SET appeal = :text, appealed_at = clock_timestamp() WHERE id = :case RETURNING appealed_at
                """
            ),
            {"case": case_id, "text": text},
        ).scalar_one()
        return at

    @staticmethod
    def close(
        connection: sa.Connection, case_id: UUID, state: str, actor: str, reason: str, correction_id: UUID | None
    ) -> datetime:
        """Write the decision on the case; when that was."""
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

    @staticmethod
    def reopen(connection: sa.Connection, case_id: UUID) -> None:
        """As if nobody had decided."""
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

    @staticmethod
    def other_open(connection: sa.Connection, case: Locked) -> UUID | None:
        """Another case of the same player that waits for a decision."""
        found: UUID | None = connection.execute(
            sa.text("SELECT id FROM cases WHERE player_id = :player AND state = 'open' AND id <> :case"),
            {"player": case.player_id, "case": case.id},
        ).scalar_one_or_none()
        return found

    @staticmethod
    def add_decision(
        connection: sa.Connection,
        case_id: UUID,
        decision: str,
        *,
        actor: str,
        reason: str,
        before: Mapping[str, Any],
        correction_id: UUID | None,
        request_id: str,
    ) -> None:
        """Keep it for ever."""
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

    @staticmethod
    def before_last(connection: sa.Connection, case_id: UUID) -> dict[str, Any]:
        """What there was before the last decision."""
        before: dict[str, Any] = connection.execute(
            sa.text("SELECT before FROM decisions WHERE case_id = :case ORDER BY id DESC LIMIT 1"),
            {"case": case_id},
        ).scalar_one()
        return before
