"""Redemptions: the score event, the standings, the outbox rows and the key of the first answer, in one statement.

A void or a restore changes scores too: `stores/moderation/correction_batches.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias
from uuid import UUID

import psycopg.errors
import sqlalchemy as sa
from psycopg.rows import TupleRow
from sqlalchemy.exc import IntegrityError

from anticheat.history import Completion
from app.domain.action_token import Promise
from app.domain.boards import MAX_SCORE, Season
from app.domain.redemption import StandingChange
from app.domain.times import utc
from app.stores.play.catalog import SEASONS
from app.stores.play.redeem_groups import RedeemGroups
from app.stores.play.redeem_statement import REDEEM, REDEEM_SUM, REDEEM_SUM_WITH_KEY, REDEEM_WITH_KEY
from app.stores.postgres.engine import Database
from app.stores.postgres.gevent_connection import patched
from app.stores.postgres.pipeline import PreparedStatement
from app.stores.postgres.rows import Row, read_row


class _Cursor(Protocol):
    def fetchall(self) -> Sequence[Any]: ...


Execute: TypeAlias = Callable[[str, dict[str, object]], _Cursor]

_PREPARED = {sql: PreparedStatement(sql) for sql in (REDEEM, REDEEM_WITH_KEY, REDEEM_SUM, REDEEM_SUM_WITH_KEY)}


class AlreadyRedeemed(Exception):
    """The ledger already has a redemption of this action."""


class KeyAlreadyUsed(Exception):
    """The player has used this Idempotency-Key before."""


class ScoreAtLimit(Exception):
    """A score, held points included, would be past MAX_SCORE. Nothing was changed."""


class NoOpenBoard(Exception):
    """None of the boards that the action feeds has an open season. Nothing was changed."""


class SeasonMissing(NoOpenBoard):
    """A scheduled board lacks the season of this moment, which has to be written first. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Redeemed:
    """A committed redemption: its change of each open board's standing, in the order of the action type's boards.

    `is_held`: only the player sees it.
    """

    changes: Sequence[StandingChange]
    is_held: bool = False


@dataclass(frozen=True, slots=True)
class RedeemedAction:
    """A redeemed action as its player may see it; the scores are those of its first board."""

    points: int
    previous_score: int | None
    score: int
    issued_at: datetime
    created_at: datetime
    action_type: str
    result_kind: str


