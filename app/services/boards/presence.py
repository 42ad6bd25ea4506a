"""How many sockets a player and an address may hold over all servers, and how many players are on a board."""

from __future__ import annotations

import math
import time
from uuid import UUID

from app.errors import TooManySockets
from app.services.boards.standings import Standings
from app.stores.boards.presence import PresenceStore, of_address, of_player

LIFETIMES = 3  # renewals that may fail before a socket counts as gone
_KNOWN_SECONDS = 0.5


class Presence:
    """Raises what Redis raises: a limit that can't be looked at lets nobody through."""

    def __init__(
        self,
        store: PresenceStore,
        standings: Standings,
        *,
        most_per_player: int,
        most_per_address: int,
        renew_seconds: float,
    ) -> None:
        """`renew_seconds`: how often a server renews what it holds; a refused one may ask again after as long."""
        self._store, self._standings = store, standings
        self._most_per_player, self._most_per_address = most_per_player, most_per_address
        self._retry_after = max(1, math.ceil(renew_seconds))
        self.renew_seconds = renew_seconds
        self.stay, self.leave, self.count = store.stay, store.leave, store.online
        self._known: dict[str, tuple[float, int]] = {}

    def seat_player(self, player_id: UUID, socket: str) -> None:
        """Register a player's socket. Raises TooManySockets."""
        if not self._store.enter(of_player(player_id), socket, self._most_per_player):
            raise TooManySockets("player", self._most_per_player, self._retry_after)

    def seat_address(self, address: str, socket: str) -> None:
        """Register an address's socket. Raises TooManySockets."""
        if not self._store.enter(of_address(address), socket, self._most_per_address):
            raise TooManySockets("address", self._most_per_address, self._retry_after)

    def online(self, board: str) -> int:
        """How many players are on a board, a few seconds old at most. Raises NotFound."""
        self._standings.season(board)
        now = time.monotonic()
        known = self._known.get(board)
        if known is None or now - known[0] > _KNOWN_SECONDS:
            known = self._known[board] = now, self._store.online(board)
        return known[1]
