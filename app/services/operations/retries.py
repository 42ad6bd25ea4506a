"""Going on where a server was slow or away for a moment, for work that may be done twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import structlog

from app.stores.unavailability import REFUSING, UNAVAILABLE

log = structlog.get_logger("fairboard.patience")

T = TypeVar("T")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0


class Retries:
    """Calls again what failed because PostgreSQL or Redis did not answer, until `seconds` have passed without success.

    Before the first success it is `at_first` seconds, so that a server that is away from the beginning is reported
    soon; so it is for a server that answers and refuses, which waiting rarely changes.
    """

    def __init__(self, seconds: float = 60.0, at_first: float = 3.0) -> None:
        self._seconds, self._left, self._at_first = seconds, at_first, at_first
        self.repeats = 0
        """How often something was called again."""

    def __call__(self, call: Callable[[], T]) -> T:
        """What `call` returns at last. Raises its last error; anything but a server that is away at once."""
        began, pause = time.monotonic(), _FIRST_PAUSE
        while True:
            try:
                result = call()
            except UNAVAILABLE as error:
                left = self._at_first if isinstance(error, REFUSING) else self._left
                if time.monotonic() + pause > began + left:
                    raise
                log.warning("called_again", kind=type(error).__name__, error=str(error).split("\n")[0])
            else:
                self._left = self._seconds
                return result
            self.repeats += 1
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
