"""Steps back of the clocks of Redis, seen against this machine's clock since boot, which no adjustment changes."""

from __future__ import annotations

import time
from collections.abc import Callable

_TOLERANCE = 0.02  # seconds
_DRIFT = 0.001  # two clocks run apart by less than this share of the time


def seconds_since_boot() -> float:
    """Return the time since boot, sleep included where the system counts it."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class _ClockWatch:
    """One clock. Its lead over the time since boot is at least `_lead`, unless it was set back."""

    def __init__(self) -> None:
        self._lead: float | None = None
        self._at = self._unmeasurable_until = 0.0

    def note(self, now: float, sent: float, received: float) -> None:
        """Note that the clock showed `now` at some time from `sent` to `received`, since boot; all in seconds."""
        known_lead = None if self._lead is None else self._lead - _DRIFT * (received - self._at)
        if known_lead is not None and now - sent < known_lead - _TOLERANCE:
            until = now + known_lead - (now - sent) + _TOLERANCE
            self._unmeasurable_until = max(self._unmeasurable_until, until)
            known_lead = None
        lead = now - received
        self._lead, self._at = lead if known_lead is None else max(known_lead, lead), received

    def was_set_back_since(self, moment: float) -> bool:
        """Return whether a time of this clock may be from before it was set back."""
        return moment <= self._unmeasurable_until


class ClockSteps:
    """The clocks of all nodes. A step is noticed with the first answer after it."""

    def __init__(self, since_boot: Callable[[], float] = seconds_since_boot) -> None:
        self.since_boot = since_boot
        self._watches: dict[str, _ClockWatch] = {}

    def note(self, node: str, now_ms: int, sent: float) -> None:
        """Note an answer of a node that has just arrived: its clock, and the time since boot of the question."""
        self._watches.setdefault(node, _ClockWatch()).note(now_ms / 1000, sent, self.since_boot())

    def was_set_back_since(self, node: str, moment_ms: int) -> bool:
        """Return whether a time that this node gave may be from before its clock was set back."""
        watch = self._watches.get(node)
        return watch is not None and watch.was_set_back_since(moment_ms / 1000)
