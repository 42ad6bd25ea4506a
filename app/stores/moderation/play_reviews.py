"""Players' past plays and the evidence against them, for judging them again, and the findings of that review."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from anticheat.history import HISTORY_LENGTH, Completion, StepDetector
from anticheat.review import ReviewedSignal, ReviewedTry
from anticheat.rules import ActionTypeLimits, Signal
from anticheat.suspicion import FORGIVEN_AFTER
from app.domain.action_types import LIMITS
from app.domain.times import utc
from app.stores.postgres.engine import Database
from app.stores.postgres.past_times import past
from app.stores.postgres.rows import Row, read_row

_FIRST_SPAN = "1 day"  # the first review goes back so far


@dataclass(slots=True)
class Dossier:
    """A player's tries and evidence; only those after `floor` (Unix time) count against the player.

    `cleared_at`: the Unix time at which a person last set their suspicion to 0. `forgiven`: the rules whose evidence
    was cleared so often that it counts a fraction.
    """

    player_id: UUID
    floor: float = 0.0
    cleared_at: float = 0.0
    has_open_case: bool = False
    forgiven: Collection[str] = ()
    tries: list[ReviewedTry] = field(default_factory=list)
    evidence: list[ReviewedSignal] = field(default_factory=list)

    @property
    def counted_tries(self) -> list[ReviewedTry]:
        """Return the tries since a person last cleared the player; those before count no more, not even as history."""
        return [attempt for attempt in self.tries if attempt.completion.completed_at > self.cleared_at]

    @property
    def counted_evidence(self) -> list[ReviewedSignal]:
        """Return the evidence that counts against the player."""
        return [signal for signal in self.evidence if signal.at > self.floor]


@dataclass(frozen=True, slots=True)
class TypeLimits:
    """An action type's limits, and the Unix time since which they hold."""

    limits: ActionTypeLimits
    since: float


@dataclass(frozen=True, slots=True)
class PlayerOutcome:
    """A player's first flag, hold and suspension, number of refused tries, and the last decision of a person."""

    player_id: UUID
    username: str
    flagged_at: datetime | None
    held_at: datetime | None
    suspended_at: datetime | None
    refused: int
    decided: str | None


