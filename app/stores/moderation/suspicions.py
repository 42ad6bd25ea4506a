"""Suspicion, the signals that caused it, and the cases that the signals are on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NotRequired, TypedDict
from uuid import UUID, uuid4

import sqlalchemy as sa

from anticheat.rules import Signal
from anticheat.suspicion import FORGIVEN_AFTER, Suspicion, combined, raised
from anticheat.verdict import Thresholds
from app.domain.action_token import Promise
from app.domain.times import utc
from app.stores.operations.webhook_outbox import note_case
from app.stores.postgres.engine import Database
from app.stores.postgres.past_times import CLOCKS_DIFFER, past
from app.stores.postgres.rows import Row

# Signals of the player without a case join this one, and its start moves back to the earliest that still counted, but
# not before a person cleared the suspicion.
_JOIN_CASE = """
    WITH joined AS (
        UPDATE signals SET case_id = :case WHERE player_id = :player AND case_id IS NULL RETURNING at, added
    ), earliest AS (
        SELECT least(min(j.at), CAST(:since AS timestamptz)) AS at FROM cases c LEFT JOIN joined j
        ON j.added * power(0.5, least(1000, greatest(0, extract(epoch FROM c.opened_at - j.at)) / :half_life)) >= 1
        WHERE c.id = :case
    )
    UPDATE cases c SET starts_at = least(c.starts_at, e.at, c.opened_at) FROM (
        SELECT greatest(at, (SELECT cleared_at FROM suspicion WHERE player_id = :player)) AS at FROM earliest
    ) e WHERE c.id = :case AND (c.starts_at IS NULL OR e.at < c.starts_at)
"""


# A hold without an end stays one.
_HOLD = """
    UPDATE players SET held_under = coalesce(held_under, :hold),
        held_until = CASE WHEN held_under IS NULL OR held_until IS NOT NULL THEN CAST(:until AS timestamptz) END
    WHERE id = :player
