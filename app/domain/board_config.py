"""The rules of a board, and the rules for the values of its fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TypeAlias, get_args

from app.domain import attributes
from app.domain.action_types import check_name, check_slug
from app.domain.schedules import BadSchedule, Schedule, zone_of
from app.domain.scoring import ONE_RUN, Order, Scoring

MOST_SEGMENTS = 4
UNIT_LENGTH = 16
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9900, 1, 1, tzinfo=UTC)
"""Between them and the ends of the calendar, seasons and zones have room."""

Check: TypeAlias = Callable[[object], str | None]
"""Returns the error of a value, or None."""


@dataclass(frozen=True, slots=True)
class BoardConfig:
    """The fields of a board that an operator decides. Without a schedule it has one season, without an end by default.

    `decimals`: how many digits of a score are shown behind the point. `starts_at` and `ends_at`: of a contest.
    """

    slug: str
    name: str
    scoring: Scoring = "sum"
    order: Order = "desc"
    unit: str = ""
    decimals: int = 0
    schedule: str | None = None
    timezone: str = "UTC"
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    segments: Sequence[str] = ()
    public: bool = True

    def parsed_schedule(self) -> Schedule | None:
        """Return the schedule, None for a board with a single season."""
        return Schedule(self.schedule, self.timezone) if self.schedule else None


def _word_of(words: Sequence[str]) -> Check:
    return lambda value: None if value in words else f"must be one of {', '.join(words)}"


def _unit(value: object) -> str | None:
    is_valid = isinstance(value, str) and len(value) <= UNIT_LENGTH and value.strip() == value and value.isprintable()
    return None if is_valid else f"must be at most {UNIT_LENGTH} printable characters, with no space at either end"


def _decimals(value: object) -> str | None:
    is_valid = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 6
    return None if is_valid else "must be a whole number from 0 to 6"


def _text(value: object) -> str | None:
    return None if value is None or isinstance(value, str) else "must be a string"


def _time(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        return "must be a time with its offset, such as 2026-11-23T10:00:00Z"
    is_in_range = _EARLIEST <= value <= _LATEST
    return None if is_in_range else f"must be a time from the year {_EARLIEST.year} to {_LATEST.year}"


def _boolean(value: object) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _segments(value: object) -> str | None:
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        return "must be a list of names"
    if len(value) > MOST_SEGMENTS or len(set(value)) < len(value):
        return f"must be at most {MOST_SEGMENTS} different names"
    for name in value:
        try:
            attributes.check_name(name)
        except ValueError as error:
            return f"has '{name[:40]}': {error}"
    return None


_CHECKS: dict[str, Check] = {
    "slug": check_slug,
    "name": check_name,
    "scoring": _word_of(get_args(Scoring)),
    "order": _word_of(get_args(Order)),
    "unit": _unit,
    "decimals": _decimals,
    "schedule": _text,
    "timezone": lambda value: _text(value) if value is not None else "must be a string",
    "starts_at": _time,
    "ends_at": _time,
    "segments": _segments,
    "public": _boolean,
}
FIELDS = tuple(field.name for field in fields(BoardConfig))
WINDOW_FIELDS = ("schedule", "timezone", "starts_at", "ends_at")
"""The fields that decide the seasons."""
SCORE_FIELDS = ("scoring", "order")
"""The fields that decide the scores."""


def problems(values: Mapping[str, object]) -> list[dict[str, str]]:
    """Return the errors of these values: `{"field", "message"}` each. Fields that are missing have their defaults."""
    errors = [
        {"field": field, "message": message}
        for field, value in values.items()
        if (message := _CHECKS[field](value) if field in _CHECKS else "is not a field of a board")
    ]
    bad = {error["field"] for error in errors}
    good = {field: value for field, value in values.items() if field not in bad}
    return errors + [{"field": field, "message": message} for field, message in _joint_problems(good)]


def _joint_problems(values: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    scoring = values.get("scoring", "sum")
    if values.get("order", "desc") == "asc" and scoring not in ONE_RUN:
        yield "order", f"can be asc with scoring {' or '.join(ONE_RUN)} only, not with {scoring}"
    yield from _schedule_problems(values.get("schedule"), values.get("timezone", "UTC"))
    starts_at, ends_at = values.get("starts_at"), values.get("ends_at")
    if isinstance(starts_at, datetime) and isinstance(ends_at, datetime) and starts_at >= ends_at:
        yield "ends_at", "must be after starts_at"


def _schedule_problems(expression: object, timezone: object) -> Iterator[tuple[str, str]]:
    try:
        zone_of(str(timezone))
    except BadSchedule as error:
        yield "timezone", str(error)
        return
    if isinstance(expression, str):
        try:
            Schedule(expression, str(timezone))
        except BadSchedule as error:
            yield "schedule", str(error)
