"""Redemptions: the score event, the standing, the outbox row and the first answer to a key, in one statement.

A void or a restore changes scores too: `stores/moderation/correction_batches.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg.errors
import sqlalchemy as sa
from psycopg.rows import TupleRow
from sqlalchemy.exc import IntegrityError

from anticheat.history import Completion
from app.domain.action_token import Promise
from app.domain.boards import MAX_SCORE, Season
from app.domain.times import utc
from app.stores.boards.counting import WAS_HELD
from app.stores.postgres.engine import Database
from app.stores.postgres.rows import Row, read_row

# One statement in one transaction locks and reads the score, writes it, and writes the event and its outbox row. A
# second redemption of the action violates the event's unique action id, which rolls back the whole statement.
# The event has exactly the standing's time, so that this can be computed from events. (Points under a case are held:
# then the standing keeps the time of its last public event.) Standing and event use one read of the player's
# `held_under`, so that the held points are the sum of the held events, even if a case is decided meanwhile.
_STANDING = f"""
WITH who AS MATERIALIZED (
    SELECT id, held_under FROM players WHERE id = %(player)s AND status = 'active'
), standing AS (
    INSERT INTO standings AS s (season_id, player_id, score, held, changes, achieved_at)
    SELECT %(season)s, id, CASE WHEN {WAS_HELD} THEN 0 ELSE %(points)s::bigint END,
           CASE WHEN {WAS_HELD} THEN %(points)s::bigint ELSE 0 END, 1, clock_timestamp()
    FROM who
    ON CONFLICT (season_id, player_id) DO UPDATE
    SET score = s.score + excluded.score, held = s.held + excluded.held, changes = s.changes + 1,
        achieved_at = CASE WHEN excluded.held = 0 THEN clock_timestamp() ELSE s.achieved_at END
    WHERE s.score + s.held + excluded.score + excluded.held <= %(most)s::bigint
    RETURNING score + held AS score, held, changes, achieved_at
), event AS (
    INSERT INTO score_events
        (action_id, player_id, season_id, action_type_id, points, previous_score, score, issued_at, judged_at,
         request_id, created_at, held_under)
    SELECT %(action)s, %(player)s, %(season)s, %(type)s, %(points)s, score - %(points)s, score, %(issued)s,
           %(judged)s::timestamptz, %(request)s,
           CASE WHEN {WAS_HELD} THEN clock_timestamp() ELSE achieved_at END, held_under
    FROM standing, who RETURNING id
), queued AS (
    INSERT INTO outbox (season_id, player_id, event_id, request_id)
    SELECT %(season)s, %(player)s, id, %(request)s FROM event
)"""
_KEYED = """, keyed AS (
    INSERT INTO idempotency (player_id, key, fingerprint, action_id, outcome)
    SELECT %(player)s, %(key)s, %(fingerprint)s, %(action)s, 'scored' FROM standing
)"""
# No row for a player who isn't active, and a row of nulls for a player whose score would exceed the limit.
_RETURN = " SELECT standing.score, changes, held FROM who LEFT JOIN standing ON true"
REDEEM = _STANDING + _RETURN
REDEEM_WITH_KEY = _STANDING + _KEYED + _RETURN

_PRUNE = """
    WITH pruned AS (
        DELETE FROM idempotency WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM idempotency WHERE created_at <= now() - interval '24 hours'
            ORDER BY created_at LIMIT :batch
        )) RETURNING 1
    )
    SELECT count(*) AS pruned FROM pruned
"""


class AlreadyRedeemed(Exception):
    """The ledger already has a redemption of this action."""


class KeyAlreadyUsed(Exception):
    """The player has used this Idempotency-Key before."""


class ScoreAtLimit(Exception):
    """The score, held points included, would exceed MAX_SCORE. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Redeemed:
    """A committed redemption; `change` counts the changes of this standing, 1 for the first.

    Only the player sees the `held_points` in `score`.
    """

    previous: int
    score: int
    change: int
    held_points: int = 0


@dataclass(frozen=True, slots=True)
class Scored:
    """A score event."""

    season: Season
    points: int
    previous_score: int
    score: int


@dataclass(frozen=True, slots=True)
class RedeemedAction:
    """A redeemed action as its player may see it."""

    points: int
    previous_score: int
    score: int
    issued_at: datetime
    created_at: datetime
    action_type: str


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """The first response to an Idempotency-Key: `outcome` is scored (then `event` is set), rejected or suspended."""

    fingerprint: str
    outcome: str
    previous_rank: int | None
    current_rank: int | None
    event: Scored | None


