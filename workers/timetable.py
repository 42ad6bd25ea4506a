"""When each periodic task is due, whatever the clock does."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping


class Timetable:
    """Counts how long ago each task was sent. At each look only the time since the last look is added.

    So a clock that is set back costs the time from one look to the next, and not the time until it has caught up.
    """

    def __init__(self, intervals: Mapping[str, float], *, clock: Callable[[], float]) -> None:
        """`intervals`: seconds from one sending to the next, by the names of the tasks; `clock`: seconds."""
        self._intervals, self._clock = dict(intervals), clock
        self._looked_at = clock()
        self._ages = dict.fromkeys(self._intervals, math.inf)

    def go_on(self, ages: Mapping[str, float]) -> None:
        """Begin with what is known: seconds since each task was sent; one that is missing never was."""
        self._looked_at = self._clock()
        self._ages = {name: max(0.0, ages.get(name, math.inf)) for name in self._intervals}

    def due(self) -> list[str]:
        """The tasks to send now, in the order of the intervals that were given."""
        now = self._clock()
        passed, self._looked_at = max(0.0, now - self._looked_at), now
        self._ages = {name: age + passed for name, age in self._ages.items()}
        return [name for name, interval in self._intervals.items() if self._ages[name] >= interval]

    def sent(self, name: str) -> None:
        """It was sent just now."""
        self._ages[name] = 0.0

    def seconds_to_next(self) -> float:
        """How long until the next one is due, counted from the last look."""
        return min((interval - self._ages[name] for name, interval in self._intervals.items()), default=math.inf)