class LedgerStore:
    """The ledger of score events: exactly one row for each redemption that was answered with 200."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._groups = RedeemGroups(database) if patched() else None
        self._general_types: set[int] = set()  # those for which REDEEM_SUM was in vain

    def observe_groups(self, observe: Callable[[int], object]) -> None:
        """Have this called with the size of each group of redemptions that were committed together."""
        if self._groups is not None:
            self._groups.observe = observe

    def redeem(
        self,
        promise: Promise,
        *,
        request_id: str,
        key: str | None,
        fingerprint: str,
        judged: float | None = None,
        connection: sa.Connection | None = None,
        result: int | None = None,
        metadata: str | None = None,
    ) -> Redeemed | None:
        """Score an action on each open board that it feeds; return None for a player who isn't active.

        `judged` is the Unix time of the completion, by the clock of the promise's issue. `result` replaces the points
        of the promise; `metadata` is the text of a JSON object. Runs in the transaction of `connection`, or without one
        in its own, on gevent in one with others that come at the same moment. Raises AlreadyRedeemed, KeyAlreadyUsed,
        ScoreAtLimit, NoOpenBoard or SeasonMissing.
        """
        values = event_values(promise, promise.points if result is None else result, metadata, judged, request_id)
        if key is not None:
            values |= {"key": key, "fingerprint": fingerprint}
        try:
            if connection is not None:
                return self._redeem(connection.exec_driver_sql, promise, values)
            if self._groups is None:
                return self._redeem_alone(promise, values)
            return self._redeem_grouped(self._groups, promise, values)
        except IntegrityError as error:
            raise translate_error(error.orig) from None
        except psycopg.IntegrityError as error:
            raise translate_error(error) from None

    def _redeem_alone(self, promise: Promise, values: dict[str, object]) -> Redeemed | None:
        with self._db.driver() as connection:
            return self._redeem(connection.execute, promise, values)

    def _redeem_grouped(self, groups: RedeemGroups, promise: Promise, values: dict[str, object]) -> Redeemed | None:
        is_sum = promise.action_type_id not in self._general_types
        return groups.run(
            promise.player_id,
            _PREPARED[_statement(values, is_sum=is_sum)],
            values,
            read=lambda rows: self._read(rows, is_sum, self._execute, promise, values),
            alone=lambda: self._redeem_alone(promise, values),
        )

    def _execute(self, statement: str, values: dict[str, object]) -> _Cursor:
        with self._db.driver() as connection:
            return connection.execute(statement, values)

    def _redeem(self, execute: Execute, promise: Promise, values: dict[str, object]) -> Redeemed | None:
        is_sum = promise.action_type_id not in self._general_types
        rows = execute(_statement(values, is_sum=is_sum), values).fetchall()
        return self._read(rows, is_sum, execute, promise, values)

    def _read(
        self, rows: Sequence[TupleRow], is_sum: bool, execute: Execute, promise: Promise, values: dict[str, object]
    ) -> Redeemed | None:
        """Return the redemption of a statement's rows; one that asks for the general statement executes it."""
        if rows and is_sum:
            if redeemed := read_sum(rows[0], promise, execute):
                return redeemed
            rows = execute(_statement(values, is_sum=False), values).fetchall()
        if not rows:
            return None
        redeemed = read_redeemed(rows)
        if [change.season.scoring for change in redeemed.changes] != ["sum"]:
            self._general_types.add(promise.action_type_id)
        return redeemed

    def redeemed_action(self, player_id: UUID, action_id: UUID) -> RedeemedAction | None:
        """Return the ledger's record of this player's action; None if it wasn't redeemed."""
        row = self._db.row(
            """
            SELECT e.points, e.score, e.issued_at, e.created_at, t.slug AS action_type, t.result_kind,
                   CASE WHEN b.scoring IN ('sum', 'count') THEN coalesce(e.previous_score, 0) ELSE e.previous_score END
                       AS previous_score
            FROM score_events e JOIN action_types t ON t.id = e.action_type_id
            JOIN seasons n ON n.id = e.season_id JOIN boards b ON b.id = n.board_id
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
            WHERE e.player_id = :player AND e.kind = 'redeem' AND t.result_kind <> 'trusted' AND e.api_key_id IS NULL
            AND coalesce(e.judged_at, e.created_at) > :since
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


def event_values(
    promise: Promise, result: int, metadata: str | None, judged: float | None, request_id: str
) -> dict[str, object]:
    """Return the parameters of the statements that score an event, without those for keys."""
    return {
        "player": promise.player_id,
        "result": result,
        "most": MAX_SCORE,
        "action": promise.action_id,
        "type": promise.action_type_id,
        "issued": utc(promise.issued_ms / 1000),
        "judged": None if judged is None else utc(judged),
        "request": request_id,
        "metadata": metadata,
    }


def _statement(values: dict[str, object], *, is_sum: bool) -> str:
    if is_sum:
        return REDEEM_SUM_WITH_KEY if "key" in values else REDEEM_SUM
    return REDEEM_WITH_KEY if "key" in values else REDEEM


def read_sum(row: TupleRow, promise: Promise, execute: Execute) -> Redeemed | None:
    """Return the redemption of the statement for one `sum` board; None for a row that asks for the general one."""
    season_id, previous, score, change, is_held = row
    if season_id is None:
        return None
    season = Season(season_id, promise.board, promise.season_number)
    if season_id != promise.season_id:
        (season_row,) = execute(f"{SEASONS} WHERE n.id = %(id)s", {"id": season_id}).fetchall()
        season = Season(*season_row)
    return Redeemed([StandingChange(season, previous, score, change)], is_held)


def read_redeemed(rows: Sequence[TupleRow]) -> Redeemed:
    """Return the redemption of the rows of the general statement, at least one. Raises NoOpenBoard."""
    if rows[0][0] is None:
        raise NoOpenBoard()
    return Redeemed([_standing_change(row) for row in rows], rows[0][8])


def _standing_change(row: Row | TupleRow) -> StandingChange:
    season_id, board, number, scoring, order, previous, score, change, _ = row
    return StandingChange(Season(season_id, board, number, scoring, order), previous, score, change)


def translate_error(error: BaseException | None) -> BaseException:
    """Return the error of ours for an integrity error of the statements that score an event."""
    if isinstance(error, psycopg.errors.UniqueViolation):
        constraint = error.diag.constraint_name or ""
        if constraint.startswith("uq_score_events_action"):  # each partition has its own
            return AlreadyRedeemed()
        if constraint == "pk_idempotency":
            return KeyAlreadyUsed()
    if isinstance(error, psycopg.errors.NotNullViolation) and error.diag.column_name == "season_id":
        return SeasonMissing() if error.diag.table_name == "standings" else ScoreAtLimit()
    return error or AssertionError("an integrity error without a cause")