class ReviewLedger:
    """One snapshot of the ledger and of the evidence."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def active_players(self, since: datetime, until: datetime, player_id: UUID | None) -> list[tuple[UUID, int]]:
        """Return the players that redeemed from `since` to before `until`, with their numbers of redemptions."""
        rows = self._rows(
            """
            SELECT player_id, count(*) AS redeemed FROM score_events
            WHERE created_at >= :since AND created_at < :until AND kind = 'redeem' AND api_key_id IS NULL
              AND (CAST(:player AS uuid) IS NULL OR player_id = :player)
            GROUP BY player_id
            """,
            since=since,
            until=until,
            player=player_id,
        )
        return [(row.player_id, row.redeemed) for row in rows]

    def players_with_tries(self, since: datetime, until: datetime, player_id: UUID | None) -> list[tuple[UUID, int]]:
        """Return the players of `active_players`, and with 0 redemptions those whose tries were all refused."""
        rows = self._rows(
            """
            SELECT DISTINCT player_id FROM refusals
            WHERE judged_at >= :since AND judged_at < :until AND (CAST(:player AS uuid) IS NULL OR player_id = :player)
            """,
            since=since,
            until=until,
            player=player_id,
        )
        scored = dict(self.active_players(since, until, player_id))
        return [*scored.items(), *((row.player_id, 0) for row in rows if row.player_id not in scored)]

    def limits(self) -> dict[str, TypeLimits]:
        """Return the limits of every action type, retired ones too, by slug."""
        rows = self._rows(f"SELECT slug, limits_since, {', '.join(LIMITS)} FROM action_types")
        return {row.slug: TypeLimits(ActionTypeLimits(*row[2:]), row.limits_since.timestamp()) for row in rows}

    def dossiers(
        self, players: Sequence[tuple[UUID, int]], since: datetime, until: datetime, evidence_since: datetime
    ) -> list[Dossier]:
        """Return the players' dossiers: redemptions since `since` to judge, earlier ones as history, and evidence."""
        ids, counts = [player for player, _ in players], [count for _, count in players]
        dossiers = {player: Dossier(player) for player in ids}
        self._add_floors(dossiers, ids)
        self._add_redeemed(dossiers, ids, counts, since, until)
        self._add_refused(dossiers, ids, since, until)
        self._add_evidence(dossiers, ids, evidence_since)
        return list(dossiers.values())

    def _add_floors(self, dossiers: dict[UUID, Dossier], ids: list[UUID]) -> None:
        for row in self._rows(FLOORS, players=ids, times=FORGIVEN_AFTER):
            dossiers[row.player_id].floor = row.floor.timestamp() if row.floor else 0.0
            dossiers[row.player_id].cleared_at = row.cleared_at.timestamp() if row.cleared_at else 0.0
            dossiers[row.player_id].has_open_case = row.open_case
            dossiers[row.player_id].forgiven = row.forgiven

    def _add_redeemed(
        self, dossiers: dict[UUID, Dossier], ids: list[UUID], counts: list[int], since: datetime, until: datetime
    ) -> None:
        rows = self._rows(
            f"""
            SELECT e.action_id, e.player_id, t.slug, e.issued_at, e.created_at, e.judged_at
            FROM unnest(CAST(:players AS uuid[]), CAST(:counts AS bigint[])) AS p (player_id, redeemed)
            CROSS JOIN LATERAL (
                SELECT * FROM score_events
                WHERE player_id = p.player_id AND kind = 'redeem' AND created_at < :until AND api_key_id IS NULL
                ORDER BY id DESC LIMIT p.redeemed + {HISTORY_LENGTH}
            ) AS e JOIN action_types t ON t.id = e.action_type_id WHERE t.result_kind <> 'trusted' ORDER BY e.id
            """,
            players=ids,
            counts=counts,
            until=until,
        )
        clocks = {player: StepDetector() for player in ids}
        for row in rows:
            dossier = dossiers[row.player_id]
            at = (row.judged_at or row.created_at).timestamp()
            if clocks[row.player_id].repeats(at):
                continue
            # Without `judged_at`, the duration of the commit would count as time of play.
            should_judge = row.judged_at is not None and row.created_at >= since and at > dossier.floor
            dossier.tries.append(
                ReviewedTry(str(row.action_id), Completion(row.slug, row.issued_at.timestamp(), at), should_judge)
            )

    def _add_refused(self, dossiers: dict[UUID, Dossier], ids: list[UUID], since: datetime, until: datetime) -> None:
        scored = (attempt.completion.completed_at for dossier in dossiers.values() for attempt in dossier.tries)
        rows = self._rows(
            """
            SELECT r.action_id, r.player_id, t.slug, r.issued_at, r.judged_at
            FROM refusals r JOIN action_types t ON t.id = r.action_type_id
            WHERE r.player_id = ANY(:players) AND r.judged_at >= :since AND r.judged_at < :until
            """,
            players=ids,
            since=utc(min([since.timestamp(), *scored])),
            until=until,
        )
        for row in rows:
            issued = row.issued_at.timestamp() if row.issued_at else math.inf
            completion = Completion(row.slug, issued, row.judged_at.timestamp())
            dossiers[row.player_id].tries.append(ReviewedTry(str(row.action_id), completion, False, refused=True))

    def _add_evidence(self, dossiers: dict[UUID, Dossier], ids: list[UUID], since: datetime) -> None:
        rows = self._rows(
            """
            SELECT player_id, action_id, action_type, at, rule, seen, expected, added, is_hard FROM signals
            WHERE player_id = ANY(:players) AND at >= :since AND source NOT IN ('model', 'linked')
            """,
            players=ids,
            since=since,
        )
        for row in rows:
            dossier, at = dossiers[row.player_id], row.at.timestamp()
            signal = Signal(row.rule, row.seen, row.expected, row.added, row.is_hard)
            dossier.evidence.append(ReviewedSignal(str(row.action_id), row.action_type, at, signal))

    def outcomes(self, players: Sequence[UUID], since: datetime, until: datetime) -> list[PlayerOutcome]:
        """Return the players' outcomes from `since` to before `until`, as they were judged live."""
        rows = self._rows(
            """
            SELECT p.id AS player_id, p.username, s.flagged_at, s.held_at, s.suspended_at,
                   (SELECT count(*) FROM refusals r
                    WHERE r.player_id = p.id AND r.judged_at >= :since AND r.judged_at < :until) AS refused,
                   (SELECT c.state FROM cases c WHERE c.player_id = p.id AND c.decided_at >= :since
                    ORDER BY c.decided_at DESC LIMIT 1) AS decided
            FROM players p CROSS JOIN LATERAL (
                SELECT min(at) FILTER (WHERE outcome <> 'clean') AS flagged_at,
                       min(at) FILTER (WHERE outcome = 'hold') AS held_at,
                       min(at) FILTER (WHERE outcome = 'critical') AS suspended_at
                FROM signals WHERE player_id = p.id AND source = 'live' AND at >= :since AND at < :until
            ) AS s WHERE p.id = ANY(:players) ORDER BY p.id
            """,
            players=list(players),
            since=since,
            until=until,
        )
        return [read_row(row, PlayerOutcome) for row in rows]

    def _rows(self, sql: str, **values: object) -> Sequence[Row]:
        return self._connection.execute(sa.text(sql), values).fetchall()


