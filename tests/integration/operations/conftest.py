"""Analytics on a clock that the test sets, over a ledger written by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from app.containers.container import Container
from app.domain.rollups import Granularity
from app.services.operations.analytics import Analytics
from app.services.operations.rollup_rows import RollupQuery, RollupRow
from app.stores.operations.rollups import RollupStore
from tests.integration.moderation.ledgers import HandLedger

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TEN = datetime.fromisoformat("2026-01-05T10:00:00Z")


@pytest.fixture
def ledger(container: Container) -> HandLedger:
    return HandLedger(container)


class Clock:
    """The primary's clock, set by the test."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def analytics_on(container: Container, clock: Clock) -> Analytics:
    return Analytics(
        container.database,
        container.replicas,
        container.patient_replicas,
        container.catalog,
        RollupStore(),
        clock=clock,
    )


@pytest.fixture
def analytics(container: Container) -> Analytics:
    """Return analytics four days later."""
    return analytics_on(container, Clock(TEN + 4 * DAY))


def rows_of(
    analytics: Analytics, by: Granularity, since: datetime, until: datetime, slug: str | None = None
) -> list[RollupRow]:
    return analytics.show(RollupQuery("main", by, since, until, slug))


def stored_rollups(container: Container) -> list[dict[str, Any]]:
    """Return all roll-ups, without the times at which they were computed."""
    rows = container.database.rows("SELECT * FROM rollups ORDER BY granularity, starts_at, season_id, action_type_id")
    return [{name: value for name, value in row._mapping.items() if name != "computed_at"} for row in rows]
