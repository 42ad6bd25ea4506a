"""Roll-ups: what was played in one hour or day (of UTC), by season and action type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

Granularity = Literal["hour", "day"]
GRANULARITIES: tuple[Granularity, ...] = ("hour", "day")
LENGTH = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
ALL_TYPES = 0
"""Stands for all action types together, in the place of an action type's id."""


@dataclass(frozen=True, slots=True)
class RollupKey:
    """Which roll-up: the bucket's start, the season, and the action type's id or ALL_TYPES."""

    starts_at: datetime
    season_id: int
    action_type_id: int


@dataclass(frozen=True, slots=True)
class RollupFigures:
    """What a roll-up says. `refusals` by reason; seconds from issue to completion, None where nothing was redeemed."""

    redemptions: int = 0
    points: int = 0
    players: int = 0
    voided: int = 0
    voided_points: int = 0
    median_seconds: float | None = None
    p95_seconds: float | None = None
    refusals: Mapping[str, int] | None = None


Rollups = dict[RollupKey, RollupFigures]


@dataclass(frozen=True, slots=True)
class RollupDifference:
    """One number that is kept otherwise than the ledger has it; None: no such roll-up."""

    place: RollupKey
    what: str
    kept: Any
    ledger: Any


def start_of(granularity: Granularity, moment: datetime) -> datetime:
    """The start of the bucket that `moment` is in."""
    begun = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return begun if granularity == "hour" else begun.replace(hour=0)


def windows(granularity: Granularity, since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Whole buckets from the one of `since` to the one of `until`, both included, at most a day at a time."""
    begin, last = start_of(granularity, since), start_of(granularity, until) + LENGTH[granularity]
    while begin < last:
        end = min(start_of("day", begin) + LENGTH["day"], last)
        yield begin, end
        begin = end


def differences(kept: Rollups, ledger: Rollups) -> list[RollupDifference]:
    """Number by number, in the order of time."""
    found = []
    for place in sorted(
        kept.keys() | ledger.keys(), key=lambda one: (one.starts_at, one.season_id, one.action_type_id)
    ):
        ours, truth = kept.get(place), ledger.get(place)
        if ours is None or truth is None:
            found.append(RollupDifference(place, "redemptions", ours and ours.redemptions, truth and truth.redemptions))
            continue
        for item in fields(RollupFigures):
            one, other = getattr(ours, item.name), getattr(truth, item.name)
            if one != other:
                found.append(RollupDifference(place, item.name, one, other))
    return found
