"""The deliveries of webhooks: which are due, each attempt, and replays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from uuid import UUID

import sqlalchemy as sa

from app.domain.webhooks import AT_ONCE, GIVE_UP_AFTER, Attempt, Delivery, DeliveryState
from app.stores.postgres.engine import Database
from app.stores.postgres.rows import Row, parsed

_LEASE_SECONDS = 60  # longer than any call: a delivery whose sender died is due again after it
_KEPT = "30 days"
_PRUNED = 5000  # in one statement
_WOKEN = 10_000
_LOCK = {"group": 0xFA1B, "number": 2}

# A receiver that fails gets one call at a time, so that it takes no more than that of anyone's attention.
_CLAIM = f"""
    WITH due AS (
        SELECT d.id FROM webhooks w CROSS JOIN LATERAL (
            SELECT id FROM webhook_deliveries
            WHERE webhook_id = w.id AND state = 'waiting' AND next_attempt_at <= clock_timestamp()
              AND (leased_until IS NULL OR leased_until <= clock_timestamp())
            ORDER BY next_attempt_at
            LIMIT greatest(0, CASE WHEN w.failing_since IS NULL THEN {AT_ONCE} ELSE 1 END - (
                SELECT count(*) FROM webhook_deliveries l
                WHERE l.webhook_id = w.id AND l.leased_until IS NOT NULL AND l.leased_until > clock_timestamp()
            ))
            FOR UPDATE SKIP LOCKED
        ) d
        WHERE w.enabled AND w.deleted_at IS NULL
    )
    UPDATE webhook_deliveries d SET leased_until = clock_timestamp() + interval '{_LEASE_SECONDS} s'
    FROM due, webhooks w WHERE d.id = due.id AND w.id = d.webhook_id
    RETURNING d.id, d.webhook_id, d.event_id, d.payload, d.tries, w.url, w.secret,
              CASE WHEN w.previous_until > clock_timestamp() THEN w.previous_secret END AS previous_secret
"""
_ADD_ATTEMPT = """
    INSERT INTO webhook_attempts (delivery_id, at, ms, status, error, answer)
    SELECT id, now() - make_interval(secs => CAST(:ms AS float) / 1000), CAST(:ms AS int), CAST(:status AS int),
           CAST(:error AS text), :answer
    FROM webhook_deliveries WHERE id = :delivery
"""
_DELIVERED = """
    UPDATE webhook_deliveries SET state = 'delivered', tries = tries + 1, next_attempt_at = NULL, leased_until = NULL,
           finished_at = now()
    WHERE id = ANY(:deliveries)
"""
# The last attempt is at the end of the time, also if the pause is longer.
_FAILED = """
    UPDATE webhook_deliveries SET tries = tries + 1, leased_until = NULL,
           state = CASE WHEN give_up_at <= now() THEN 'failed' ELSE 'waiting' END,
           next_attempt_at = CASE WHEN give_up_at > now()
                                  THEN least(now() + make_interval(secs => :pause), give_up_at) END,
           finished_at = CASE WHEN give_up_at <= now() THEN now() END
    WHERE id = :delivery AND state = 'waiting'
"""
_BEGIN_FAILING = "UPDATE webhooks SET failing_since = now() WHERE id = :webhook AND failing_since IS NULL"
_END_FAILING = "UPDATE webhooks SET failing_since = NULL WHERE id = :webhook AND failing_since IS NOT NULL"
_WAKE = f"""
    UPDATE webhook_deliveries SET next_attempt_at = now() WHERE id IN (
        SELECT id FROM webhook_deliveries
        WHERE webhook_id = :webhook AND state = 'waiting' AND next_attempt_at > now() AND leased_until IS NULL
        ORDER BY next_attempt_at LIMIT {_WOKEN} FOR UPDATE SKIP LOCKED
    )
