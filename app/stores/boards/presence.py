"""Who is connected, in Redis: each player's and each address's sockets, and how many players are on a board.

Every entry expires by itself, so what a dead server held is gone a little later; the living ones renew theirs.
Entries are hints for limits and counts: PostgreSQL knows nothing of them, and nothing needs them to be right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from app.stores.redis.client import Call, Scripts

_CHUNK = 500  # members or keys for one trip


def of_player(player_id: UUID) -> str:
    """The key of a player's sockets."""
    return f"user:{{{player_id}}}:connections"


def of_address(address: str) -> str:
    """The key of an address's sockets."""
    return f"address:{{{address}}}:connections"


class PresenceStore:
    """Sorted sets of sockets (`<server>/<number>`) by the Unix time at which they count as gone."""

    def __init__(self, scripts: Scripts, *, seconds: float) -> None:
        """`seconds`: how long an entry lasts that is not renewed."""
        self._scripts, self._seconds = scripts, seconds

    def enter(self, key: str, socket: str, most: int) -> bool:
        """Register a socket; False if `most` others are there already."""
        return bool(self._scripts.run("presence_enter", [key], [socket, most, self._seconds]))

    def stay(self, sockets: Mapping[str, Sequence[str]]) -> None:
        """Renew sockets, by their key."""
        self._together(("presence_stay", [key], [self._seconds, *names]) for key, names in sockets.items())

    def leave(self, sockets: Mapping[str, Sequence[str]]) -> None:
        """Take sockets off, by their key."""
        self._together(("presence_leave", [key], names) for key, names in sockets.items())

    def online(self, board: str, server: str = "", arrived: Iterable[UUID] = (), departed: Iterable[UUID] = ()) -> int:
        """How many players are on a board, after these have come to and left `server`, or are still there."""
        keys = [f"leaderboard:online:{{{board}}}", f"leaderboard:online-servers:{{{board}}}"]
        here, gone = [str(player) for player in arrived], [str(player) for player in departed]
        count = 0
        for start in range(0, max(len(here), len(gone), 1), _CHUNK):
            left, there = gone[start : start + _CHUNK], here[start : start + _CHUNK]
            count = self._scripts.run("presence_online", keys, [server, self._seconds, len(left), *left, *there])
        return int(count)

    def _together(self, calls: Iterable[Call]) -> None:
        waiting = list(calls)
        for start in range(0, len(waiting), _CHUNK):
            self._scripts.run_together(waiting[start : start + _CHUNK])
