"""The longest time that a screen may be without a socket, added up."""

from __future__ import annotations

import pytest

from bench.faults.comeback import pause, try_seconds


def _longest_absence(failures: int, *, hanging: bool) -> float:
    """Return the most seconds between a cut and the next board, when `failures` tries fail before one succeeds.

    `hanging`: each failed try, and the one that succeeds, takes as long as a try may; otherwise a refusal comes at
    once.
    """
    pauses = sum(pause(1006, number)[1] for number in range(failures + 1))
    tries = sum(try_seconds(number + 1) for number in range(failures + 1))  # the cut counts as the first failure
    return pauses + tries * hanging


@pytest.mark.parametrize(
    ("failures", "hanging", "most"),
    [
        (0, False, 0.9),  # the other server accepts the socket at once
        (1, False, 1.9),
        (3, False, 5.9),
        (6, False, 11.9),  # refused at once for as long as a server takes to be killed and started again
        (0, True, 0.9 + 8),  # on a busy machine the first answer takes the longest allowed time
        (1, True, 1.9 + 8 + 8),
        (2, True, 3.9 + 8 + 8 + 16),  # a server that is slow for everyone is given more time
    ],
)
def test_an_absence_is_bounded_by_the_tries_that_failed(failures: int, hanging: bool, most: float) -> None:
    assert _longest_absence(failures, hanging=hanging) == pytest.approx(most)


@pytest.mark.parametrize("code", [1001, 1005, 1006, 1008, 1011, 1012, 1013, 4408, 4409])
def test_the_first_tries_come_within_two_seconds_whatever_the_close_said(code: int) -> None:
    assert all(pause(code, failures)[1] <= 2.0 for failures in range(7))


def test_later_tries_never_wait_longer_than_fifteen_seconds_and_are_spread() -> None:
    bounds = [pause(1006, failures) for failures in range(1, 60)]
    assert max(high for _, high in bounds) == 15.0
    assert all(0 < low < high for low, high in bounds)


def test_a_try_gets_more_time_after_several_and_never_more_than_half_a_minute() -> None:
    assert [try_seconds(failures) for failures in range(8)] == [8, 8, 8, 16, 16, 16, 30, 30]
    assert try_seconds(1000) == 30