"""
_FORGIVEN = "SELECT rule FROM cleared_rules WHERE player_id = :player AND times >= :times"
_KIND = "CASE source WHEN 'model' THEN 'model' ELSE rule END"


class SuspicionRow(TypedDict):
    """A player's suspicion as JSON: `at` is its time, `cleared_at` when a person last set it to 0.

    Rows of before evidence was hard or soft lack `soft`.
    """

    value: float
    soft: NotRequired[float]
    at: str
    cleared_at: str | None


def suspicion_of(row: SuspicionRow | None) -> Suspicion:
    """Return the suspicion of a row; 0 without one."""
    if row is None:
        return Suspicion(0.0, 0.0)
    return Suspicion(row["value"], datetime.fromisoformat(row["at"]).timestamp(), row.get("soft", 0.0))


class SuspicionStore:
    """Writes take the caller's connection: they belong to the transaction that scores, refuses or suspends."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, player_id: str) -> Suspicion:
        """Return the player's suspicion as last written; 0 for a player that never was suspicious."""
        return self.state(player_id)[0]

    def state(self, player_id: str) -> tuple[Suspicion, float]:
        """Return the suspicion, and the Unix time at which a person last cleared it; 0 if none did."""
        row = self._db.row(
            f"SELECT value, at, soft, {past('cleared_at')} AS cleared_at FROM suspicion WHERE player_id = :player",
            player=player_id,
        )
        if row is None:
            return Suspicion(0.0, 0.0), 0.0
        cleared_at = row.cleared_at.timestamp() if row.cleared_at else 0.0
        return Suspicion(row.value, row.at.timestamp(), row.soft), cleared_at

    def set_back(self, now: datetime) -> int:
        """Let suspicions from before the clock was set back decay from `now` on; return their number."""
        with self._db.transaction() as connection:
            rows = connection.execute(
                sa.text("UPDATE suspicion SET at = :now WHERE at > :now + make_interval(secs => :differ)"),
                {"now": now, "differ": CLOCKS_DIFFER},
            )
            return rows.rowcount

    def add(
        self,
        connection: sa.Connection,
        player_id: str,
        signals: Sequence[Signal],
        at: float,
        thresholds: Thresholds,
        forgiven: Collection[str] = (),
    ) -> Suspicion:
        """Let the suspicion decay to `at`, add the signals, and return it; concurrent calls all count."""
        row = connection.execute(
            sa.text(
                """
                INSERT INTO suspicion AS s (player_id, value, at) VALUES (:player, 0, :at)
                ON CONFLICT (player_id) DO UPDATE SET value = s.value RETURNING value, at, soft
                """
            ),
            {"player": player_id, "at": utc(at)},
        ).one()
        suspicion = raised(
            Suspicion(row.value, row.at.timestamp(), row.soft),
            signals,
            at,
            half_life=thresholds.half_life,
            soft_ceiling=thresholds.soft_ceiling,
            hold=thresholds.hold,
            forgiven=forgiven,
        )
        self._write(connection, player_id, suspicion)
        return suspicion

    @staticmethod
    def _write(connection: sa.Connection, player_id: UUID | str, suspicion: Suspicion) -> None:
        connection.execute(
            sa.text("UPDATE suspicion SET value = :value, soft = :soft, at = :at WHERE player_id = :player"),
            {"value": suspicion.value, "soft": suspicion.soft, "at": utc(suspicion.at), "player": player_id},
        )

    def forgiven(self, player_id: str, connection: sa.Connection | None = None) -> frozenset[str]:
        """Return the kinds of evidence that were cleared so often for this player that they count a fraction.

        Within a transaction, pass its `connection`.
        """
        values = {"player": player_id, "times": FORGIVEN_AFTER}
        if connection is None:
            rows: Iterable[Row] = self._db.rows(_FORGIVEN, **values)
        else:
            rows = connection.execute(sa.text(_FORGIVEN), values)
        return frozenset(row.rule for row in rows)

    def count_clearing(self, connection: sa.Connection, case_id: UUID, times: int) -> None:
        """Count that the evidence on this case was cleared `times` times more (-1: once less)."""
        connection.execute(
            sa.text(
                f"""
                INSERT INTO cleared_rules AS r (player_id, rule, times)
                SELECT player_id, {_KIND}, greatest(0, :times) FROM signals WHERE case_id = :case GROUP BY 1, 2
                ON CONFLICT (player_id, rule) DO UPDATE SET times = greatest(0, r.times + :times)
                """
            ),
            {"case": case_id, "times": times},
        )

    def clear(self, connection: sa.Connection, player_id: UUID, at: datetime) -> None:
        """Reset the suspicion to 0: the rules, the review and the model then ignore the play of before."""
        connection.execute(
            sa.text(
                """
                INSERT INTO suspicion (player_id, value, at, cleared_at) VALUES (:player, 0, :at, :at)
                ON CONFLICT (player_id) DO UPDATE
                SET value = 0, soft = 0, at = excluded.at, cleared_at = excluded.cleared_at
                """
            ),
            {"player": player_id, "at": at},
        )

    def lock(self, connection: sa.Connection, player_id: UUID | str) -> SuspicionRow | None:
        """Lock the player's suspicion and return it for `restore`, or `None`."""
        suspicion: SuspicionRow | None = connection.execute(
            sa.text("SELECT to_jsonb(s) - 'player_id' FROM suspicion s WHERE player_id = :player FOR UPDATE"),
            {"player": player_id},
        ).scalar_one_or_none()
        return suspicion

    def restore(
        self, connection: sa.Connection, player_id: UUID, row: SuspicionRow | None, thresholds: Thresholds
    ) -> Suspicion:
        """Restore `row`, the suspicion before `clear`, with the points added since; without any, exactly `row`."""
        suspicion, since = suspicion_of(row), suspicion_of(self.lock(connection, player_id))
        if since.value > 0:
            suspicion = combined(suspicion, since, half_life=thresholds.half_life, soft_ceiling=thresholds.soft_ceiling)
        self._write(connection, player_id, suspicion)
        connection.execute(
            sa.text("UPDATE suspicion SET cleared_at = CAST(:at AS timestamptz) WHERE player_id = :player"),
            {"at": row and row["cleared_at"], "player": player_id},
        )
        return suspicion

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
                    (player_id, action_id, action_type, rule, seen, expected, added, suspicion, outcome, at, is_hard)
                VALUES (:player, :action, :type, :rule, :seen, :expected, :added, :suspicion, :outcome, :at, :is_hard)
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
                    "is_hard": signal.is_hard,
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
        held_until: datetime | None = None,
        since: datetime | None = None,
    ) -> UUID:
        """Return the player's open case, opened if there is none; signals without a case join it.

        It starts at the earliest signal of which at least 1 point remained when it was opened, or at `since` if that is
        earlier. With `hold`, points that the player scores from now on, in this transaction and after it, are held:
        until the decision, or with `held_until` until the suspicion has decayed, which is not before that time.
        """
        case_id = _ensure_open_case(connection, player_id)
        connection.execute(
            sa.text(_JOIN_CASE),
            {"case": case_id, "player": player_id, "half_life": half_life, "since": since},
        )
        if hold:
            connection.execute(
                sa.text(_HOLD),
                # A case can be held again after a hold of its own has ended: what was released then stays released.
                {"hold": case_id if held_until is None else uuid4(), "until": held_until, "player": player_id},
            )
        return case_id


def _ensure_open_case(connection: sa.Connection, player_id: str) -> UUID:
    inserted = connection.execute(
        sa.text(
            """
            INSERT INTO cases (id, player_id) VALUES (:id, :player)
            ON CONFLICT (player_id) WHERE state = 'open' DO NOTHING
            """
        ),
        {"id": uuid4(), "player": player_id},
    ).rowcount
    case_id: UUID = connection.execute(
        sa.text("SELECT id FROM cases WHERE player_id = :player AND state = 'open'"),
        {"player": player_id},
    ).scalar_one()
    if inserted:
        note_case(connection, UUID(player_id), case_id)
    return case_id
