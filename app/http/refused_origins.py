"""The log of pages whose origin is refused: their browsers hide the reason from them."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

_PERIOD = 60.0  # seconds
_MOST = 20  # lines in a period and process: any client may invent origins
_LONGEST = 200  # characters of an origin in a line

log = structlog.get_logger("fairboard.http")


class RefusedOrigins:
    """Logs each refused origin once a minute, and at most 20 of them a minute in this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends_at = 0.0
        self._origins: set[str] = set()

    def note(self, origin: str) -> None:
        """Log this origin, unless it was logged in this minute or the lines of this minute are used up."""
        origin = origin[:_LONGEST]
        if self._clock() >= self._ends_at:
            self._ends_at = self._clock() + _PERIOD
            self._origins.clear()
        if origin in self._origins or len(self._origins) >= _MOST:
            return
        self._origins.add(origin)
        log.warning("origin_refused", origin=origin, setting="ALLOWED_ORIGINS")
