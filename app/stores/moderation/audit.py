"""The audit log: each act appends its row in its own transaction, so that there is no act without its row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial

import sqlalchemy as sa
import structlog

from app.domain.audit import NOTHING, AuditRow, Head, canonical, hash_of
from app.stores.postgres.engine import Database
from app.stores.postgres.rows import read_row

log = structlog.get_logger("fairboard.audit")

_ACT = "actor, act, subject, details, request_id, hash"
_COLUMNS = f"id, at, {_ACT}"
# A time that only a change of the table can have, and that Python has none for, is read as one that fits no hash.
_READ = f"""
    id, CASE WHEN at BETWEEN '0001-01-01 00:00Z' AND '9999-12-31 23:59Z' THEN at
             ELSE timestamptz '0001-01-01 00:00Z' END AS at, {_ACT}
"""
_CHUNK = 2000

APPENDED = "audit"
"""The mark of a transaction that has appended a row."""


class AuditStore:
    """Rows in the order of their ids, which is the order in which the acts were committed."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def append(
        self,
        connection: sa.Connection,
        actor: str,
        act: str,
        subject: str,
        details: Mapping[str, object],
        request_id: str,
    ) -> AuditRow:
        """Add the act to the chain and return its row; call it last in a transaction, since all acts take its lock.

        `actor` comes from app.domain.actors; `subject` is "player:<id>", "case:<id>", "action_type:<slug>" and so on.
        The log line keeps id and hash elsewhere: a person that rewrites the table can't rewrite that line.
        """
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('fairboard audit'))"))
        last = connection.execute(sa.text("SELECT id, hash FROM audit_log ORDER BY id DESC LIMIT 1")).one_or_none()
        at = connection.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
        row_id, previous_hash = (last.id + 1, last.hash) if last else (1, NOTHING)
        row = AuditRow(row_id, at, actor, act, subject, canonical(details), request_id, "")
        row = AuditRow(row_id, at, actor, act, subject, row.details, request_id, hash_of(previous_hash, row))
        connection.execute(
            sa.text(
                f"""
                INSERT INTO audit_log ({_COLUMNS})
                VALUES (:id, :at, :actor, :act, :subject, :details, :request_id, :hash)
                """
            ),
            {name: getattr(row, name) for name in _COLUMNS.split(", ")},
        )
        self._db.request_after_commit(connection, APPENDED)
        line = partial(log.info, "audited", audit_id=row.id, audit_hash=row.hash, actor=actor, act=act, subject=subject)
        self._db.call_after_commit(connection, line)
        return row

    def head(self, anchor: Head | None = None) -> tuple[Head, str | None]:
        """Return the newest head, and the hash of the row with `anchor`'s id (`None`: no row), in one round trip."""
        row = self._db.row(
            """
            SELECT coalesce(last.id, 0) AS id, coalesce(last.hash, :nothing) AS hash, there.hash AS there
            FROM (SELECT CAST(:anchor AS bigint) AS id) AS wanted
            LEFT JOIN (SELECT id, hash FROM audit_log ORDER BY id DESC LIMIT 1) AS last ON true
            LEFT JOIN audit_log AS there ON there.id = wanted.id
            """,
            nothing=NOTHING,
            anchor=anchor.id if anchor else 0,
        )
        assert row is not None, "one row, whatever is in the log"
        return Head(row.id, row.hash), row.there

    def rows(self) -> Iterator[AuditRow]:
        """Yield all rows, the oldest first."""
        after = -(2**62)
        while chunk := self._db.rows(
            f"SELECT {_READ} FROM audit_log WHERE id > :after ORDER BY id LIMIT {_CHUNK}", after=after
        ):
            for row in chunk:
                yield read_row(row, AuditRow)
            after = chunk[-1].id

    def page(
        self,
        *,
        limit: int,
        before: int | None = None,
        actor: str | None = None,
        act: str | None = None,
        subject: str | None = None,
        since: datetime | None = None,
    ) -> list[AuditRow]:
        """Return rows with ids below `before`, the newest first; `actor`, `act` and `subject` have to match exactly."""
        rows = self._db.rows(
            f"""
            SELECT {_READ} FROM audit_log
            WHERE id < coalesce(CAST(:before AS bigint), 9223372036854775807)
              AND actor = coalesce(CAST(:actor AS text), actor) AND act = coalesce(CAST(:act AS text), act)
              AND subject = coalesce(CAST(:subject AS text), subject)
              AND at >= coalesce(CAST(:since AS timestamptz), '-infinity')
            ORDER BY id DESC LIMIT :limit
            """,
            before=before,
            actor=actor,
            act=act,
            subject=subject,
            since=since,
            limit=limit,
        )
        return [read_row(row, AuditRow) for row in rows]
