"""A limit on the connections that a web process holds for one address, so that others find room."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

from app.domain.networks import network_of

_OTHER_CONNECTIONS = 200  # an address's connections that are no WebSockets: requests, and handshakes under way


class Door:
    """A counter of open connections by address. Without a limit it admits all: behind a proxy all have its address."""

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self._open: Counter[str] = Counter()

    @classmethod
    def for_process(cls, most_sockets: int, trusted_proxies: int) -> Door:
        """Return a door for a process that allows an address `most_sockets` WebSockets; no limit behind a proxy."""
        return cls(None if trusted_proxies else most_sockets + _OTHER_CONNECTIONS)

    @contextlib.contextmanager
    def admit(self, address: str) -> Iterator[bool]:
        """Yield whether one more connection of `address` may stay; it counts for as long as the block runs."""
        network = network_of(address)
        if self.limit is not None and self._open[network] >= self.limit:
            yield False
            return
        self._open[network] += 1
        try:
            yield True
        finally:
            self._open[network] -= 1
            if not self._open[network]:
                del self._open[network]
