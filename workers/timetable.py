"""The times at which periodic tasks are due, independent of changes to the clock."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping


class Timetable:
    """A count of the seconds since each task was sent. Each look adds only the time since the last look.

    So a clock that is set back costs the time from one look to the next, and not the time until it has caught up.
    """

    def __init__(self, intervals: Mapping[str, float], *, clock: Callable[[], float]) -> None:
        """Take `intervals`, the seconds between two sendings by task name, and `clock`, which returns seconds."""
        self._intervals, self._clock = dict(intervals), clock
        self._looked_at = clock()
        self._ages = dict.fromkeys(self._intervals, math.inf)

    def resume(self, ages: Mapping[str, float]) -> None:
        """Start with known ages, the seconds since each task was sent; a task without an age was never sent."""
        self._looked_at = self._clock()
        self._ages = {name: max(0.0, ages.get(name, math.inf)) for name in self._intervals}

    def due(self) -> list[str]:
        """Return the tasks to send now, in the order of `intervals`."""
        now = self._clock()
        elapsed, self._looked_at = max(0.0, now - self._looked_at), now
        self._ages = {name: age + elapsed for name, age in self._ages.items()}
        return [name for name, interval in self._intervals.items() if self._ages[name] >= interval]

    def record_sent(self, name: str) -> None:
        """Record that the task was sent just now."""
        self._ages[name] = 0.0

    def seconds_to_next(self) -> float:
        """Return the seconds until the next task is due, counted from the last look; infinite if there is no task."""
        return min((interval - self._ages[name] for name, interval in self._intervals.items()), default=math.inf)
