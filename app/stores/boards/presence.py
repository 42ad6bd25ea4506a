"""Presence in Redis: the sockets of each player and of each address, and the number of players on each board.

Every entry expires unless its server renews it, so the entries of a dead server are gone a little later.
Entries are hints for limits and counts: PostgreSQL knows nothing of them, and nothing needs them to be exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from app.stores.redis.client import Call, Scripts

_CHUNK = 500  # members or keys in one round trip


def player_key(player_id: UUID) -> str:
    """Return the key of a player's sockets."""
    return f"user:{{{player_id}}}:connections"


def address_key(address: str) -> str:
    """Return the key of an address's sockets."""
    return f"address:{{{address}}}:connections"


def watchers_key(address: str) -> str:
    """Return the key of an address's sockets without an account."""
    return f"address:{{{address}}}:watchers"


class PresenceStore:
    """Sorted sets of sockets (`<server>/<number>`) by the Unix time at which they expire."""

    def __init__(self, scripts: Scripts, *, seconds: float) -> None:
        """Let an entry that is not renewed expire after `seconds`."""
        self._scripts, self._seconds = scripts, seconds

    def register(self, key: str, socket: str, limit: int) -> bool:
        """Register a socket; return False if `limit` other sockets are registered already."""
        return bool(self._scripts.run("presence_enter", [key], [socket, limit, self._seconds]))

    def renew(self, sockets: Mapping[str, Sequence[str]]) -> None:
        """Renew sockets, grouped by key."""
        self._run_in_chunks(("presence_stay", [key], [self._seconds, *names]) for key, names in sockets.items())

    def remove(self, sockets: Mapping[str, Sequence[str]]) -> None:
        """Remove sockets, grouped by key."""
        self._run_in_chunks(("presence_leave", [key], names) for key, names in sockets.items())

    def count_online(
        self, board: str, server: str = "", arrived: Iterable[UUID] = (), departed: Iterable[UUID] = ()
    ) -> int:
        """Return how many players are on a board, after some arrived at (or stayed on) `server` and some departed."""
        keys = [f"leaderboard:online:{{{board}}}", f"leaderboard:online-servers:{{{board}}}"]
        arrivals, departures = [str(player) for player in arrived], [str(player) for player in departed]
        count = 0
        for start in range(0, max(len(arrivals), len(departures), 1), _CHUNK):
            leaving, present = departures[start : start + _CHUNK], arrivals[start : start + _CHUNK]
            count = self._scripts.run(
                "presence_online", keys, [server, self._seconds, len(leaving), *leaving, *present]
            )
        return int(count)

    def _run_in_chunks(self, calls: Iterable[Call]) -> None:
        all_calls = list(calls)
        for start in range(0, len(all_calls), _CHUNK):
            self._scripts.run_together(all_calls[start : start + _CHUNK])