class LedgerStore:
    """The ledger of score events: exactly one row for each redemption that was answered with 200."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def redeem(
        self,
        promise: Promise,
        *,
        request_id: str,
        key: str | None,
        fingerprint: str,
        judged: float | None = None,
        connection: sa.Connection | None = None,
    ) -> Redeemed | None:
        """Score an action; return None for a player who isn't active.

        `judged` is the Unix time of the completion, by the clock of the promise's issue. Runs in the transaction of
        `connection`, or without one in its own. Raises AlreadyRedeemed, KeyAlreadyUsed or ScoreAtLimit.
        """
        values = {
            "season": promise.season_id,
            "player": promise.player_id,
            "points": promise.points,
            "most": MAX_SCORE,
            "action": promise.action_id,
            "type": promise.action_type_id,
            "issued": utc(promise.issued_ms / 1000),
            "judged": None if judged is None else utc(judged),
            "request": request_id,
        }
        if key is not None:
            values |= {"key": key, "fingerprint": fingerprint}
        statement = REDEEM if key is None else REDEEM_WITH_KEY
        row: Row | TupleRow | None
        try:
            if connection is not None:
                row = connection.exec_driver_sql(statement, values).fetchone()
            else:
                with self._db.driver() as driver_connection:
                    row = driver_connection.execute(statement, values).fetchone()
        except IntegrityError as error:
            raise _translate_error(error.orig) from None
        except psycopg.IntegrityError as error:
            raise _translate_error(error) from None
        if row is None:
            return None
        if row[0] is None:
            raise ScoreAtLimit()
        return Redeemed(row[0] - promise.points, *row)

    def first_answer(self, player_id: str, key: str) -> FirstAnswer | None:
        """Return the first response to this player's key; None for a new key."""
        row = self._db.row(
            """
            SELECT i.fingerprint, i.outcome, i.previous_rank, i.current_rank, e.points, e.previous_score, e.score,
                   s.id AS season_id, s.number, b.slug AS board
            FROM idempotency i
            LEFT JOIN score_events e ON e.action_id = i.action_id AND e.kind = 'redeem'
            LEFT JOIN seasons s ON s.id = e.season_id LEFT JOIN boards b ON b.id = s.board_id
            WHERE i.player_id = :player AND i.key = :key AND i.created_at > now() - interval '24 hours'
            """,
            player=player_id,
            key=key,
        )
        if row is None:
            return None
        event = None
        if row.points is not None:
            season = Season(row.season_id, row.board, row.number)
            event = Scored(season, row.points, row.previous_score, row.score)
        return FirstAnswer(row.fingerprint, row.outcome, row.previous_rank, row.current_rank, event)

    def store_ranks(self, player_id: str, key: str, previous: int | None, current: int) -> None:
        """Store the ranks of the first response. Losing them in a crash costs a replay's exact ranks, no points."""
        with self._db.transaction() as connection:
            connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
            connection.exec_driver_sql(
                """
                UPDATE idempotency SET previous_rank = %(previous)s, current_rank = %(current)s
                WHERE player_id = %(player)s AND key = %(key)s
                """,
                {"previous": previous, "current": current, "player": player_id, "key": key},
            )

    def store_refusal(
        self, connection: sa.Connection, promise: Promise, key: str, fingerprint: str, outcome: str
    ) -> None:
        """Store that anti-cheat refused this key's action."""
        connection.exec_driver_sql(
            """
            INSERT INTO idempotency (player_id, key, fingerprint, action_id, outcome)
            VALUES (%(player)s, %(key)s, %(fingerprint)s, %(action)s, %(outcome)s)
            ON CONFLICT (player_id, key) DO NOTHING
            """,
            {
                "player": promise.player_id,
                "key": key,
                "fingerprint": fingerprint,
                "action": promise.action_id,
                "outcome": outcome,
            },
        )

    def drop_old_key(self, player_id: str, key: str) -> bool:
        """Delete a key that is older than 24 hours; return False if there is none so old."""
        rows = self._db.rows(
            """
            DELETE FROM idempotency WHERE player_id = :player AND key = :key
            AND created_at <= now() - interval '24 hours' RETURNING key
            """,
            player=player_id,
            key=key,
        )
        return bool(rows)

    def prune_keys(self, *, batch: int = 5000) -> int:
        """Delete all keys older than 24 hours, `batch` per statement; return their number."""
        total, pruned = 0, batch
        while pruned == batch:
            row = self._db.row(_PRUNE, batch=batch)
            pruned = row.pruned if row else 0
            total += pruned
        return total

    def redeemed_action(self, player_id: UUID, action_id: UUID) -> RedeemedAction | None:
        """Return the ledger's record of this player's action; None if it wasn't redeemed."""
        row = self._db.row(
            """
            SELECT e.points, e.previous_score, e.score, e.issued_at, e.created_at, t.slug AS action_type
            FROM score_events e JOIN action_types t ON t.id = e.action_type_id
            WHERE e.action_id = :action AND e.player_id = :player AND e.kind = 'redeem'
            """,
            action=action_id,
            player=player_id,
        )
        return read_row(row, RedeemedAction) if row else None

    def past(self, player_id: str, length: int, since: float) -> list[tuple[str, Completion]]:
        """Return the player's newest completions after `since` (Unix time) with their action ids, newest first."""
        rows = self._db.rows(
            """
            SELECT e.action_id, t.slug, e.issued_at, coalesce(e.judged_at, e.created_at) AS completed_at
            FROM score_events e JOIN action_types t ON t.id = e.action_type_id
            WHERE e.player_id = :player AND e.kind = 'redeem' AND coalesce(e.judged_at, e.created_at) > :since
            ORDER BY e.id DESC LIMIT :length
            """,
            player=player_id,
            length=length,
            since=utc(since),
        )
        return [
            (str(row.action_id), Completion(row.slug, row.issued_at.timestamp(), row.completed_at.timestamp()))
            for row in rows
        ]


def _translate_error(error: BaseException | None) -> BaseException:
    if isinstance(error, psycopg.errors.UniqueViolation):
        constraint = error.diag.constraint_name
        if constraint == "uq_score_events_action":
            return AlreadyRedeemed()
        if constraint == "pk_idempotency":
            return KeyAlreadyUsed()
    return error or AssertionError("an integrity error without a cause")
