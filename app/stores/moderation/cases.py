"""Cases with their evidence and the decisions on them, and appeals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from anticheat.harm import Harm
from app.stores.postgres.engine import Database
from app.stores.postgres.rows import read_row

MATCHES = """
    (CAST(:state AS text) IS NULL OR c.state = :state)
    AND (CAST(:player AS uuid) IS NULL OR c.player_id = :player)
    AND (CAST(:appealed AS boolean) IS NULL OR (c.appealed_at IS NOT NULL) = :appealed)
    AND (CAST(:since AS timestamptz) IS NULL OR c.opened_at >= :since)
    AND (CAST(:rule AS text) IS NULL
         OR EXISTS (SELECT FROM signals r WHERE r.case_id = c.id AND :rule IN (r.rule, r.source)))
"""
"""The condition on cases `c` of some filters; `values_of` returns its parameters."""

_LISTED = """
    SELECT c.case_id, c.state, c.opened_at, c.starts_at, c.decided_at, c.decided_by, c.appealed_at,
           c.player_id, p.username, p.status, s.signals, s.highest_suspicion, s.rules
    FROM (SELECT *, id AS case_id FROM cases c WHERE {selected}) c JOIN players p ON p.id = c.player_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS signals, coalesce(max(suspicion), 0) AS highest_suspicion,
               coalesce(array_agg(DISTINCT rule), '{{}}') AS rules
        FROM signals WHERE case_id = c.case_id
    ) s
    ORDER BY c.opened_at DESC, c.case_id DESC
"""
_PAGE = _LISTED.format(
    selected=f"""
        {MATCHES} AND (CAST(:after AS uuid) IS NULL
            OR (c.opened_at, c.id) < (SELECT a.opened_at, a.id FROM cases a WHERE a.id = :after))
        ORDER BY c.opened_at DESC, c.id DESC LIMIT :limit
    """
)
_CHOSEN = _LISTED.format(selected="c.id = ANY(:cases)")


@dataclass(frozen=True, slots=True)
class Filters:
    """Filters of cases; `None`: any. `since` is about their opening."""

    state: str | None = None
    player_id: UUID | None = None
    rule: str | None = None
    appealed: bool | None = None
    since: datetime | None = None


def values_of(filters: Filters) -> dict[str, object]:
    """Return the parameters of MATCHES."""
    return {
        "state": filters.state,
        "player": filters.player_id,
        "rule": filters.rule,
        "appealed": filters.appealed,
        "since": filters.since,
    }


@dataclass(frozen=True, slots=True)
class LockedCase:
    """A case, locked until the transaction ends. The player's events since `starts_at` are in question."""

    id: UUID
    player_id: UUID
    status: str
    state: str
    starts_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    appealed_at: datetime | None


@dataclass(frozen=True, slots=True)
class OwnCase:
    """The parts of a case that its player may know."""

    case_id: UUID
    state: str
    opened_at: datetime
    decided_at: datetime | None
    appealed_at: datetime | None

    @property
    def may_appeal(self) -> bool:
        """Return whether the player may still appeal, which is possible once, and not against a cleared case."""
        return self.appealed_at is None and self.state != "cleared"


