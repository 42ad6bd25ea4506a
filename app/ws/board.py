"""One board as this process knows it: its subscribers, the newest rows, and what has not been sent yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.ws import messages
from app.ws.messages import Row
from app.ws.subscriber import Subscriber


class Board:
    """What is sent to all comes from `change`; what answers a subscribe may be newer, from a snapshot."""

    __slots__ = (
        "_changes",
        "_initial",
        "_known_rows",
        "busy",
        "known",
        "last_sent_at",
        "members",
        "name",
        "rows",
        "sent",
        "version",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.members: dict[Subscriber, None] = {}  # in the order of joining: near in memory, and fair
        self.version = 0  # newest given to `change`
        self.sent = 0  # newest sent to all
        self.known = -1  # newest seen anywhere
        self.last_sent_at = float("-inf")
        self.busy = False  # a greenlet is sending
        self.rows: Sequence[Row] = ()  # those of `version`
        self._known_rows: Sequence[Row] = ()
        self._changes: dict[str, Row] = {}
        self._initial: bytes | None = None

    def learn(self, version: int, rows: Sequence[Row]) -> None:
        """A snapshot: the newest rows, if they are newer than those at hand."""
        if version <= self.known:
            return
        self.known, self._known_rows, self._initial = version, rows, None
        if not self.members and version > self.version:
            self.version, self.sent, self.rows = version, version, rows  # nobody waits for anything older
            self._changes = {}

    def change(self, version: int, rows: Sequence[Row], changes: Iterable[Row]) -> bool:
        """A change to send. False if it is not newer than the last one."""
        if version <= self.version:
            return False
        self.version, self.rows = version, rows
        self.learn(version, rows)
        for row in changes:
            self._merge(row)
        return True

    def take_update(self) -> tuple[int, bytes]:
        """The newest version and the frame that carries it, with every change since the last call."""
        self.sent = self.version
        changes, self._changes = list(self._changes.values()), {}
        return self.version, messages.update(self.name, self.version, self.rows, changes)

    def initial(self) -> tuple[int, bytes]:
        """The newest version and the frame that answers a subscribe with it; encoded once per version."""
        if self._initial is None:
            self._initial = messages.initial(self.name, self.known, self._known_rows)
        return self.known, self._initial

    def _merge(self, row: Row) -> None:
        # Two changes of one player read as one: from where the first began to where the last ended.
        before = self._changes.get(row["user_id"])
        if before is not None:
            row = {**row, **{name: before[name] for name in ("previous_score", "previous_rank")}}
        self._changes[row["user_id"]] = row
