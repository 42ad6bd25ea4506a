"""The audit log: a record of every act and its actor, and the search for rows that were changed since."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.audit import NOTHING, AuditRow, Flaw, Head, find_contradiction, flaws
from app.domain.quantities import quantity
from app.services.moderation.audit_anchors import Anchors, AuditCheck
from app.stores.moderation.audit import APPENDED, AuditStore
from app.stores.moderation.audit_anchors import Anchored
from app.stores.postgres.engine import Database
from app.stores.unavailability import reason_of

ProgressCallback = Callable[[int], None]


@dataclass(slots=True)
class AuditVerification:
    """`rows` rows were read and `anchors` anchored heads compared with them; `flaws` is empty for an unchanged log."""

    rows: int = 0
    anchors: int = 0
    head: Head = field(default_factory=lambda: Head(0, NOTHING))
    flaws: list[Flaw] = field(default_factory=list)


class Audit:
    """Appends acts that have no transaction of their own, and reads the log. Other acts append in their transaction."""

    def __init__(self, database: Database, store: AuditStore, anchors: Anchors) -> None:
        self._db, self._store, self._anchors = database, store, anchors
        database.register_after_commit(APPENDED, anchors.after_commit)

    def check(self) -> AuditCheck:
        """Compare the end of the log with the heads that this process and this machine remember."""
        return self._anchors.check()

    @property
    def anchors_path(self) -> str | None:
        """Return the path of this machine's file of heads, or `None` without one."""
        return str(self._anchors.file.path) if self._anchors.file else None

    def accept(self, actor: str, reason: str, request_id: str) -> Head | None:
        """Record that the log is right in spite of a break, for example after a restore, and anchor it anew.

        Return the new head, or `None` without a file: processes then remember the old head until a restart.
        Raises OSError.
        """
        check = self._anchors.check()
        says = check.flaw.says if check.flaw else "no recorded head contradicts it"
        self.note(actor, "audit.accepted", "audit_log", {"reason": reason, "break": says}, request_id)
        head, _ = self._store.head()
        try:
            return head if self._anchors.accept(head) else None
        except OSError as error:
            self.note(actor, "audit.accepted.failed", "audit_log", {"error": reason_of(error)}, request_id)
            raise

    def note(self, actor: str, act: str, subject: str, details: Mapping[str, object], request_id: str) -> None:
        """Record an act before it happens, so that an act that fails half way has its row and no act lacks one."""
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
        """Return the newest rows first; see AuditStore.page."""
        return self._store.page(limit=limit, before=before, actor=actor, act=act, subject=subject, since=since)

    def verify(
        self, expected_head: Head | None = None, on_progress: ProgressCallback = lambda rows: None
    ) -> AuditVerification:
        """Recompute the chain, and compare it with the heads in the file of anchors and with `expected_head`.

        Raises OSError for an unreadable file.
        """
        anchored = self._anchors.file.read() if self._anchors.file else Anchored()
        if expected_head:
            anchored.heads.setdefault(expected_head.id, set()).add(expected_head.hash)
        result = AuditVerification(anchors=sum(map(len, anchored.heads.values())))
        hashes: dict[int, str] = {}

        def counted_rows() -> Iterator[AuditRow]:
            for row in self._store.rows():
                result.rows += 1
                result.head = Head(row.id, row.hash)
                if row.id in anchored.heads:
                    hashes[row.id] = row.hash
                if result.rows % 1000 == 0:
                    on_progress(result.rows)
                yield row

        result.flaws = list(flaws(counted_rows()))
        flawed_ids = {flaw.id for flaw in result.flaws}
        result.flaws += [
            flaw for flaw in self._find_contradictions(anchored, hashes, result.head) if flaw.id not in flawed_ids
        ]
        return result

    def _find_contradictions(self, anchored: Anchored, hashes: Mapping[int, str], head: Head) -> Iterator[Flaw]:
        """Yield the first row unlike its anchor, the last one that is missing, and a flaw for damaged lines."""
        contradictions = [
            flaw
            for number, anchor_hashes in sorted(anchored.heads.items())
            for digest in anchor_hashes
            if (flaw := find_contradiction(Head(number, digest), head, hashes.get(number)))
        ]
        yield from [flaw for flaw in contradictions if flaw.kind == "changed"][:1]
        yield from [flaw for flaw in contradictions if flaw.kind == "missing"][-1:]
        if anchored.unreadable:
            says = f"{quantity(anchored.unreadable, 'damaged line')} in {self.anchors_path}"
            yield Flaw(0, "changed", says)
