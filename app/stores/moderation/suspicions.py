"""Suspicion, the signals that caused it, and the cases that the signals are on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID, uuid4

import sqlalchemy as sa

from anticheat.rules import Signal
from anticheat.suspicion import Suspicion
from app.domain.action_token import Promise
from app.domain.times import utc
from app.stores.postgres.engine import Database

# Signals of the player without a case join this one, and its start moves back to the earliest that still counted.
_JOIN_CASE = """
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


class SuspicionRow(TypedDict):
    """A player's suspicion as JSON: `at` is its time, `cleared_at` when a person last set it to 0."""

    value: float
    at: str
    cleared_at: str | None


_NO_SUSPICION: SuspicionRow = {"value": 0.0, "at": "1970-01-01T00:00:00+00:00", "cleared_at": None}


class SuspicionStore:
    """Writes take the caller's connection: they belong to the transaction that scores, refuses or suspends."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, player_id: str) -> Suspicion:
        """Return the player's suspicion as last written; 0 for a player that never was suspicious."""
        row = self._db.row("SELECT value, at FROM suspicion WHERE player_id = :player", player=player_id)
        return Suspicion(row.value, row.at.timestamp()) if row else Suspicion(0.0, 0.0)

    def add(self, connection: sa.Connection, player_id: str, added: float, at: float, half_life: float) -> Suspicion:
        """Let the suspicion decay to `at`, add, and return it; on the row itself, so concurrent calls both count."""
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

    def clear(self, connection: sa.Connection, player_id: UUID, at: datetime) -> None:
        """Reset the suspicion to 0, for the review of the ledger too: the review then ignores earlier evidence."""
        connection.execute(
            sa.text(
                """
                INSERT INTO suspicion (player_id, value, at, cleared_at) VALUES (:player, 0, :at, :at)
                ON CONFLICT (player_id) DO UPDATE SET value = 0, at = excluded.at, cleared_at = excluded.cleared_at
                """
            ),
            {"player": player_id, "at": at},
        )

    def lock(self, connection: sa.Connection, player_id: UUID) -> SuspicionRow | None:
        """Lock the player's suspicion and return it for `restore`, or `None`."""
        suspicion: SuspicionRow | None = connection.execute(
            sa.text("SELECT to_jsonb(s) - 'player_id' FROM suspicion s WHERE player_id = :player FOR UPDATE"),
            {"player": player_id},
        ).scalar_one_or_none()
        return suspicion

    def restore(
        self, connection: sa.Connection, player_id: UUID, row: SuspicionRow | None, half_life: float
    ) -> Suspicion:
        """Restore `row`, the suspicion before `clear`, with the points added since; without any, exactly `row`."""
        restored = connection.execute(
            sa.text(
                """
                INSERT INTO suspicion AS s (player_id, value, at, cleared_at)
                VALUES (:player, :value, CAST(:at AS timestamptz), CAST(:cleared_at AS timestamptz))
                ON CONFLICT (player_id) DO UPDATE SET
                    value = excluded.value * CASE WHEN s.value = 0 THEN 1 ELSE power(0.5,
                        least(1000, greatest(0, extract(epoch FROM s.at - excluded.at)) / :half_life)) END + s.value,
                    at = CASE WHEN s.value = 0 THEN excluded.at ELSE s.at END,
                    cleared_at = excluded.cleared_at
                RETURNING value, at
                """
            ),
            {"player": player_id, "half_life": half_life, **(row or _NO_SUSPICION)},
        ).one()
        return Suspicion(restored.value, restored.at.timestamp())

    def add_refusal(self, connection: sa.Connection, promise: Promise, signals: Sequence[Signal], *, at: float) -> None:
        """Store once that this action was refused: by the rule that added most, or by `level` if no rule added any.

        A process that dies before it updates Redis leaves the token usable; a second refusal of it changes nothing.
        """
        strongest = max(signals, key=lambda signal: signal.added, default=None)
        connection.execute(
            sa.text(
                """
                INSERT INTO refusals (action_id, player_id, season_id, action_type_id, reason, issued_at, judged_at)
                VALUES (:action, :player, :season, :type, :reason, :issued, :at) ON CONFLICT (action_id) DO NOTHING
                """
            ),
            {
                "action": promise.action_id,
                "player": promise.player_id,
                "season": promise.season_id,
                "type": promise.action_type_id,
                "reason": strongest.rule if strongest else "level",
                "issued": utc(promise.issued_ms / 1000),
                "at": utc(at),
            },
        )

    def add_signals(
        self,
        connection: sa.Connection,
        player_id: str,
        action_id: str,
        action_type: str | None,
        signals: Sequence[Signal],
        *,
        suspicion: float,
        outcome: str,
        at: float,
    ) -> None:
        """Store the values that each rule saw, expected and added."""
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

    def open_case(
        self,
        connection: sa.Connection,
        player_id: str,
        *,
        half_life: float,
        hold: bool,
        since: datetime | None = None,
    ) -> UUID:
        """Return the player's open case, opened if there is none; signals without a case join it.

        It starts at the earliest signal of which at least 1 point remained when it was opened, or at `since` if that is
        earlier. With `hold`, points that the player scores from now on, in this transaction and after it, are held.
        """
        case_id = _ensure_open_case(connection, player_id)
        connection.execute(
            sa.text(_JOIN_CASE),
            {"case": case_id, "player": player_id, "half_life": half_life, "since": since},
        )
        if hold:
            connection.execute(
                sa.text("UPDATE players SET held_under = :case WHERE id = :player AND held_under IS NULL"),
                {"case": case_id, "player": player_id},
            )
        return case_id


def _ensure_open_case(connection: sa.Connection, player_id: str) -> UUID:
    connection.execute(
        sa.text(
            """
            INSERT INTO cases (id, player_id) VALUES (:id, :player)
            ON CONFLICT (player_id) WHERE state = 'open' DO NOTHING
            """
        ),
        {"id": uuid4(), "player": player_id},
    )
    case_id: UUID = connection.execute(
        sa.text("SELECT id FROM cases WHERE player_id = :player AND state = 'open'"),
        {"player": player_id},
    ).scalar_one()
    return case_id
