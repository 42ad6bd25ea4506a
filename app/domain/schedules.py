"""The seasons of a board: cron expressions in a time zone, and the times at which they fire."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import product
from zoneinfo import ZoneInfo

_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("day of the week", 0, 7))
_NAMES = {
    "month": ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    "day of the week": ("sun", "mon", "tue", "wed", "thu", "fri", "sat"),
}
_LONGEST_GAP = timedelta(days=9 * 366)  # 29 February is 8 years away at most, around a century without one
_SPANS = (timedelta(minutes=5), timedelta(hours=3), timedelta(days=3), timedelta(days=366), _LONGEST_GAP)
"""How far `last` looks back, the shorter ones first: a schedule may fire every minute."""

_LOCAL_FILES = re.compile(r"(localtime|posixrules|Factory)$|posix/|right/")
"""What a machine may have beside the zones of IANA; the clocks of `right/` count leap seconds."""
_WIDEST_STEP = timedelta(days=2)  # wider than any step that a zone's clock has made


class BadSchedule(ValueError):
    """The expression or its zone can't be used; the message says why, and follows the field's name."""


@dataclass(frozen=True, slots=True)
class Window:
    """The time of a season, `[starts_at, ends_at)`; None: no end."""

    starts_at: datetime
    ends_at: datetime | None


class Schedule:
    """The times of a cron expression in an IANA zone, in UTC.

    Each matching local time fires once. One that the zone's clock skips fires at the first instant after the gap, and
    one that the clock shows twice fires the first time.
    """

    def __init__(self, expression: str, timezone: str = "UTC") -> None:
        """Parse the expression. Raises BadSchedule, also for one that never fires."""
        texts = expression.split()
        if len(texts) != len(_FIELDS):
            raise BadSchedule("must have five fields: minute, hour, day of the month, month, day of the week")
        self._zone = zone_of(timezone)
        minutes, hours, self._days, self._months, weekdays = (
            _values(text, *field) for text, field in zip(texts, _FIELDS, strict=True)
        )
        self._times = [time(hour, minute) for hour, minute in product(sorted(hours), sorted(minutes))]
        self._weekdays = {weekday % 7 for weekday in weekdays}
        # As in every cron: with both days restricted, either suffices.
        self._either_day = not texts[2].startswith("*") and not texts[4].startswith("*")
        if self.next(datetime(2026, 1, 1, tzinfo=UTC)) is None:
            raise BadSchedule("never fires: no such day exists")

    def next(self, after: datetime) -> datetime | None:
        """Return the first time after this one, None if there is none within nine years."""
        local = (after.astimezone(self._zone) - _WIDEST_STEP).date()
        last = local + _LONGEST_GAP
        while local <= last:
            if self._matches(local):
                number = bisect_right(self._times, after, key=partial(self._instant, local))
                if number < len(self._times):
                    return self._instant(local, self._times[number])
            local += timedelta(days=1)
        return None

    def last(self, at: datetime) -> datetime | None:
        """Return the newest time that isn't after `at`, None if there is none within nine years."""
        for span in _SPANS:
            newest, instant = None, self.next(at - span)
            while instant and instant <= at:
                newest, instant = instant, self.next(instant)
            if newest:
                return newest
        return None

    def _instant(self, local: date, at: time) -> datetime:
        """Return the instant of a time of a local day; no later time of the day has an earlier one."""
        return _instant(datetime.combine(local, at), self._zone)

    def _matches(self, local: date) -> bool:
        if local.month not in self._months:
            return False
        is_day, is_weekday = local.day in self._days, local.isoweekday() % 7 in self._weekdays
        return is_day or is_weekday if self._either_day else is_day and is_weekday


def zone_of(name: str) -> ZoneInfo:
    """Return the zone. Raises BadSchedule."""
    try:
        if not _LOCAL_FILES.match(name):
            return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        pass
    raise BadSchedule(f"is no IANA time zone: '{name[:40]}'; one is 'Europe/Berlin'")


def _instant(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant of a local time, or of the first one after it if the zone's clock skips it."""
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == local:
        return first
    # In a gap, fold 0 has the offset from before it and fold 1 the one after it: the gap ends between both instants.
    low, high = local.replace(tzinfo=zone, fold=1).astimezone(UTC), first
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def _values(text: str, name: str, low: int, high: int) -> set[int]:
    values: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        if span == "*":
            begin, end = low, high
        else:
            begin = _value(first, name)
            end = _value(last, name) if dash else high if step else begin
        width = _number(step) if "/" in part else 1
        if not (low <= begin <= end <= high and width >= 1):
            raise BadSchedule(f"has no such {name}: '{part[:20]}'; it goes from {low} to {high}")
        values.update(range(begin, end + 1, width))
    return values


def _value(text: str, name: str) -> int:
    names = _NAMES.get(name, ())
    if text.lower() in names:
        return names.index(text.lower()) + (name == "month")
    return _number(text)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 2 else -1


def windows(schedule: Schedule | None, starts_at: datetime, ends_at: datetime | None = None) -> Iterator[Window]:
    """Yield the seasons from `starts_at` until `ends_at` (None: for ever), each beginning as the one before ends."""
    begin: datetime | None = starts_at
    while begin and (ends_at is None or begin < ends_at):
        end = schedule.next(begin) if schedule else None
        if ends_at is not None:
            end = min(end or ends_at, ends_at)
        yield Window(begin, end)
        begin = end
