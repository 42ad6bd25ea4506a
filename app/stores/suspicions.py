"""Suspicion, the signals that made it, and the cases they are on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from anticheat.rules import Signal
from anticheat.suspicion import Suspicion
from app.domain.action_token import Promise
from app.domain.times import utc
from app.stores.database import Database

# Puts the player's signals that are on no case yet on this one, and its start back to the earliest that still counted.
_JOIN = """
    WITH joined AS (
        UPDATE signals SET case_id = :case WHERE player_id = :player AND case_id IS NULL RETURNING at, added
    ), earliest AS (
        SELECT least(min(j.at), CAST(:since AS timestamptz)) AS at FROM cases c LEFT JOIN joined j
        ON j.added * power(0.5, least(1000, greatest(0, extract(epoch FROM c.opened_at - j.at)) / :half_life)) >= 1
        WHERE c.id = :case
    )
    UPDATE cases c SET starts_at = least(c.starts_at, e.at, c.opened_at) FROM earliest e
    WHERE c.id = :case AND (c.starts_at IS NULL OR e.at < c.starts_at)
"""


class SuspicionStore:
    """Writes take the caller's connection: they belong to the transaction that scores, refuses or suspends."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, player_id: str) -> Suspicion:
        """The player's suspicion as last written; 0 for one who never was suspicious."""
        row = self._db.row("SELECT value, at FROM suspicion WHERE player_id = :player", player=player_id)
        return Suspicion(row.value, row.at.timestamp()) if row else Suspicion(0.0, 0.0)

    @staticmethod
    def add(connection: sa.Connection, player_id: str, added: float, at: float, half_life: float) -> Suspicion:
        """Let it decay to `at`, then add; on the row itself, so that two redemptions at once both count."""
        row = connection.execute(
            sa.text(
                """
                INSERT INTO suspicion AS s (player_id, value, at) VALUES (:player, :added, :at)
                ON CONFLICT (player_id) DO UPDATE SET
                    value = excluded.value + s.value * power(0.5,
                        least(1000, greatest(0, extract(epoch FROM excluded.at - s.at)) / :half_life)),
                    at = greatest(s.at, excluded.at)
                RETURNING value, at
                """
            ),
            {"player": player_id, "added": added, "at": utc(at), "half_life": half_life},
        ).one()
        return Suspicion(row.value, row.at.timestamp())

    @staticmethod
    def clear(connection: sa.Connection, player_id: UUID, at: datetime) -> None:
        """Back to 0, for the review of the ledger too: it doesn't count what was before."""
        connection.execute(
            sa.text(
                """
                INSERT INTO suspicion (player_id, value, at, cleared_at) VALUES (:player, 0, :at, :at)
                ON CONFLICT (player_id) DO UPDATE SET value = 0, at = excluded.at, cleared_at = excluded.cleared_at
                """
            ),
            {"player": player_id, "at": at},
        )

    @staticmethod
    def add_refusal(connection: sa.Connection, promise: Promise, signals: Sequence[Signal], *, at: float) -> None:
        """Keep that this action was refused, once: by the rule that added most, or `level` where none added anything.

        A process that dies before Redis knows leaves the token usable; what is refused then was refused already.
        """
        most = max(signals, key=lambda signal: signal.added, default=None)
        connection.execute(
            sa.text(
                """
                INSERT INTO refusals (action_id, player_id, season_id, action_type_id, reason, judged_at)
                VALUES (:action, :player, :season, :type, :reason, :at) ON CONFLICT (action_id) DO NOTHING
                """
            ),
            {
                "action": promise.action_id,
                "player": promise.player_id,
                "season": promise.season_id,
                "type": promise.action_type_id,
                "reason": most.rule if most else "level",
                "at": utc(at),
            },
        )

    @staticmethod
    def add_signals(
        connection: sa.Connection,
        player_id: str,
        action_id: str,
        action_type: str,
        signals: Sequence[Signal],
        *,
        suspicion: float,
        outcome: str,
        at: float,
    ) -> None:
        """Keep what each rule saw, expected and added."""
        if not signals:
            return
        connection.execute(
            sa.text(
                """
                INSERT INTO signals
                    (player_id, action_id, action_type, rule, seen, expected, added, suspicion, outcome, at)
                VALUES (:player, :action, :type, :rule, :seen, :expected, :added, :suspicion, :outcome, :at)
                """
            ),
            [
                {
                    "player": player_id,
                    "action": action_id,
                    "type": action_type,
                    "rule": signal.rule,
                    "seen": signal.seen,
                    "expected": signal.expected,
                    "added": signal.added,
                    "suspicion": suspicion,
                    "outcome": outcome,
                    "at": utc(at),
                }
                for signal in signals
            ],
        )

    @staticmethod
    def open_case(
        connection: sa.Connection,
        player_id: str,
        *,
        half_life: float,
        hold: bool,
        since: datetime | None = None,
    ) -> UUID:
        """The player's open case, opened if there is none; signals not on a case yet join it.

        It starts at the earliest signal of which at least 1 point was left when it was opened, or at `since` if that is
        earlier. With `hold`, what the player scores from now on in this transaction, and after it, is held.
        """
        case_id = _open(connection, player_id)
        connection.execute(
            sa.text(_JOIN),
            {"case": case_id, "player": player_id, "half_life": half_life, "since": since},
        )
        if hold:
            connection.execute(
                sa.text("UPDATE players SET held_under = :case WHERE id = :player AND held_under IS NULL"),
                {"case": case_id, "player": player_id},
            )
        return case_id

    def cases(self, *, state: str | None, limit: int, player_id: UUID | None = None) -> list[dict[str, Any]]:
        """Cases, the newest first, each with how much it holds."""
        rows = self._db.rows(
            """
            SELECT c.id AS case_id, c.state, c.opened_at, c.player_id, p.username, p.status,
                   count(s.id) AS signals, coalesce(max(s.suspicion), 0) AS highest_suspicion,
                   array_remove(array_agg(DISTINCT s.rule), NULL) AS rules
            FROM cases c JOIN players p ON p.id = c.player_id LEFT JOIN signals s ON s.case_id = c.id
            WHERE (CAST(:state AS text) IS NULL OR c.state = :state)
              AND (CAST(:player AS uuid) IS NULL OR c.player_id = :player)
            GROUP BY c.id, p.id ORDER BY c.opened_at DESC LIMIT :limit
            """,
            state=state,
            player=player_id,
            limit=limit,
        )
        return [dict(row._mapping) for row in rows]

    def case(self, case_id: UUID) -> dict[str, Any] | None:
        """One case, with its player."""
        row = self._db.row(
            """
            SELECT c.id AS case_id, c.state, c.opened_at, c.decided_at, c.player_id, p.username, p.status
            FROM cases c JOIN players p ON p.id = c.player_id WHERE c.id = :case
            """,
            case=case_id,
        )
        return dict(row._mapping) if row else None

    def signals(self, case_id: UUID) -> list[dict[str, Any]]:
        """What is on a case, the oldest first."""
        rows = self._db.rows(
            """
            SELECT at, action_id, action_type, rule, seen, expected, added, suspicion, outcome, source
            FROM signals WHERE case_id = :case ORDER BY id
            """,
            case=case_id,
        )
        return [dict(row._mapping) for row in rows]


def _open(connection: sa.Connection, player_id: str) -> UUID:
    connection.execute(
        sa.text(
            """
            INSERT INTO cases (id, player_id) VALUES (:id, :player)
            ON CONFLICT (player_id) WHERE state = 'open' DO NOTHING
            """
        ),
        {"id": uuid4(), "player": player_id},
    )
    found: UUID = connection.execute(
        sa.text("SELECT id FROM cases WHERE player_id = :player AND state = 'open'"),
        {"player": player_id},
    ).scalar_one()
    return found
