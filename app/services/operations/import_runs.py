"""One run of an import, in batches of lines: what it remembers from line to line."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

BATCH = 500
"""Lines of one transaction: it holds the standings of their players for some tenths of a second.

A batch is committed as a whole: an import that was stopped is continued by importing the same file again.
"""


@dataclass(slots=True)
class ImportRun:
    """`request_id` is that of the audit log, and of all events that the run writes.

    `keys` are those of lines so far: a file names each player, or action, once. A dry run has the keys and skeletons
    of the `names` that it would have given, and the times of the `newest` events of players.
    """

    request_id: str
    dry_run: bool = False
    keys: set[bytes] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    newest: dict[UUID, datetime] = field(default_factory=dict)

    def is_repeated(self, key: bytes) -> bool:
        """Return whether an earlier line of the run had this key, and remember it."""
        if key in self.keys:
            return True
        self.keys.add(key)
        return False
