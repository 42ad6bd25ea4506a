"""What this process and this machine remember of the audit log's end, compared with what the database says it is."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import structlog

from app.domain.audit import Flaw, Head, broken
from app.stores.moderation.audit import AuditStore
from app.stores.moderation.audit_anchors import Anchored, AnchorFile
from app.stores.postgres.engine import UNAVAILABLE

log = structlog.get_logger("fairboard.audit")


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """The log's head, and what contradicts a head that was remembered; `first`: nothing was, though there are rows."""

    head: Head
    flaw: Flaw | None = None
    first: bool = False


class Anchors:
    """Each process remembers the highest head that it has seen, from the file on; a lower or another one is a break.

    A break stays one, look after look, until an operator accepts it in the file (or, without a file, until a restart).
    """

    def __init__(self, store: AuditStore, file: AnchorFile | None) -> None:
        self._store, self.file = store, file
        self._highest: Head | None = None
        self._accepted: str | None = None  # the last accepted break that the file told of; None: it was not read yet
        self._lock = threading.Lock()

    def look(self) -> AuditCheck:
        """Compare the log with what is remembered, and remember its head. Raises one of UNAVAILABLE."""
        if self._accepted is None:
            self._recall(self._anchored())
        look = self._compare()
        if look.flaw and self._accepts_have_come():
            look = self._compare()
        if look.flaw:
            log.error("audit_log_broken", row=look.flaw.id, says=look.flaw.says, head=str(look.head))
        else:
            self._remember(look.head)
        return look

    def after_commit(self) -> None:
        """Look, after an act that is committed: nothing that fails here may change its answer."""
        try:
            self.look()
        except UNAVAILABLE as error:
            log.warning("audit_head_not_anchored", kind=type(error).__name__)

    def accept(self, head: Head) -> bool:
        """Begin anew from `head`; False where there is no file to write that in. Raises OSError."""
        if self.file is None:
            return False
        self.file.add(head, accepted=True)
        self._recall(self.file.read())
        return True

    def _compare(self) -> AuditCheck:
        anchor = self._highest
        head, there = self._store.head(anchor)
        return AuditCheck(head, broken(anchor, head, there) if anchor else None, first=anchor is None and head.id > 0)

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

    def _accepts_have_come(self) -> bool:
        """Whether an operator has accepted a break since the file was read: what was remembered gives way to it."""
        anchored = self._anchored()
        if not anchored.accepted or anchored.accepted == self._accepted:
            return False  # a file that was moved away makes nothing forgotten
        self._recall(anchored)
        return True

    def _recall(self, anchored: Anchored) -> None:
        with self._lock:
            self._highest, self._accepted = anchored.newest, anchored.accepted

    def _anchored(self) -> Anchored:
        try:
            return self.file.read() if self.file else Anchored()
        except OSError as error:
            log.warning("audit_anchors_unreadable", error=str(error))
            return Anchored()
