"""Queries for stored roll-ups, and the rows in the API's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypedDict

from app.domain.rollups import LENGTH, Granularity, start_of
from app.domain.times import rfc3339
from app.errors import InvalidRequest
from app.stores.operations.rollups import NamedRollup

LONGEST = {"hour": timedelta(days=31), "day": timedelta(days=366)}
_DEFAULT_SPAN = {"hour": timedelta(days=1), "day": timedelta(days=30)}


@dataclass(frozen=True, slots=True)
class RollupQuery:
    """A query for the roll-ups that begin from `since` to before `until`; None: the default span, which ends now."""

    board: str
    by: Granularity
    since: datetime | None = None
    until: datetime | None = None
    action_type: str | None = None


class VoidedFigures(TypedDict):
    """The redemptions of a bucket that were voided."""

    redemptions: int
    points: int


class CompletionSeconds(TypedDict):
    """Seconds from issue to completion, None without redemptions."""

    median: float | None
    p95: float | None


RollupRow = TypedDict(
    "RollupRow",
    {
        "board": str,
        "season": int,
        "action_type": str | None,
        "from": str,
        "to": str,
        "redemptions": int,
        "points": int,
        "players": int,
        "voided": VoidedFigures,
        "refusals": Mapping[str, int],
        "completion_seconds": CompletionSeconds,
        "complete": bool,
        "computed_at": str,
    },
)
"""A roll-up in the API's words; `action_type` is None for all types together."""


def since_of(query: RollupQuery, until: datetime) -> datetime:
    """Return the start of a query's span that ends `until`. Raises InvalidRequest."""
    since = query.since or start_of(query.by, until - _DEFAULT_SPAN[query.by])
    if since >= until:
        raise InvalidRequest.field("to", "must be after 'from'")
    if until - since > LONGEST[query.by]:
        days = LONGEST[query.by].days
        raise InvalidRequest.field("from", f"must be at most {days} days before 'to' when read by the {query.by}")
    return since


def rollup_row(row: NamedRollup, by: Granularity) -> RollupRow:
    """Return a stored roll-up in the API's words."""
    return {
        "board": row.board,
        "season": row.season,
        "action_type": row.action_type,
        "from": rfc3339(row.starts_at),
        "to": rfc3339(row.starts_at + LENGTH[by]),
        "redemptions": row.redemptions,
        "points": row.points,
        "players": row.players,
        "voided": {"redemptions": row.voided, "points": row.voided_points},
        "refusals": row.refusals,
        "completion_seconds": {"median": row.median_seconds, "p95": row.p95_seconds},
        "complete": row.complete,
        "computed_at": rfc3339(row.computed_at),
    }
