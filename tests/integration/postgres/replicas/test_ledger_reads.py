"""Analytics and the review read on replicas, and lose nothing by it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from app.containers.container import Container
from app.services.operations.analytics import Analytics
from app.services.operations.rollup_rows import RollupQuery
from app.stores.operations.rollups import RollupStore
from devstack.replica import Replica
from tests.integration.moderation.ledgers import Event, HandLedger, limit_taps, write_days
from tests.parts.waiting import eventually

TEN = datetime.fromisoformat("2026-01-05T10:00:00Z")
HOUR = timedelta(hours=1)


@pytest.fixture
def patient(near: Container) -> Iterator[Container]:
    """Yield a process that reads on replicas however far they are behind."""
    tolerant = Container(near.settings.model_copy(update={"replica_lag_seconds": 3600.0}))
    yield tolerant
    tolerant.close()


def _analytics(container: Container) -> Analytics:
    """Return analytics a minute after the hour."""
    replicas, patient, catalog = container.replicas, container.patient_replicas, container.catalog
    return Analytics(
        container.database, replicas, patient, catalog, RollupStore(), clock=lambda: TEN + HOUR + timedelta(minutes=1)
    )


def _hour(analytics: Analytics) -> list[tuple[int, bool]]:
    rows = analytics.show(RollupQuery("main", "hour", TEN, TEN + HOUR, "tap"))
    return [(row["redemptions"], row["complete"]) for row in rows]


def test_an_hour_is_not_complete_while_the_replica_may_miss_something_of_it(
    container: Container, patient: Container, replicas: list[Replica]
) -> None:
    ledger = HandLedger(container)
    anna = ledger.player()
    ledger.write(Event(anna, "tap", TEN))
    eventually(lambda: all(replica.lag_bytes() == 0 for replica in replicas))
    for replica in replicas:
        replica.pause_replay()
    ledger.write(Event(anna, "tap", TEN + timedelta(minutes=59)))
    analytics, seen_on_primary = _analytics(patient), _analytics(container)
    for _ in range(2):
        analytics.roll_up()
        assert _hour(seen_on_primary) == [(1, False)], "read on a replica, which knows that it may miss something"
    assert seen_on_primary.rebuild(None, None) == []
    assert _hour(seen_on_primary) == [(2, False)]
    for replica in replicas:
        replica.resume_replay()
    eventually(lambda: all(replica.lag_bytes() == 0 for replica in replicas))
    analytics.roll_up()
    assert _hour(seen_on_primary) == [(2, True)]
    assert analytics.verify(None, None) == []
    eventually(lambda: _hour(analytics) == [(2, True)])


def test_with_all_replicas_dead_the_primary_is_read(
    container: Container, near: Container, replicas: list[Replica]
) -> None:
    ledger = HandLedger(container)
    limit_taps(container)
    mallory, now = ledger.player(), datetime.now(UTC)
    for number in range(30):
        ledger.write(Event(mallory, "tap", now - timedelta(seconds=90 - number)))
    ledger.write(Event(mallory, "tap", TEN))
    for replica in replicas:
        replica.kill()
    _analytics(near).roll_up()
    assert _hour(_analytics(near)) == [(1, True)]
    assert [case.player_id for case in near.review.review_new().cases] == [mallory]


def test_the_model_learns_from_a_replica(container: Container, patient: Container, replicas: list[Replica]) -> None:
    ledger, now = HandLedger(container), datetime.now(UTC) - timedelta(minutes=2)
    until = now.replace(minute=0, second=0, microsecond=0)
    write_days(ledger, 3, 2, until)
    eventually(lambda: all(replica.lag_bytes() == 0 for replica in replicas))
    for replica in replicas:
        replica.pause_replay()
    write_days(ledger, 3, 2, until)
    assert patient.model_training.train()["players"] == 3
    assert container.model_training.train()["players"] == 6
    for replica in replicas:
        replica.kill()
    assert patient.model_training.train()["players"] == 6
