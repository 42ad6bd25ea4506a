"""Roll-ups: the play of one hour or day (UTC), by season and action type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

Granularity = Literal["hour", "day"]
GRANULARITIES: tuple[Granularity, ...] = ("hour", "day")
LENGTH = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
ALL_TYPES = 0
"""The value in place of an action type's id that stands for all action types together."""


@dataclass(frozen=True, slots=True)
class RollupKey:
    """The key of a roll-up: the bucket's start, the season, and the action type's id or ALL_TYPES."""

    starts_at: datetime
    season_id: int
    action_type_id: int


@dataclass(frozen=True, slots=True)
class RollupFigures:
    """The figures of a roll-up: `refusals` by reason; seconds from issue to completion, None without redemptions."""

    redemptions: int = 0
    points: int = 0
    players: int = 0
    voided: int = 0
    voided_points: int = 0
    median_seconds: float | None = None
    p95_seconds: float | None = None
    refusals: Mapping[str, int] | None = None


Rollups = dict[RollupKey, RollupFigures]
Figure: TypeAlias = int | float | Mapping[str, int] | None


@dataclass(frozen=True, slots=True)
class RollupDifference:
    """One figure whose stored value differs from the ledger's; None: no such roll-up."""

    place: RollupKey
    figure: str
    stored: Figure
    ledger: Figure


def start_of(granularity: Granularity, moment: datetime) -> datetime:
    """Return the start of the bucket that contains `moment`."""
    hour = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return hour if granularity == "hour" else hour.replace(hour=0)


def windows(granularity: Granularity, since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield whole buckets from that of `since` to that of `until`, both included, at most a day at a time."""
    begin, last = start_of(granularity, since), start_of(granularity, until) + LENGTH[granularity]
    while begin < last:
        end = min(start_of("day", begin) + LENGTH["day"], last)
        yield begin, end
        begin = end


def differences(stored: Rollups, ledger: Rollups) -> list[RollupDifference]:
    """Return the figures that differ, in the order of time."""
    result = []
    for place in sorted(
        stored.keys() | ledger.keys(), key=lambda key: (key.starts_at, key.season_id, key.action_type_id)
    ):
        stored_row, ledger_row = stored.get(place), ledger.get(place)
        if stored_row is None or ledger_row is None:
            result.append(
                RollupDifference(
                    place,
                    "redemptions",
                    stored_row.redemptions if stored_row else None,
                    ledger_row.redemptions if ledger_row else None,
                )
            )
            continue
        for field in fields(RollupFigures):
            stored_value, ledger_value = getattr(stored_row, field.name), getattr(ledger_row, field.name)
            if stored_value != ledger_value:
                result.append(RollupDifference(place, field.name, stored_value, ledger_value))
    return result
