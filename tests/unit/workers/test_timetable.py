"""workers/timetable.py: each task runs within its interval of steady time, whichever time the clock shows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workers.timetable import Timetable

HOUR = 3600.0


class Clock:
    """A clock that is set back and forward while time goes on."""

    def __init__(self) -> None:
        self.shows = 1_000_000.0

    def __call__(self) -> float:
        return self.shows


def test_a_task_is_due_after_its_interval_and_not_before() -> None:
    clock = Clock()
    table = Timetable({"repair": 10.0, "prune": 600.0}, clock=clock)
    table.resume({"repair": 4.0, "prune": -3600.0})
    assert table.due() == []
    assert table.seconds_to_next() == 6
    clock.shows += 6
    assert table.due() == ["repair"]
    assert table.due() == ["repair"], "until it was sent"
    table.record_sent("repair")
    assert table.due() == []
    assert table.seconds_to_next() == 10


def test_what_was_never_sent_is_due_at_once() -> None:
    table = Timetable({"repair": 10.0}, clock=Clock())
    table.resume({})
    assert table.due() == ["repair"]


@given(jumps=st.dictionaries(st.integers(0, 60), st.sampled_from([-10 * HOUR, -HOUR, -5.0, 5.0, HOUR]), max_size=5))
def test_a_clock_that_is_set_costs_no_more_than_the_time_between_two_looks(jumps: dict[int, float]) -> None:
    """Look every second for a minute: a task that is due every ten seconds is sent at least every eleven.

    Each time that the clock is set back in between adds one second.
    """
    clock, sends, silent = Clock(), 0, 0
    table = Timetable({"repair": 10.0}, clock=clock)
    table.resume({"repair": 0.0})
    for second in range(61):
        clock.shows += 1 + jumps.get(second, 0.0)
        silent += 1
        if table.due():
            table.record_sent("repair")
            sends, silent = sends + 1, 0
        assert silent <= 10 + len(jumps)
    assert sends >= 3