# Evidence that a person has decided on, or cleared, does not count against a player again.
FLOORS = f"""
    SELECT p.player_id, {past("s.cleared_at")} AS cleared_at,
           greatest({past("s.cleared_at")}, max({past("c.decided_at")})) AS floor,
           coalesce(bool_or(c.state = 'open'), false) AS open_case,
           ARRAY(SELECT rule FROM cleared_rules r WHERE r.player_id = p.player_id AND r.times >= :times) AS forgiven
    FROM unnest(CAST(:players AS uuid[])) AS p (player_id)
    LEFT JOIN suspicion s ON s.player_id = p.player_id LEFT JOIN cases c ON c.player_id = p.player_id
    GROUP BY p.player_id, s.cleared_at
"""


class ReviewStore:
    """The review's progress and findings. Writes take the caller's connection, which is the primary's."""

    @contextmanager
    def ledger(self, source: Database) -> Iterator[ReviewLedger]:
        """Yield a snapshot of the ledger on `source`, the primary or a replica."""
        with source.snapshot() as connection:
            yield ReviewLedger(connection)

    def lock(self, connection: sa.Connection) -> bool:
        """Take the review's lock until this transaction ends; return False if another process has it."""
        statement = sa.text("SELECT pg_try_advisory_xact_lock(hashtext('fairboard review'))")
        return bool(connection.execute(statement).scalar_one())

    def progress(self, connection: sa.Connection) -> tuple[datetime, datetime]:
        """Return the time before which the ledger has been reviewed, and the database's time now."""
        connection.execute(
            sa.text(
                f"""
                INSERT INTO review_progress (number, reviewed_before) VALUES (1, now() - interval '{_FIRST_SPAN}')
                ON CONFLICT DO NOTHING
                """
            )
        )
        row = connection.execute(sa.text("SELECT reviewed_before, now() AS now FROM review_progress")).one()
        return row.reviewed_before, row.now

    def store_progress(self, connection: sa.Connection, reviewed_before: datetime) -> None:
        """Store the time before which the ledger has been reviewed."""
        connection.execute(sa.text("UPDATE review_progress SET reviewed_before = :to"), {"to": reviewed_before})

    def lock_player(self, connection: sa.Connection, player_id: UUID) -> tuple[float, bool]:
        """Lock the player against decisions, and return their floor (Unix time) and whether a case is open."""
        connection.execute(sa.text("SELECT FROM players WHERE id = :player FOR NO KEY UPDATE"), {"player": player_id})
        row = connection.execute(sa.text(FLOORS), {"players": [player_id], "times": FORGIVEN_AFTER}).one()
        return (row.floor.timestamp() if row.floor else 0.0), row.open_case

    def add_signals(
        self, connection: sa.Connection, player_id: UUID, findings: Sequence[tuple[ReviewedSignal, float]], flag: float
    ) -> int:
        """Store the review's findings (signal, suspicion), each once; return the number of new ones."""
        added = 0
        for finding, suspicion in findings:
            added += connection.execute(
                sa.text(
                    """
                    INSERT INTO signals (player_id, action_id, action_type, rule, seen, expected, added, suspicion,
                                         outcome, at, is_hard, source)
                    VALUES (:player, :action, :type, :rule, :seen, :expected, :added, :suspicion, :outcome, :at,
                            :is_hard, 'review')
                    ON CONFLICT (action_id, rule) WHERE source = 'review' DO NOTHING
                    """
                ),
                {
                    "player": player_id,
                    "action": finding.action_id,
                    "type": finding.action_type,
                    "rule": finding.signal.rule,
                    "seen": finding.signal.seen,
                    "expected": finding.signal.expected,
                    "added": finding.signal.added,
                    "suspicion": suspicion,
                    "outcome": "flag" if suspicion >= flag else "clean",
                    "at": utc(finding.at),
                    "is_hard": finding.signal.is_hard,
                },
            ).rowcount
        return added
