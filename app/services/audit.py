"""The audit log: what was done by whom, and whether anybody has changed it since."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.domain.audit import NOTHING, Flaw, Row, flaws
from app.stores.audit import AuditStore
from app.stores.database import Database

Done = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Head:
    """The newest row: its id (0: there is none) and its hash. Who has it elsewhere can tell a log that was cut off."""

    id: int
    hash: str


@dataclass(slots=True)
class Verified:
    """`rows` were looked at; `flaws` is empty when nobody has changed them."""

    rows: int = 0
    head: Head = Head(0, NOTHING)
    flaws: list[Flaw] = field(default_factory=list)


class Audit:
    """Acts that are one transaction append to it themselves; this is for those that are none, and for reading."""

    def __init__(self, database: Database, store: AuditStore) -> None:
        self._db, self._store = database, store

    def note(self, actor: str, act: str, subject: str, details: Mapping[str, Any], request_id: str) -> None:
        """Write down what somebody is about to do: an act that fails half way has its row, none goes without one."""
        with self._db.transaction() as connection:
            self._store.append(connection, actor, act, subject, details, request_id)

    def page(
        self,
        *,
        limit: int,
        before: int | None = None,
        actor: str | None = None,
        act: str | None = None,
        subject: str | None = None,
        since: datetime | None = None,
    ) -> list[Row]:
        """The newest first; see AuditStore.page."""
        return self._store.page(limit=limit, before=before, actor=actor, act=act, subject=subject, since=since)

    def verify(self, expected: Head | None = None, done: Done = lambda rows: None) -> Verified:
        """Compute the chain anew. With a head that was written down, that row must be there as it was."""
        found = Verified()
        there: str | None = None

        def watched() -> Iterator[Row]:
            nonlocal there
            for row in self._store.rows():
                found.rows += 1
                found.head = Head(row.id, row.hash)
                if expected and row.id == expected.id:
                    there = row.hash
                if found.rows % 1000 == 0:
                    done(found.rows)
                yield row

        found.flaws = list(flaws(watched()))
        if expected and there is None:
            says = f"row {expected.id} was taken out, and what came after row {found.head.id} with it"
            found.flaws.append(Flaw(expected.id, "missing", says))
        elif expected and there != expected.hash:
            says = f"row {expected.id} is not the one that was written down: it, or one before it, was written anew"
            found.flaws.append(Flaw(expected.id, "changed", says))
        return found
