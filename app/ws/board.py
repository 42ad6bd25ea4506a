"""One board as this process knows it: its subscribers, the newest rows, and what has not been sent yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from app.ws import messages
from app.ws.messages import Row

Member = TypeVar("Member")

_MOST_REQUESTS = 20  # named of those behind one update


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a board changed: the requests behind it, and when the oldest of them was committed (Unix seconds)."""

    request_ids: Sequence[str] = ()
    committed_at: float | None = None


NOBODY = Cause()


@dataclass(frozen=True, slots=True)
class Update:
    """What is sent to all: the version, the frame that carries it, and what caused it."""

    version: int
    frame: bytes
    cause: Cause


class Board(Generic[Member]):
    """What is sent to all comes from `change`; what answers a subscribe may be newer, from a snapshot."""

    __slots__ = (
        "_changes",
        "_committed_at",
        "_initial",
        "_initial_online",
        "_known_rows",
        "_request_ids",
        "busy",
        "known",
        "last_sent_at",
        "members",
        "name",
        "online",
        "players",
        "rows",
        "sent",
        "version",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.members: dict[Member, None] = {}  # in the order of joining: near in memory, and fair
        self.players: dict[UUID, int] = {}  # those of the members, with how many they are
        self.online = 0  # players on all servers, as last counted
        self.version = 0  # newest given to `change`
        self.sent = 0  # newest sent to all
        self.known = -1  # newest seen anywhere
        self.last_sent_at = float("-inf")
        self.busy = False  # a greenlet is sending
        self.rows: Sequence[Row] = ()  # those of `version`
        self._known_rows: Sequence[Row] = ()
        self._changes: dict[str, Row] = {}
        self._request_ids: list[str] = []
        self._committed_at: float | None = None
        self._initial: bytes | None = None
        self._initial_online = 0

    def enter(self, member: Member, player_id: UUID) -> None:
        """A subscriber of this player comes."""
        self.members[member] = None
        self.players[player_id] = self.players.get(player_id, 0) + 1

    def leave(self, member: Member, player_id: UUID) -> None:
        """It goes again."""
        del self.members[member]
        if self.players[player_id] == 1:
            del self.players[player_id]
        else:
            self.players[player_id] -= 1

    def online_now(self) -> int:
        """Players on all servers; those who have just come here count before they have been counted everywhere."""
        return max(self.online, len(self.players))

    def learn(self, version: int, rows: Sequence[Row]) -> None:
        """A snapshot: the newest rows, if they are newer than those at hand."""
        if version <= self.known:
            return
        self.known, self._known_rows, self._initial = version, rows, None
        if not self.members and version > self.version:
            self.version, self.sent, self.rows = version, version, rows  # nobody waits for anything older
            self._changes = {}

    def change(self, version: int, rows: Sequence[Row], changes: Iterable[Row], cause: Cause = NOBODY) -> bool:
        """A change to send. False if it is not newer than the last one."""
        if version <= self.version:
            return False
        self.version, self.rows = version, rows
        self._request_ids += cause.request_ids[: _MOST_REQUESTS - len(self._request_ids)]
        if cause.committed_at is not None:
            self._committed_at = min(cause.committed_at, self._committed_at or cause.committed_at)
        self.learn(version, rows)
        for row in changes:
            self._merge(row)
        return True

    def take_update(self) -> Update:
        """The newest version, with every change and every cause since the last call."""
        self.sent = self.version
        changes, self._changes = list(self._changes.values()), {}
        cause = Cause(self._request_ids, self._committed_at)
        self._request_ids, self._committed_at = [], None
        frame = messages.update(self.name, self.version, self.online_now(), self.rows, changes)
        return Update(self.version, frame, cause)

    def initial(self) -> tuple[int, bytes]:
        """The newest version and the frame that answers a subscribe with it; encoded once while nothing changes."""
        online = self.online_now()
        if self._initial is None or self._initial_online != online:
            self._initial = messages.initial(self.name, self.known, online, self._known_rows)
            self._initial_online = online
        return self.known, self._initial

    def _merge(self, row: Row) -> None:
        # Two changes of one player read as one: from where the first began to where the last ended.
        before = self._changes.get(row["user_id"])
        if before is not None:
            row = {**row, **{name: before[name] for name in ("previous_score", "previous_rank")}}
        self._changes[row["user_id"]] = row
