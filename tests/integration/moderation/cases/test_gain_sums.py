"""The running sums by hour and day that the watch on gain reads: on real servers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app.containers.container import Container
from app.stores.moderation.gain import GainStore
from tests.integration.moderation.cases.parts import Field, limit_gain
from tests.integration.moderation.ledgers import DAY, Event, HandLedger

MINUTE = timedelta(minutes=1)


class Sums:
    """A ledger by hand, and the running sums of it."""

    def __init__(self, container: Container) -> None:
        self.container, self.ledger = container, HandLedger(container)
        self.now = datetime.now(UTC)

    def write(self, player: UUID, age: timedelta, points: int = 1) -> int:
        return self.ledger.write(Event(player, "tap", self.now - age, points))

    def check(self, *, settled: bool = True) -> None:
        """Assert that the sums are those of the ledger."""
        for table, unit, age in (("gain_hours", "hour", "24 hours"), ("gain_days", "day", "14 days")):
            (row,) = self.container.database.rows(
                f"""
                SELECT (SELECT array_agg((player_id, starts_at, points) ORDER BY 1) FROM (
                    SELECT player_id, starts_at, points FROM {table}
                    WHERE starts_at >= date_trunc('{unit}', now() - interval '{age}', 'UTC') ORDER BY 1, 2
                ) s) IS NOT DISTINCT FROM (SELECT array_agg((player_id, starts_at, points) ORDER BY 1) FROM (
                    SELECT player_id, date_trunc('{unit}', created_at, 'UTC') AS starts_at,
                           sum(points)::bigint AS points
                    FROM score_events WHERE created_at >= date_trunc('{unit}', now() - interval '{age}', 'UTC')
                    GROUP BY 1, 2 ORDER BY 1, 2
                ) e) AS same
                """
            )
            assert row.same is settled, table


@pytest.fixture
def sums(container: Container) -> Sums:
    return Sums(container)


def test_the_sums_begin_with_the_last_two_weeks_and_survive_restarts_and_repetitions(sums: Sums) -> None:
    players = [sums.ledger.player() for _ in range(3)]
    for number, player in enumerate(players):
        for age in (20 * DAY, 13 * DAY, 2 * DAY, 23 * 60 * MINUTE, 90 * MINUTE, 2 * MINUTE):
            sums.write(player, age, 10**number)
    for _ in range(2):
        sums.container.gain_watch.watch()
        sums.check()
    sums.write(players[0], MINUTE, 5)
    restarted = Container(sums.container.settings)
    assert restarted.gain_watch.watch().events == 1
    restarted.close()
    store = GainStore(sums.container.database)
    store.fold(0, store.position().cursor)  # a process that read the position before the other moved it
    sums.check()


def test_an_event_that_is_committed_late_is_counted_once(sums: Sums) -> None:
    player = sums.ledger.player()
    sums.write(player, MINUTE, 1)
    with sums.container.database.transaction() as connection:
        sums.ledger.write(Event(player, "tap", sums.now, 10), connection)
        sums.write(player, timedelta(0), 100)
        sums.container.gain_watch.watch()
    sums.container.gain_watch.watch()
    sums.check(settled=False)
    sums.write(player, MINUTE, 1000)  # the newest that is old enough
    sums.container.gain_watch.watch()
    sums.check()


def test_after_a_long_stop_it_catches_up_in_batches_and_misses_no_one(
    sums: Sums, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.services.moderation import gain_watch

    monkeypatch.setattr(gain_watch, "_BATCH", 7)
    cheat, players = sums.ledger.player(), [sums.ledger.player() for _ in range(5)]
    for number in range(10):
        sums.write(cheat, 600 * MINUTE - number * MINUTE, 1_000_000)
    for number in range(100):
        sums.write(players[number % 5], 500 * MINUTE - number * MINUTE)
    summary = sums.container.gain_watch.watch()
    assert (summary.events, summary.cases) == (110, [cheat])
    sums.check()


def test_points_of_more_than_a_day_ago_and_voided_ones_gain_nothing(sums: Sums) -> None:
    limit_gain(Field(sums.container), 1000)
    old, late = sums.ledger.player(), sums.ledger.player()
    for age in (24 * 60 * MINUTE + MINUTE, 60 * MINUTE):
        sums.write(old, age, 900)
    for age in (24 * 60 * MINUTE - 5 * MINUTE, 60 * MINUTE):
        sums.write(late, age, 900)
    assert sums.container.gain_watch.watch().cases == [late]


def test_times_of_a_race_are_no_points(sums: Sums) -> None:
    limit_gain(Field(sums.container), 1000)
    database = sums.container.database
    database.rows(
        "INSERT INTO boards (slug, name, scoring, sort_order) VALUES ('race', 'Race', 'best', 'asc') RETURNING id"
    )
    (race,) = database.rows(
        """
        INSERT INTO action_types (slug, name, result_kind, board_id)
        SELECT slug, name, 'reported', id FROM boards WHERE slug = 'race' RETURNING id
        """
    )
    racer, sums.ledger.types["race"] = sums.ledger.player(), race.id
    sums.ledger.write(Event(racer, "race", sums.now - MINUTE, 5_000_000))
    sums.container.gain_watch.compute_limits()
    summary = sums.container.gain_watch.watch()
    assert (summary.events, summary.cases, summary.holds) == (1, [], [])
    assert database.rows("SELECT FROM gain_hours") == []
