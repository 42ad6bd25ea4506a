"""A limit on the connections that a web process holds for one address, so that others find room."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

from app.domain.networks import network_of

_OTHER_CONNECTIONS = 200  # an address's connections that are no WebSockets: requests, and handshakes under way


class Place:
    """The place of one connection. It is given up when its request ends, unless it was kept for a socket."""

    __slots__ = ("_door", "_network", "is_kept")

    def __init__(self, door: Door, network: str) -> None:
        self._door, self._network = door, network
        self.is_kept = False

    def keep(self) -> None:
        """Keep the place beyond the request, until `give_up`."""
        self.is_kept = True
        self._door.kept += 1

    def give_up(self) -> None:
        """Let another connection have a place that was kept. To be called once."""
        self._door.kept -= 1
        self._door.leave(self._network)


class Door:
    """A counter of open connections by address. Without a limit it admits all: behind a proxy all have its address."""

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self.kept = 0  # places of connections whose request has ended: WebSockets
        self._open: Counter[str] = Counter()

    @classmethod
    def for_process(cls, most_sockets: int, trusted_proxies: int) -> Door:
        """Return a door for a process that allows an address `most_sockets` WebSockets; no limit behind a proxy."""
        return cls(None if trusted_proxies else most_sockets + _OTHER_CONNECTIONS)

    @contextlib.contextmanager
    def admit(self, address: str) -> Iterator[Place | None]:
        """Yield a place for one more connection of `address`, None if it may not stay.

        The place is held for as long as the block runs, or longer if it is kept.
        """
        network = network_of(address)
        if self.limit is not None and self._open[network] >= self.limit:
            yield None
            return
        self._open[network] += 1
        place = Place(self, network)
        try:
            yield place
        finally:
            if not place.is_kept:
                self.leave(network)

    def leave(self, network: str) -> None:
        """Count a connection less."""
        self._open[network] -= 1
        if not self._open[network]:
            del self._open[network]
