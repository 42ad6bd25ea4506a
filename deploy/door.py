"""How many connections of one address a web process holds, so that the others find room."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

from app.domain.networks import network_of

_BESIDE_SOCKETS = 200  # connections of an address that are no WebSockets: requests, and handshakes under way


class Door:
    """Counts open connections by address. Without a limit everybody may enter: behind a proxy all have its address."""

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self._open: Counter[str] = Counter()

    @classmethod
    def beside(cls, most_sockets: int, trusted_proxies: int) -> Door:
        """The door of a process that lets an address open `most_sockets` WebSockets; none behind a trusted proxy."""
        return cls(None if trusted_proxies else most_sockets + _BESIDE_SOCKETS)

    @contextlib.contextmanager
    def entered(self, address: str) -> Iterator[bool]:
        """Whether one more connection of `address` may stay; it counts for as long as the block runs."""
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
