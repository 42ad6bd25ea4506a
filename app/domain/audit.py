"""The audit log's chain: each row's hash covers the row and the hash before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from app.domain.times import rfc3339

NOTHING = "0" * 64
"""The hash that the first row follows."""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One act: actor, act and subject. `details` is JSON text as it was hashed; `id` counts from 1, without gaps."""

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
    """The newest row's id (0 without rows) and hash. A copy that is stored elsewhere reveals a log that was cut off."""

    id: int
    hash: str

    @property
    def number(self) -> int:
        """Return the first 52 bits of the hash, which a metric holds exactly."""
        return int(self.hash[:13], 16)

    def __str__(self) -> str:
        return f"{self.id}:{self.hash}"


@dataclass(frozen=True, slots=True)
class Flaw:
    """A flaw at the row with this id: `kind` is "changed", "added" or "missing"."""

    id: int
    kind: str
    says: str


def canonical(details: Mapping[str, object]) -> str:
    """Return the one JSON text of these details; ids are text, and times are RFC 3339."""
    return json.dumps(details, sort_keys=True, separators=(",", ":"), default=_text)


def _text(value: object) -> str:
    return rfc3339(value) if isinstance(value, datetime) else str(value)


def hash_of(previous_hash: str, row: AuditRow) -> str:
    """Return the SHA-256 in hex. The parts are a JSON list, so that no text can move from one part into another."""
    at = row.at.astimezone(UTC).isoformat(timespec="microseconds")
    parts = [previous_hash, row.id, at, row.actor, row.act, row.subject, row.details, row.request_id]
    return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()


def flaws(rows: Iterable[AuditRow]) -> Iterator[Flaw]:
    """Yield the flaws of rows in the order of their ids, from the first row on.

    A log that was cut off, and a chain that was recomputed from some row on, look whole: only a head that was stored
    elsewhere reveals them, which `find_contradiction` compares.
    """
    previous_hash, expected = NOTHING, 1
    for row in rows:
        if row.id < expected:
            yield Flaw(row.id, "added", f"row {row.id} was added before the first row")
            continue
        if row.id > expected:
            last = row.id - 1
            gap = f"row {expected} was" if last == expected else f"rows {expected} to {last} were"
            yield Flaw(expected, "missing", f"{gap} removed")
        elif hash_of(previous_hash, row) != row.hash:
            text = (
                f"row {row.id} was changed or added"
                if row.id == 1
                else (f"row {row.id} was changed or added, or row {row.id - 1} was rewritten")
            )
            yield Flaw(row.id, "changed", text)
        previous_hash, expected = row.hash, row.id + 1


def find_contradiction(anchor: Head, head: Head, log_hash: str | None) -> Flaw | None:
    """Compare a head that was stored elsewhere with a log that ends at `head`; return None if they agree.

    `log_hash` is the log's hash of the row with the anchor's id, None for no such row.
    """
    if log_hash == anchor.hash:
        return None
    if log_hash is None:
        state = f"the log ends with row {head.id}" if head.id < anchor.id else "no row has this id"
        text = f"row {anchor.id} was recorded as {anchor}, but {state}: later rows were cut off or rolled back"
        return Flaw(min(head.id + 1, anchor.id), "missing", text)
    text = f"row {anchor.id} was recorded as {anchor}, but is {log_hash} now: this row or an earlier one was rewritten"
    return Flaw(anchor.id, "changed", text)