@dataclass(frozen=True, slots=True)
class ListedCase:
    """A case of a list, with a summary of its signals, and the harm that may come of it while it is open."""

    case_id: UUID
    state: str
    opened_at: datetime
    starts_at: datetime | None
    decided_at: datetime | None
    decided_by: str | None
    appealed_at: datetime | None
    player_id: UUID
    username: str
    status: str
    signals: int
    highest_suspicion: float
    rules: list[str]
    harm: Harm | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A case with its player and its number of signals.

    `held`: the player's points are held under it, `cleared_at`: a person last set their suspicion to 0.
    """

    case_id: UUID
    state: str
    opened_at: datetime
    starts_at: datetime | None
    decided_at: datetime | None
    decided_by: str | None
    reason: str | None
    correction_id: UUID | None
    appeal: str | None
    appealed_at: datetime | None
    player_id: UUID
    username: str
    status: str
    held: bool
    cleared_at: datetime | None
    signals: int


@dataclass(frozen=True, slots=True)
class StoredDecision:
    """A decision on a case; `decided_by_name` is set if an admin decided over HTTP."""

    decision: str
    decided_by: str
    decided_by_name: str | None
    decided_at: datetime
    reason: str
    correction_id: UUID | None
    request_id: str


@dataclass(frozen=True, slots=True)
class StoredSignal:
    """A signal on a case, with the suspicion that the player had after it."""

    at: datetime
    source: str
    action_id: UUID | None
    action_type: str | None
    rule: str
    seen: str
    expected: str
    added: float
    suspicion: float
    outcome: str
    is_hard: bool


class CaseStore:
    """Cases. Writes take the caller's connection, whose transaction has locked the player."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def page(self, filters: Filters, *, limit: int, after: UUID | None = None) -> list[ListedCase]:
        """Return cases, the newest first, that follow the case `after`, each with a summary of its signals."""
        rows = self._db.rows(_PAGE, **values_of(filters), after=after, limit=limit)
        return [read_row(row, ListedCase) for row in rows]

    def chosen(self, case_ids: Sequence[UUID]) -> list[ListedCase]:
        """Return these cases in their order, each with a summary of its signals."""
        rows = {row.case_id: read_row(row, ListedCase) for row in self._db.rows(_CHOSEN, cases=list(case_ids))}
        return [rows[case_id] for case_id in case_ids if case_id in rows]

    def case(self, case_id: UUID) -> Case | None:
        """Return a case with its player, or `None`."""
        row = self._db.row(
            """
            SELECT c.id AS case_id, c.state, c.opened_at, c.starts_at, c.decided_at, c.decided_by, c.reason,
                   c.correction_id, c.appeal, c.appealed_at, c.player_id, p.username, p.status,
                   c.state = 'open' AND p.held_under IS NOT NULL AS held, s.cleared_at,
                   (SELECT count(*) FROM signals WHERE case_id = c.id) AS signals
            FROM cases c JOIN players p ON p.id = c.player_id LEFT JOIN suspicion s ON s.player_id = c.player_id
            WHERE c.id = :case
            """,
            case=case_id,
        )
        return read_row(row, Case) if row else None

    def evidence(self, case_id: UUID, limit: int) -> list[StoredSignal]:
        """Return the newest `limit` signals on a case, the oldest of them first."""
        rows = self._db.rows(
            """
            SELECT * FROM (
                SELECT id, at, source, action_id, action_type, rule, seen, expected, added, suspicion, outcome,
                       is_hard
                FROM signals WHERE case_id = :case ORDER BY id DESC LIMIT :most
            ) newest ORDER BY id
            """,
            case=case_id,
            most=limit,
        )
        return [read_row(row, StoredSignal, without="id") for row in rows]

    def level_refusals(self, case_id: UUID) -> int:
        """Return how many tries without a signal were refused, from the case's start to its decision."""
        row = self._db.row(
            """
            SELECT count(*) AS refusals FROM cases c JOIN refusals r ON r.player_id = c.player_id
            WHERE c.id = :case AND r.reason = 'level' AND r.judged_at >= coalesce(c.starts_at, c.opened_at)
              AND r.judged_at <= coalesce(c.decided_at, 'infinity')
            """,
            case=case_id,
        )
        return int(row.refusals) if row else 0

    def decisions(self, case_id: UUID) -> list[StoredDecision]:
        """Return the decisions on a case, the oldest first."""
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
        return [read_row(row, StoredDecision) for row in rows]

    def newest_of(self, player_id: UUID) -> OwnCase | None:
        """Return the parts of their newest case that a player may know, or `None`."""
        row = self._db.row(
            """
            SELECT id AS case_id, state, opened_at, decided_at, appealed_at FROM cases
            WHERE player_id = :player ORDER BY opened_at DESC, id DESC LIMIT 1
            """,
            player=player_id,
        )
        return read_row(row, OwnCase) if row else None

    def player_of(self, case_id: UUID) -> UUID | None:
        """Return the player of a case, or `None` if there is no such case."""
        row = self._db.row("SELECT player_id FROM cases WHERE id = :case", case=case_id)
        return row.player_id if row else None

    def lock(self, connection: sa.Connection, case_id: UUID) -> LockedCase:
        """Lock the case until the transaction ends, and return it.

        A stronger lock would exclude the rows that refer to it: a restore, and the last step of a void, have locked the
        void before they refer to the case, and a decision locks them in the other order.
        """
        row = connection.execute(
            sa.text(
                """
                SELECT c.id, c.player_id, p.status, c.state, coalesce(c.starts_at, c.opened_at) AS starts_at,
                       c.decided_at, c.decided_by, c.appealed_at
                FROM cases c JOIN players p ON p.id = c.player_id WHERE c.id = :case
                FOR NO KEY UPDATE OF c
                """
            ),
            {"case": case_id},
        ).one()
        return LockedCase(*row)

    def newest(self, connection: sa.Connection, player_id: UUID) -> UUID | None:
        """Return the player's newest case, or `None`."""
        case_id: UUID | None = connection.execute(
            sa.text("SELECT id FROM cases WHERE player_id = :player ORDER BY opened_at DESC, id DESC LIMIT 1"),
            {"player": player_id},
        ).scalar_one_or_none()
        return case_id

    def appeal(self, connection: sa.Connection, case_id: UUID, text: str) -> datetime:
        """Store the player's appeal on the case and return its time."""
        at: datetime = connection.execute(
            sa.text(
                """
                UPDATE cases SET appeal = :text, appealed_at = clock_timestamp() WHERE id = :case RETURNING appealed_at
                """
            ),
            {"case": case_id, "text": text},
        ).scalar_one()
        return at