"""
_REPLAY = """
    UPDATE webhook_deliveries SET state = 'waiting', tries = 0, next_attempt_at = clock_timestamp(),
           give_up_at = clock_timestamp() + make_interval(secs => :seconds), finished_at = NULL
"""
_COLUMNS = "id, event_id, type, payload, state, created_at, next_attempt_at, finished_at"
_PAGE = f"""
    SELECT {_COLUMNS} FROM webhook_deliveries d
    WHERE webhook_id = :webhook AND (CAST(:state AS text) IS NULL OR state = :state)
      AND (CAST(:after AS uuid) IS NULL
           OR (created_at, id) < (SELECT created_at, id FROM webhook_deliveries a WHERE a.id = :after))
    ORDER BY created_at DESC, id DESC LIMIT :limit
"""


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery that this process sends now: nobody else does for a minute. `secrets`: each of them signs."""

    id: UUID
    webhook_id: UUID
    event_id: UUID
    payload: str
    tries: int
    url: str
    secrets: Sequence[str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class CallResult:
    """How a call of a receiver went: see `app.domain.webhooks.Attempt`."""

    ms: int
    status: int | None
    error: str | None
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the call of a claimed delivery went, and the seconds until the next one if it failed."""

    claimed: ClaimedDelivery
    result: CallResult
    pause: float


@dataclass(frozen=True, slots=True)
class DeliveryBacklog:
    """How many deliveries wait, and the seconds since the oldest of them was due, 0 if none is."""

    waiting: int
    oldest_seconds: float


class WebhookDeliveryStore:
    """Deliveries. Times are those of the database's clock."""

    def __init__(self, database: Database) -> None:
        self._db = database

    @contextmanager
    def only_sender(self) -> Iterator[bool]:
        """Yield whether no other process sends until the block ends. The lock ends with its session at the latest."""
        with self._db.statement() as connection:
            is_held = bool(connection.execute(parsed("SELECT pg_try_advisory_lock(:group, :number)"), _LOCK).scalar())
            try:
                yield is_held
            finally:
                if is_held and not connection.invalidated:
                    connection.execute(parsed("SELECT pg_advisory_unlock(:group, :number)"), _LOCK)

    def claim(self) -> list[ClaimedDelivery]:
        """Lease the deliveries that are due, as many of each webhook as its receiver may get at once."""
        return [_claimed(row) for row in self._db.rows(_CLAIM)]

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Store attempts. After one that failed the next follows when its pause is over, until the time is over.

        When a receiver that has failed takes an event again, those that wait for it are due at once.
        """
        rows = sorted(outcomes, key=lambda outcome: outcome.claimed.id)
        failed_rows = [outcome for outcome in rows if outcome.result.error is not None]
        delivered_rows = [outcome for outcome in rows if outcome.result.error is None]
        with self._db.transaction() as connection:
            connection.execute(
                parsed(_ADD_ATTEMPT), [{"delivery": row.claimed.id, **asdict(row.result)} for row in rows]
            )
            for row in failed_rows:
                connection.execute(parsed(_FAILED), {"delivery": row.claimed.id, "pause": row.pause})
            for webhook_id in _webhooks_of(failed_rows):
                connection.execute(parsed(_BEGIN_FAILING), {"webhook": webhook_id})
            connection.execute(parsed(_DELIVERED), {"deliveries": [row.claimed.id for row in delivered_rows]})
            for webhook_id in _webhooks_of(delivered_rows):
                if connection.execute(parsed(_END_FAILING), {"webhook": webhook_id}).rowcount:
                    connection.execute(parsed(_WAKE), {"webhook": webhook_id})

    def page(
        self, webhook_id: UUID, *, limit: int, state: DeliveryState | None = None, after: UUID | None = None
    ) -> list[Delivery]:
        """Return deliveries with their attempts, the newest first, that follow the delivery `after`."""
        return self._deliveries(_PAGE, webhook=webhook_id, state=state, after=after, limit=limit)

    def get(self, webhook_id: UUID, delivery_id: UUID) -> Delivery | None:
        """Return a delivery of this webhook with its attempts, or None."""
        rows = self._deliveries(
            f"SELECT {_COLUMNS} FROM webhook_deliveries WHERE webhook_id = :webhook AND id = :delivery",
            webhook=webhook_id,
            delivery=delivery_id,
        )
        return rows[0] if rows else None

    def replay(self, connection: sa.Connection, webhook_id: UUID, delivery_id: UUID) -> bool:
        """Make a delivery in any state due now, for another three days; return False if there is none."""
        condition = "WHERE webhook_id = :webhook AND id = :delivery"
        values = {"webhook": webhook_id, "delivery": delivery_id, "seconds": GIVE_UP_AFTER.total_seconds()}
        return bool(connection.execute(parsed(f"{_REPLAY} {condition}"), values).rowcount)

    def replay_failed(self, connection: sa.Connection, webhook_id: UUID) -> int:
        """Make all failed deliveries of a webhook due now; return how many."""
        condition = """
            WHERE id IN (
                SELECT id FROM webhook_deliveries WHERE webhook_id = :webhook AND state = 'failed'
                ORDER BY id FOR UPDATE
            )
        """
        values = {"webhook": webhook_id, "seconds": GIVE_UP_AFTER.total_seconds()}
        return connection.execute(parsed(f"{_REPLAY} {condition}"), values).rowcount

    def backlog(self) -> DeliveryBacklog:
        """Return the deliveries of all enabled webhooks that wait."""
        row = self._db.row(
            """
            SELECT count(*) AS waiting,
                   greatest(extract(epoch FROM clock_timestamp() - min(next_attempt_at)), 0)::float AS oldest
            FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id
            WHERE w.enabled AND w.deleted_at IS NULL AND state = 'waiting'
            """
        )
        assert row is not None
        return DeliveryBacklog(row.waiting, round(row.oldest, 1))

    def prune(self) -> int:
        """Delete the deliveries of 30 days ago and before, with their attempts; return how many."""
        total = 0
        while True:
            with self._db.transaction() as connection:
                deleted = connection.execute(
                    parsed(
                        f"""
                        DELETE FROM webhook_deliveries WHERE id IN (
                            SELECT id FROM webhook_deliveries WHERE created_at < now() - interval '{_KEPT}'
                            ORDER BY created_at LIMIT {_PRUNED} FOR UPDATE SKIP LOCKED
                        )
                        """
                    )
                ).rowcount
            total += deleted
            if deleted < _PRUNED:
                return total

    def _deliveries(self, sql: str, **values: object) -> list[Delivery]:
        rows = self._db.rows(sql, **values)
        attempts: dict[UUID, list[Attempt]] = {}
        for row in self._db.rows(
            """
            SELECT delivery_id, at, ms, status, error, answer FROM webhook_attempts
            WHERE delivery_id = ANY(:deliveries) ORDER BY id
            """,
            deliveries=[row.id for row in rows],
        ):
            attempts.setdefault(row.delivery_id, []).append(Attempt(row.at, row.ms, row.status, row.error, row.answer))
        return [_delivery(row, attempts.get(row.id, ())) for row in rows]


def _webhooks_of(outcomes: Sequence[Outcome]) -> list[UUID]:
    return sorted({outcome.claimed.webhook_id for outcome in outcomes})


def _claimed(row: Row) -> ClaimedDelivery:
    secrets = [secret for secret in (row.secret, row.previous_secret) if secret]
    return ClaimedDelivery(row.id, row.webhook_id, row.event_id, row.payload, row.tries, row.url, secrets)


def _delivery(row: Row, attempts: Sequence[Attempt]) -> Delivery:
    return Delivery(
        row.id,
        row.event_id,
        row.type,
        row.payload,
        row.state,
        row.created_at,
        row.next_attempt_at,
        row.finished_at,
        attempts,
    )
