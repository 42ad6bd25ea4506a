"""Recent sign-ins, which show whether clients can be told apart by their addresses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from redis.exceptions import RedisError

from app.domain.ip_addresses import plain_address
from app.stores.accounts.sign_ins import SignInStore

_ENOUGH_PLAYERS = 20  # per address: more than a household, as many as the rate limit lets sign in within a minute
_FEW_ADDRESSES = 3  # as many as a small site has proxies


@dataclass(frozen=True, slots=True)
class RecentSignIns:
    """Sign-ins of the last one to two hours: how many `players`, how many `addresses`, and the newest address."""

    players: int
    addresses: int
    last_address: str | None

    @property
    def seem_to_be_one(self) -> bool:
        """Return whether these addresses look like those of proxies rather than of players."""
        return 0 < self.addresses <= _FEW_ADDRESSES and self.players >= _ENOUGH_PLAYERS * self.addresses


class SignIns:
    """Counts sign-ins, for `flask doctor`."""

    def __init__(self, store: SignInStore, *, clock: Callable[[], float]) -> None:
        self._store, self._clock = store, clock

    def note(self, address: str, player_id: UUID, *, unread_forwarding: bool) -> None:
        """Count a sign-in, if Redis accepts it.

        A client on this machine is a developer or a test, unless the request has come through a proxy
        (`unread_forwarding`) whose header with the client's address is not read.
        """
        if not unread_forwarding and _is_loopback(address):
            return
        try:
            self._store.add(address, player_id, self._clock())
        except RedisError:
            return  # the player is signed in even without the count

    def recent(self) -> RecentSignIns:
        """Return the counts. Raises redis.RedisError."""
        now = self._clock()
        return RecentSignIns(
            self._store.count("players", now), self._store.count("addresses", now), self._store.last_address()
        )


def _is_loopback(address: str) -> bool:
    try:
        return plain_address(address).is_loopback
    except ValueError:
        return False
