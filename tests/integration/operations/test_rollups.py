"""Roll-ups end on the same numbers, whenever and however often they are computed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from app.containers.container import Container
from app.services.operations.analytics import Analytics
from tests.integration.moderation.ledgers import Event, HandLedger
from tests.integration.operations.conftest import DAY, HOUR, TEN, Clock, analytics_on, rows_of, stored_rollups


@pytest.fixture
def busy(container: Container, ledger: HandLedger) -> Container:
    """Return the container after three days of play, without any roll-up."""
    players = [ledger.player() for _ in range(3)]
    for number in range(60):
        at = TEN + number * timedelta(minutes=73)
        ledger.write(Event(players[number % 3], ("tap", "puzzle")[number % 2], at, number, seconds=number / 7))
        if number % 5 == 0:
            ledger.refuse(players[0], "puzzle", at)
    return container


def test_ticks_that_were_missed_are_caught_up_by_the_next_one(busy: Container, analytics: Analytics) -> None:
    analytics.roll_up()
    hours = rows_of(analytics, "hour", TEN, TEN + 4 * DAY)
    assert sum(row["redemptions"] for row in hours if row["action_type"] is None) == 60
    assert all(row["complete"] for row in hours)
    assert analytics.verify(None, None) == []


def test_twice_and_at_once_leave_the_same_numbers(
    busy: Container, analytics: Analytics, workers: list[Container]
) -> None:
    with ThreadPoolExecutor(len(workers)) as pool:
        for task in [pool.submit(analytics_on(worker, Clock(TEN + 4 * DAY)).roll_up) for worker in workers * 3]:
            task.result()
    analytics.roll_up()
    numbers = stored_rollups(busy)
    analytics.roll_up()
    assert analytics.rebuild(None, None) == []
    assert stored_rollups(busy) == numbers
    assert sum(row["redemptions"] for row in numbers if row["action_type_id"] == 0) == 2 * 60


def test_a_rebuild_says_what_differed_and_repairs_it(busy: Container, analytics: Analytics) -> None:
    analytics.roll_up()
    numbers = stored_rollups(busy)
    damage = "UPDATE rollups SET points = points + 1 WHERE granularity = 'hour' AND starts_at = :at RETURNING points"
    assert busy.database.rows(damage, at=TEN)
    busy.database.rows("DELETE FROM rollups WHERE granularity = 'day' AND starts_at > :at RETURNING points", at=TEN)
    differences = analytics.verify(None, None)
    assert {(difference.figure, difference.place.starts_at) for difference in differences} >= {("points", TEN)}
    assert any(difference.stored is None for difference in differences), "what is missing is a difference too"
    assert analytics.rebuild(TEN, TEN + timedelta(minutes=1)) == [
        difference for difference in differences if difference.figure == "points"
    ]
    assert analytics.rebuild(None, None) == [difference for difference in differences if difference.figure != "points"]
    assert stored_rollups(busy) == numbers


def test_an_event_that_is_committed_after_the_hour_s_end_is_counted_in_it(
    container: Container, ledger: HandLedger
) -> None:
    """Begin the event's transaction before the hour's end: until it ends, the hour isn't complete."""
    anna = ledger.player()
    ledger.write(Event(anna, "tap", TEN))
    clock = Clock(TEN + timedelta(minutes=59, seconds=59))
    analytics = analytics_on(container, clock)
    with container.database.transaction() as late:
        ledger.write(Event(anna, "tap", TEN + timedelta(minutes=59)), late)
        for after in (timedelta(0), timedelta(minutes=1), timedelta(minutes=2), timedelta(hours=3)):
            clock.now += after
            analytics.roll_up()
            (row,) = rows_of(analytics, "hour", TEN, TEN + HOUR, "tap")
            assert (row["redemptions"], row["complete"]) == (1, False)
    for _ in range(2):  # the first settles the waiting hour, the second the transactions that have ended since
        clock.now += timedelta(minutes=1)
        analytics.roll_up()
    (row,) = rows_of(analytics, "hour", TEN, TEN + HOUR, "tap")
    assert (row["redemptions"], row["complete"]) == (2, True)


def test_a_transaction_that_begins_after_the_end_does_not_hold_the_hour_up(
    container: Container, ledger: HandLedger
) -> None:
    clock = Clock(TEN + HOUR + timedelta(minutes=1))
    analytics = analytics_on(container, clock)
    anna = ledger.player()
    ledger.write(Event(anna, "tap", TEN))
    with container.database.transaction() as early:
        ledger.write(Event(anna, "tap", TEN + timedelta(minutes=59)), early)
        analytics.roll_up()  # records which transactions may still write into the hour
        later = container.database.transaction()
        with later as connection:
            ledger.write(Event(anna, "tap", TEN + HOUR), connection)
            early.commit()
            clock.now += timedelta(minutes=1)
            analytics.roll_up()
            (row,) = rows_of(analytics, "hour", TEN, TEN + HOUR, "tap")
            assert (row["redemptions"], row["complete"]) == (2, True)


def test_an_hour_is_open_until_a_moment_after_its_end(container: Container, ledger: HandLedger) -> None:
    anna = ledger.player()
    ledger.write(Event(anna, "tap", TEN))
    clock = Clock(TEN + timedelta(minutes=30))
    analytics = analytics_on(container, clock)
    states = []
    for minutes in (30, 59.99, 60.01, 61):
        clock.now = TEN + timedelta(minutes=minutes)
        # On a busy machine the last roll-up may have taken so long that this one would wait.
        container.database.rows("UPDATE rollup_progress SET took_seconds = 0 RETURNING 1 AS done")
        analytics.roll_up()
        (row,) = rows_of(analytics, "hour", TEN, TEN + HOUR, "tap")
        states.append((row["complete"], row["computed_at"][11:19]))
    assert states == [(False, "10:30:00"), (False, "10:59:59"), (False, "11:00:00"), (True, "11:01:00")]


def test_what_takes_long_to_compute_is_computed_less_often(container: Container, ledger: HandLedger) -> None:
    ledger.write(Event(ledger.player(), "tap", TEN))
    clock = Clock(TEN + timedelta(minutes=30))
    analytics = analytics_on(container, clock)
    analytics.roll_up()
    container.database.rows("UPDATE rollup_progress SET took_seconds = 30 RETURNING 1 AS done")
    clock.now += timedelta(minutes=5)
    analytics.roll_up()
    (row,) = rows_of(analytics, "hour", TEN, TEN + HOUR, "tap")
    assert row["computed_at"] == "2026-01-05T10:30:00.000Z"
    clock.now += timedelta(minutes=6)
    analytics.roll_up()
    (row,) = rows_of(analytics, "hour", TEN, TEN + HOUR, "tap")
    assert row["computed_at"] == "2026-01-05T10:41:00.000Z"
