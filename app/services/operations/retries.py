"""Retries of repeatable work, while a server is slow or away for a moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import structlog

from app.stores.unavailability import REFUSING, UNAVAILABLE

log = structlog.get_logger("fairboard.retries")

T = TypeVar("T")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0


class Retries:
    """Repeats a call that fails because PostgreSQL or Redis did not answer, until `seconds` pass without success.

    Before the first success the limit is `at_first` seconds, so that a server that is away from the beginning is
    reported soon; the same holds for a server that answers and refuses, which waiting rarely changes.
    """

    def __init__(self, seconds: float = 60.0, at_first: float = 3.0) -> None:
        self._seconds, self._limit, self._at_first = seconds, at_first, at_first
        self.repeats = 0
        """The number of repeated calls."""

    def __call__(self, call: Callable[[], T], *, gives_up: Callable[[Exception], bool] = lambda error: False) -> T:
        """Return the result of `call`. Raises its last error.

        An error outside UNAVAILABLE is not retried, nor is one for which `gives_up` returns true.
        """
        began, pause = time.monotonic(), _FIRST_PAUSE
        while True:
            try:
                result = call()
            except UNAVAILABLE as error:
                limit = self._at_first if isinstance(error, REFUSING) else self._limit
                if gives_up(error) or time.monotonic() + pause > began + limit:
                    raise
                log.warning("call_retried", kind=type(error).__name__, error=str(error).split("\n")[0])
            else:
                self._limit = self._seconds
                return result
            self.repeats += 1
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
