"""One board as this process knows it: its subscribers, the newest rows, and the changes not sent yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from app.ws import messages
from app.ws.messages import Row

Member = TypeVar("Member")

_MAX_REQUESTS = 20  # request ids of one update


@dataclass(frozen=True, slots=True)
class Cause:
    """The cause of a board's change: its requests, and the time when the oldest was committed (Unix seconds)."""

    request_ids: Sequence[str] = ()
    committed_at: float | None = None


NO_CAUSE = Cause()


@dataclass(frozen=True, slots=True)
class Update:
    """A broadcast: the version, the frame that carries it, and its cause."""

    version: int
    frame: bytes
    cause: Cause


class Board(Generic[Member]):
    """A board's state. Broadcasts come from `change`; the answer to a subscribe may be newer, from a snapshot."""

    __slots__ = (
        "_changes",
        "_committed_at",
        "_initial",
        "_initial_online",
        "_known_rows",
        "_request_ids",
        "busy",
        "known_version",
        "last_sent_at",
        "members",
        "name",
        "online",
        "own_members",
        "players",
        "rows",
        "sent_version",
        "version",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.members: dict[Member, None] = {}  # in the order of joining, which is near in memory and fair
        self.own_members: dict[Member, None] = {}  # those that asked for their own standing too
        self.players: dict[UUID, int] = {}  # players of the members, each with its number of members
        self.online = 0  # players on all servers, as last counted
        self.version = 0  # newest passed to `change`
        self.sent_version = 0  # newest sent to all members
        self.known_version = -1  # newest from a change or a snapshot
        self.last_sent_at = float("-inf")
        self.busy = False  # a greenlet is sending
        self.rows: Sequence[Row] = ()  # the rows of `version`
        self._known_rows: Sequence[Row] = ()
        self._changes: dict[object, Row] = {}
        self._request_ids: list[str] = []
        self._committed_at: float | None = None
        self._initial: bytes | None = None
        self._initial_online = 0

    def enter(self, member: Member, player_id: UUID | None, *, me: bool = False) -> None:
        """Add a subscriber of this player, None without one. `me`: it asked for its own standing too."""
        self.members[member] = None
        if me:
            self.own_members[member] = None
        if player_id is not None:
            self.players[player_id] = self.players.get(player_id, 0) + 1

    def leave(self, member: Member, player_id: UUID | None) -> None:
        """Remove a subscriber of this player."""
        del self.members[member]
        self.own_members.pop(member, None)
        if player_id is None:
            return
        if self.players[player_id] == 1:
            del self.players[player_id]
        else:
            self.players[player_id] -= 1

    def online_now(self) -> int:
        """Return the number of players on all servers, at least the number here: a new player counts at once."""
        return max(self.online, len(self.players))

    def learn(self, version: int, rows: Sequence[Row]) -> None:
        """Take over the rows of a snapshot if they are newer than the known ones."""
        if version <= self.known_version:
            return
        self.known_version, self._known_rows, self._initial = version, rows, None
        if not self.members and version > self.version:
            self.version, self.sent_version, self.rows = (
                version,
                version,
                rows,
            )  # no subscriber waits for an older version
            self._changes = {}

    def change(self, version: int, rows: Sequence[Row], changes: Iterable[Row], cause: Cause = NO_CAUSE) -> bool:
        """Store a change to send. Return False if it is not newer than the last one."""
        if version <= self.version:
            return False
        self.version, self.rows = version, rows
        self._request_ids += cause.request_ids[: _MAX_REQUESTS - len(self._request_ids)]
        if cause.committed_at is not None:
            self._committed_at = min(cause.committed_at, self._committed_at or cause.committed_at)
        self.learn(version, rows)
        for row in changes:
            self._merge(row)
        return True

    def take_update(self) -> Update:
        """Return the newest version, with every change and every cause since the last call."""
        self.sent_version = self.version
        changes, self._changes = list(self._changes.values()), {}
        cause = Cause(self._request_ids, self._committed_at)
        self._request_ids, self._committed_at = [], None
        frame = messages.update(self.name, self.version, self.online_now(), self.rows, changes)
        return Update(self.version, frame, cause)

    def initial(self) -> tuple[int, bytes]:
        """Return the newest version and the frame that answers a subscribe; an unchanged board is encoded once."""
        online = self.online_now()
        if self._initial is None or self._initial_online != online:
            self._initial = messages.initial(self.name, self.known_version, online, self._known_rows)
            self._initial_online = online
        return self.known_version, self._initial

    def _merge(self, row: Row) -> None:
        # Two changes of one player become one, from the start of the first to the end of the last.
        earlier = self._changes.get(row["user_id"])
        if earlier is not None:
            row = {**row, **{name: earlier[name] for name in ("previous_score", "previous_rank")}}
        self._changes[row["user_id"]] = row
