"""The heads of the audit log that this process and this machine remember, compared with the log in the database."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import structlog

from app.domain.audit import Flaw, Head, find_contradiction
from app.stores.moderation.audit import AuditStore
from app.stores.moderation.audit_anchors import Anchored, AnchorFile
from app.stores.postgres.engine import UNAVAILABLE

log = structlog.get_logger("fairboard.audit")


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """The log's head, and a flaw if it contradicts the remembered head; `first`: there are rows, but no such head."""

    head: Head
    flaw: Flaw | None = None
    first: bool = False


class Anchors:
    """Each process remembers the highest head that it has read, also from the file; a lower or another one is a break.

    Every check finds the break again until an operator accepts it in the file or, without a file, until a restart.
    """

    def __init__(self, store: AuditStore, file: AnchorFile | None) -> None:
        self._store, self.file = store, file
        self._highest: Head | None = None
        self._accepted: str | None = None  # the last accepted break in the file; None: it was not read yet
        self._lock = threading.Lock()

    def check(self) -> AuditCheck:
        """Compare the log with the remembered head, and remember its head. Raises one of UNAVAILABLE."""
        if self._accepted is None:
            self._recall(self._read_file())
        check = self._compare()
        if check.flaw and self._recall_new_acceptance():
            check = self._compare()
        if check.flaw:
            log.error("audit_log_broken", row=check.flaw.id, says=check.flaw.says, head=str(check.head))
        else:
            self._remember(check.head)
        return check

    def after_commit(self) -> None:
        """Check the log after a committed act; a failure is logged and must not change the act's response."""
        try:
            self.check()
        except UNAVAILABLE as error:
            log.warning("audit_head_not_anchored", kind=type(error).__name__)

    def accept(self, head: Head) -> bool:
        """Start anew from `head`; return False without a file to record that in. Raises OSError."""
        if self.file is None:
            return False
        self.file.add(head, accepted=True)
        self._recall(self.file.read())
        return True

    def _compare(self) -> AuditCheck:
        anchor = self._highest
        head, hash_at_anchor = self._store.head(anchor)
        return AuditCheck(
            head,
            find_contradiction(anchor, head, hash_at_anchor) if anchor else None,
            first=anchor is None and head.id > 0,
        )

    def _remember(self, head: Head) -> None:
        with self._lock:
            if head.id == 0 or (self._highest and head.id <= self._highest.id):
                return
            self._highest = head
        log.info("audit_head", audit_id=head.id, audit_hash=head.hash)
        try:
            if self.file:
                self.file.add(head)
        except OSError as error:
            log.warning("audit_head_not_anchored", error=str(error))

    def _recall_new_acceptance(self) -> bool:
        """Recall the file if an operator has accepted a break since it was read; return whether that happened."""
        anchored = self._read_file()
        if not anchored.accepted or anchored.accepted == self._accepted:
            return False  # the head stays remembered when the file is moved away
        self._recall(anchored)
        return True

    def _recall(self, anchored: Anchored) -> None:
        with self._lock:
            self._highest, self._accepted = anchored.newest, anchored.accepted

    def _read_file(self) -> Anchored:
        try:
            return self.file.read() if self.file else Anchored()
        except OSError as error:
            log.warning("audit_anchors_unreadable", error=str(error))
            return Anchored()
