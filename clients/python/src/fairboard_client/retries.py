"""The rules of repeated calls: which failures may be tried again, and after how long. Nothing here waits or sends."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from fairboard_client.errors import FairboardError

_NO_ANSWER_OF_THE_SERVER = (0, 502, 503, 504)
_MOST_DOUBLINGS = 10


@dataclass(frozen=True, slots=True)
class Retries:
    """The limits of repeated calls, in seconds.

    `total` is the time from the first try to the last one; 0 for a single try. Pauses double from `first_pause` up to
    `longest_pause`, and come after the time that the server asked for. `jitter` returns a random number from 0 to 1.
    """

    total: float = 60.0
    first_pause: float = 0.4
    longest_pause: float = 15.0
    jitter: Callable[[], float] = field(default=random.random, repr=False)

    def pause(self, error: FairboardError, *, is_repeatable: bool, failures: int, elapsed: float) -> float | None:
        """Return the seconds until the next try, or `None` if there is none: the call is unsafe, or time is up."""
        if not may_repeat(error, is_repeatable=is_repeatable):
            return None
        doubled = min(self.longest_pause, self.first_pause * 2 ** min(failures, _MOST_DOUBLINGS))
        seconds = (error.retry_after or 0.0) + doubled * (0.5 + self.jitter() / 2)
        return seconds if elapsed + seconds <= self.total else None


def may_repeat(error: FairboardError, *, is_repeatable: bool) -> bool:
    """Return whether the call may be sent again after this error without any effect happening twice.

    A request that never arrived, that a rate limit turned away or that came too soon has had no effect. After any
    other failure only a repeatable call may be sent again: a read, or a write with an Idempotency-Key.
    """
    if not error.was_sent or error.status == 429 or error.code == "too_soon":
        return True
    return is_repeatable and (error.status in _NO_ANSWER_OF_THE_SERVER or error.code == "in_progress")
