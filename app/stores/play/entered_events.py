"""Score events that a game's server enters: many in one transaction, by the statements of redemptions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from app.domain.action_token import Promise
from app.stores.play.ledger import Redeemed, event_values, read_redeemed, read_sum, translate_error
from app.stores.play.redeem_statement import REDEEM_BY_KEY, REDEEM_SUM_BY_KEY
from app.stores.postgres.gevent_connection import DriverConnection

_Rows = Sequence[Any]


@dataclass(frozen=True, slots=True)
class EnteredEvent:
    """A result to enter. `is_sum`: its action type feeds one board, a `sum` board, as far as the caller knows."""

    promise: Promise
    result: int
    metadata: str | None
    is_sum: bool


class NotOneSum(Exception):
    """An event among others needs the general statement, which would score it after those behind it."""


def enter_events(
    connection: sa.Connection, events: Sequence[EnteredEvent], api_key_id: UUID, request_id: str
) -> list[Redeemed | None]:
    """Score events in this order, in the caller's transaction and one round trip; None: the player isn't active.

    Raises ScoreAtLimit, NoOpenBoard or SeasonMissing if one of them can't be scored, and NotOneSum if one among several
    can only be scored alone: then none is.
    """
    driver = cast("DriverConnection", connection.connection.driver_connection)
    values = [
        event_values(event.promise, event.result, event.metadata, None, request_id) | {"api_key": api_key_id}
        for event in events
    ]
    try:
        rows = _execute_together(
            driver, [(_statement(event), value) for event, value in zip(events, values, strict=True)]
        )
        return [
            _read(driver, event, event_rows, value, is_alone=len(events) == 1)
            for event, event_rows, value in zip(events, rows, values, strict=True)
        ]
    except psycopg.IntegrityError as error:
        raise translate_error(error) from None
    except psycopg.Error as error:  # as SQLAlchemy would raise it, so that a deadlock is repeated
        raise OperationalError("", None, error, hide_parameters=True) from error


def _statement(event: EnteredEvent) -> str:
    return REDEEM_SUM_BY_KEY if event.is_sum else REDEEM_BY_KEY


def _execute_together(driver: DriverConnection, statements: Sequence[tuple[str, dict[str, object]]]) -> list[_Rows]:
    """Return the rows of each statement; all are sent before the first answer is read."""
    if len(statements) == 1:
        return [driver.execute(*statements[0]).fetchall()]
    with driver.pipeline():
        cursors = [driver.execute(*statement) for statement in statements]
        return [cursor.fetchall() for cursor in cursors]


def _read(
    driver: DriverConnection, event: EnteredEvent, rows: _Rows, values: dict[str, object], *, is_alone: bool
) -> Redeemed | None:
    if not rows:
        return None
    if not event.is_sum:
        return read_redeemed(rows)
    # It is not one `sum` board any more, or the score would pass the limit: the general statement tells.
    redeemed = read_sum(rows[0], event.promise, driver.execute)
    if redeemed is None and not is_alone:
        raise NotOneSum()
    return redeemed or read_redeemed(driver.execute(REDEEM_BY_KEY, values).fetchall())
