"""The audit log: what was done by whom, and whether anybody has changed it since."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.domain.audit import NOTHING, AuditRow, Flaw, Head, broken, flaws
from app.services.moderation.audit_anchors import Anchors, AuditCheck
from app.stores.moderation.audit import APPENDED, AuditStore
from app.stores.moderation.audit_anchors import Anchored
from app.stores.postgres.engine import Database

Done = Callable[[int], None]


@dataclass(slots=True)
class Verified:
    """`rows` were looked at, `anchors` compared with them; `flaws` is empty when nobody has changed them."""

    rows: int = 0
    anchors: int = 0
    head: Head = field(default_factory=lambda: Head(0, NOTHING))
    flaws: list[Flaw] = field(default_factory=list)


class Audit:
    """Acts that are one transaction append to it themselves; this is for those that are none, and for reading."""

    def __init__(self, database: Database, store: AuditStore, anchors: Anchors) -> None:
        self._db, self._store, self._anchors = database, store, anchors
        database.after(APPENDED, anchors.after_commit)

    def look(self) -> AuditCheck:
        """Compare the end of the log with what this process and this machine remember of it."""
        return self._anchors.look()

    @property
    def anchors_path(self) -> str | None:
        """The file that this machine keeps heads in; None where it keeps none."""
        return str(self._anchors.file.path) if self._anchors.file else None

    def accept(self, actor: str, reason: str, request_id: str) -> Head | None:
        """Record that the log is what it is for a good reason, such as a restore, and begin anew from there.

        Returns the head from now on; None where there is no file, so that processes remember until they are restarted.
        Raises OSError.
        """
        before = self._anchors.look()
        said = before.flaw.says if before.flaw else "nothing that was remembered contradicts it"
        self.note(actor, "audit.accepted", "audit_log", {"reason": reason, "break": said}, request_id)
        head, _ = self._store.head()
        return head if self._anchors.accept(head) else None

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
    ) -> list[AuditRow]:
        """The newest first; see AuditStore.page."""
        return self._store.page(limit=limit, before=before, actor=actor, act=act, subject=subject, since=since)

    def verify(self, expected: Head | None = None, done: Done = lambda rows: None) -> Verified:
        """Compute the chain anew, and compare it with the heads in the file of anchors, and with one that is given.

        Raises OSError for a file that can't be read.
        """
        anchored = self._anchors.file.read() if self._anchors.file else Anchored()
        if expected:
            anchored.heads.setdefault(expected.id, set()).add(expected.hash)
        found = Verified(anchors=sum(map(len, anchored.heads.values())))
        there: dict[int, str] = {}

        def watched() -> Iterator[AuditRow]:
            for row in self._store.rows():
                found.rows += 1
                found.head = Head(row.id, row.hash)
                if row.id in anchored.heads:
                    there[row.id] = row.hash
                if found.rows % 1000 == 0:
                    done(found.rows)
                yield row

        found.flaws = list(flaws(watched()))
        known = {flaw.id for flaw in found.flaws}
        found.flaws += [flaw for flaw in self._contradictions(anchored, there, found.head) if flaw.id not in known]
        return found

    def _contradictions(self, anchored: Anchored, there: Mapping[int, str], head: Head) -> Iterator[Flaw]:
        """The first row that was written down as another, the newest that is gone, and lines that nobody wrote so."""
        wrong = [
            flaw
            for number, hashes in sorted(anchored.heads.items())
            for digest in hashes
            if (flaw := broken(Head(number, digest), head, there.get(number)))
        ]
        yield from [flaw for flaw in wrong if flaw.what == "changed"][:1]
        yield from [flaw for flaw in wrong if flaw.what == "missing"][-1:]
        if anchored.unreadable:
            says = f"{anchored.unreadable} lines of {self.anchors_path} are not as they were written"
            yield Flaw(0, "changed", says)
