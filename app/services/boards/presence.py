"""Limits on the sockets of a player and of an address over all servers, and the count of players on a board."""

from __future__ import annotations

import math
import time
from uuid import UUID

from app.errors import TooManySockets
from app.services.boards.standings import Standings
from app.stores.boards.presence import PresenceStore, address_key, player_key, watchers_key

LIFETIMES = 3  # renewals that may fail before a socket counts as gone
_CACHE_SECONDS = 0.5


class Presence:
    """Counts sockets and players. Raises the errors of Redis: while a limit can't be checked, no socket is admitted."""

    def __init__(
        self,
        store: PresenceStore,
        standings: Standings,
        *,
        most_per_player: int,
        most_per_address: int,
        most_watchers: int,
        renew_seconds: float,
    ) -> None:
        """Set the limits. A server renews its sockets every `renew_seconds`; a refused client may retry after it.

        `most_watchers` is the limit of an address's sockets without an account, which count as its sockets too.
        """
        self._store, self._standings = store, standings
        self._most_per_player, self._most_per_address = most_per_player, most_per_address
        self._most_watchers = most_watchers
        self._retry_after = max(1, math.ceil(renew_seconds))
        self.renew_seconds = renew_seconds
        self.renew, self.remove, self.count = store.renew, store.remove, store.count_online
        self._counts: dict[str, tuple[float, int]] = {}

    def register_player(self, player_id: UUID, socket: str) -> None:
        """Register a player's socket. Raises TooManySockets."""
        if not self._store.register(player_key(player_id), socket, self._most_per_player):
            raise TooManySockets("player", self._most_per_player, self._retry_after)

    def register_address(self, address: str, socket: str) -> None:
        """Register an address's socket. Raises TooManySockets."""
        if not self._store.register(address_key(address), socket, self._most_per_address):
            raise TooManySockets("address", self._most_per_address, self._retry_after)

    def register_watcher(self, address: str, socket: str) -> None:
        """Register a socket without an account. Raises TooManySockets."""
        if not self._store.register(watchers_key(address), socket, self._most_watchers):
            raise TooManySockets(
                "address", self._most_watchers, self._retry_after, sockets="sockets without an account"
            )

    def online(self, board: str) -> int:
        """Return how many players are on a board, at most a few seconds ago. Raises NotFound."""
        self._standings.season(board)
        now = time.monotonic()
        cached = self._counts.get(board)
        if cached is None or now - cached[0] > _CACHE_SECONDS:
            cached = self._counts[board] = now, self._store.count_online(board)
        return cached[1]
