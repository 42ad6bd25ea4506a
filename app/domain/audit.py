"""The audit log's chain: each row's hash covers the row and the hash before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

NOTHING = "0" * 64
"""What the first row follows."""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One act: who did what to what. `details` is JSON text as it was hashed; `id` counts from 1, without gaps."""

    id: int
    at: datetime
    actor: str
    act: str
    subject: str
    details: str
    request_id: str
    hash: str


@dataclass(frozen=True, slots=True)
class Head:
    """The newest row: its id (0: there is none) and its hash. Kept elsewhere, it shows a log that was cut off."""

    id: int
    hash: str

    @property
    def number(self) -> int:
        """The first 52 bits of the hash: a metric holds these exactly."""
        return int(self.hash[:13], 16)

    def __str__(self) -> str:
        return f"{self.id}:{self.hash}"


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong `at` a row's id: `what` is "changed", "added" or "missing"."""

    id: int
    what: str
    says: str


def canonical(details: Mapping[str, Any]) -> str:
    """The one JSON text of these details: what isn't JSON (ids, times) as text."""
    return json.dumps(details, sort_keys=True, separators=(",", ":"), default=str)


def hash_of(before: str, row: AuditRow) -> str:
    """SHA-256 in hex. The parts are a JSON list, so that nothing can move from one into the other."""
    at = row.at.astimezone(UTC).isoformat(timespec="microseconds")
    parts = [before, row.id, at, row.actor, row.act, row.subject, row.details, row.request_id]
    return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()


def flaws(rows: Iterable[AuditRow]) -> Iterator[Flaw]:
    """What doesn't fit in rows in the order of their ids, from the first one on.

    A tail that was cut off, and a chain that was computed anew from somewhere on, look whole: only a head that was
    written down elsewhere shows them, which `broken` compares.
    """
    before, due = NOTHING, 1
    for row in rows:
        if row.id < due:
            yield Flaw(row.id, "added", f"row {row.id} was put in before the first one")
            continue
        if row.id > due:
            last = row.id - 1
            which = f"row {due} was" if last == due else f"rows {due} to {last} were"
            yield Flaw(due, "missing", f"{which} taken out")
        elif hash_of(before, row) != row.hash:
            says = (
                f"row {row.id} was changed or put in"
                if row.id == 1
                else (f"row {row.id} was changed or put in, or row {row.id - 1} was written anew")
            )
            yield Flaw(row.id, "changed", says)
        before, due = row.hash, row.id + 1


def broken(anchor: Head, head: Head, hash_there: str | None) -> Flaw | None:
    """Compare a head that was written down elsewhere with a log that ends at `head`; None where they agree.

    `hash_there` is what the log has as the hash of the row with the anchor's id, None for no such row.
    """
    if hash_there == anchor.hash:
        return None
    if hash_there is None:
        where = f"the log ends with row {head.id}" if head.id < anchor.id else "it is gone"
        says = f"row {anchor.id} was written down as {anchor}, but {where}: what came after was cut off, or taken back"
        return Flaw(min(head.id + 1, anchor.id), "missing", says)
    says = (
        f"row {anchor.id} was written down as {anchor}, but is {hash_there} now: it, or one before it, was written anew"
    )
    return Flaw(anchor.id, "changed", says)
