"""A scrape returns all readings that it can, in bounded time, while any source hangs."""

from __future__ import annotations

import threading
from collections.abc import Iterable

import psycopg
import pytest

from app.services.operations.metric_readings import MetricReadings, Reading, Source

DOWN = Reading("up", "Whether it answers", 0)
UP = DOWN._replace(value=1)


def test_every_source_that_answers_is_told() -> None:
    readings = MetricReadings([Source("one", lambda: [UP]), Source("other", lambda: [Reading("depth", "How much", 7)])])
    assert readings.now() == [UP, Reading("depth", "How much", 7)]


@pytest.mark.parametrize("error", [psycopg.OperationalError("gone"), ZeroDivisionError()])
def test_a_source_that_fails_is_told_to_be_down_and_the_others_as_ever(error: Exception) -> None:
    def fail() -> Iterable[Reading]:
        raise error

    readings = MetricReadings([Source("broken", fail, (DOWN,)), Source("well", lambda: [UP])])
    assert readings.now() == [DOWN, UP]


def test_a_source_that_hangs_is_down_and_not_asked_again_until_it_has_come_back() -> None:
    stalled, calls = threading.Event(), []

    def hang() -> Iterable[Reading]:
        calls.append(1)
        stalled.wait(60)
        return [UP]

    readings = MetricReadings([Source("hangs", hang, (DOWN,)), Source("well", lambda: [UP])], seconds=0.05)
    assert [readings.now() for _ in range(3)] == [[DOWN, UP]] * 3
    assert len(calls) == 1
    stalled.set()
    patient = [reading for _ in range(100) for reading in readings.now()]
    assert patient[-2:] == [UP, UP]
    assert len(calls) > 1
