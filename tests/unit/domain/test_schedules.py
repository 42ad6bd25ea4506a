"""The times at which seasons begin and end."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from types import FrameType
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.schedules import BadSchedule, Schedule, Window, windows

ZONES = ("UTC", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia")

MOMENTS = st.integers(1_230_768_000, 1_900_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _times(expression: str, zone: str, after: str, count: int) -> list[str]:
    schedule, at, times = Schedule(expression, zone), _at(after), []
    for _ in range(count):
        following = schedule.next(at)
        assert following
        at = following
        times.append(at.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes"))
    return times


def test_a_day_of_23_or_25_hours_is_one_season() -> None:
    midnight = Schedule("0 0 * * *", "Europe/Berlin")
    for day, hours in (("2026-03-28T12:00+01:00", 23), ("2026-10-24T12:00+02:00", 25), ("2026-11-10T12:00+01:00", 24)):
        begin = midnight.next(_at(day))
        assert begin
        end = midnight.next(begin)
        assert end
        assert end - begin == timedelta(hours=hours)


def test_a_skipped_local_time_fires_at_the_next_instant() -> None:
    times = _times("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00+01:00", 2)
    assert times == ["2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"]
    half_hours = _times("*/30 * * * *", "Europe/Berlin", "2026-03-29T01:10+01:00", 3)
    assert half_hours == ["2026-03-29T01:30+01:00", "2026-03-29T03:00+02:00", "2026-03-29T03:30+02:00"]
    # On Lord Howe Island the clock is advanced by half an hour only, at 2:00.
    assert _times("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00Z", 1) == ["2026-10-04T02:30+11:00"]


def test_a_midnight_that_does_not_exist_begins_the_season_after_the_gap() -> None:
    assert _times("0 0 4 11 *", "America/Sao_Paulo", "2018-11-03T23:00-03:00", 1) == ["2018-11-04T01:00-02:00"]


def test_a_day_that_does_not_exist_fires_once_with_the_next() -> None:
    """Samoa had no 30 December 2011: it went from the 29th to the 31st."""
    times = _times("0 0 * * *", "Pacific/Apia", "2011-12-29T12:00-10:00", 2)
    assert times == ["2011-12-31T00:00+14:00", "2012-01-01T00:00+14:00"]


def test_a_repeated_local_time_fires_once() -> None:
    times = _times("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00+02:00", 2)
    assert times == ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"]
    hours = _times("0 * * * *", "Europe/Berlin", "2026-10-25T01:30+02:00", 2)
    assert hours == ["2026-10-25T02:00+02:00", "2026-10-25T03:00+01:00"]


def test_days_of_the_month_and_of_the_week_are_alternatives() -> None:
    times = _times("0 0 13 * fri", "UTC", "2026-02-01T00:00Z", 4)
    assert [time[:10] for time in times] == ["2026-02-06", "2026-02-13", "2026-02-20", "2026-02-27"]
    assert [time[:10] for time in _times("0 0 1 * *", "UTC", "2026-02-01T00:00Z", 2)] == ["2026-03-01", "2026-04-01"]
    assert [time[:10] for time in _times("0 0 * * 7", "UTC", "2026-02-01T00:00Z", 2)] == ["2026-02-08", "2026-02-15"]
    assert [time[:10] for time in _times("0 0 */2 feb 1", "UTC", "2026-02-01T12:00Z", 1)] == ["2026-02-09"]


def test_a_leap_day_comes_after_eight_years_too() -> None:
    assert _times("0 0 29 2 *", "UTC", "2096-03-01T00:00Z", 1) == ["2104-02-29T00:00+00:00"]


@pytest.mark.parametrize(
    ("expression", "zone", "message"),
    [
        ("0 0 31 2 *", "UTC", "never fires"),
        ("0 0 * *", "UTC", "five fields"),
        ("0 0 0 * * *", "UTC", "five fields"),
        ("@daily", "UTC", "five fields"),
        ("60 0 * * *", "UTC", "no such minute"),
        ("0 24 * * *", "UTC", "no such hour"),
        ("0 0 0 * *", "UTC", "no such day of the month"),
        ("0 0 * 13 *", "UTC", "no such month"),
        ("0 0 * * 8", "UTC", "no such day of the week"),
        ("*/0 * * * *", "UTC", "no such minute"),
        ("*/ * * * *", "UTC", "no such minute"),
        (f"*/{'9' * 5000} * * * *", "UTC", "no such minute"),
        ("5-1 * * * *", "UTC", "no such minute"),
        ("-1 * * * *", "UTC", "no such minute"),
        ("0 0 L * *", "UTC", "no such day of the month"),
        ("\u0661 * * * *", "UTC", "no such minute"),
        ("0 0 * * *", "Mars/Olympus", "no IANA time zone"),
        ("0 0 * * *", "../etc/passwd", "no IANA time zone"),
        ("0 0 * * *", "", "no IANA time zone"),
        ("0 0 * * *", "localtime", "no IANA time zone"),
        ("0 0 * * *", "posixrules", "no IANA time zone"),
        ("0 0 * * *", "right/UTC", "no IANA time zone"),
    ],
)
def test_a_bad_expression_or_zone_is_refused_with_a_reason(expression: str, zone: str, message: str) -> None:
    with pytest.raises(BadSchedule, match=message):
        Schedule(expression, zone)


@given(
    st.sampled_from(["0 0 * * *", "30 2 * * *", "*/20 1-3 * * *", "0 * * * *", "0 0 1 * *", "15 2 * * sun"]),
    st.sampled_from(ZONES),
    MOMENTS,
)
def test_seasons_leave_no_gap_and_never_stand_still(expression: str, zone: str, moment: datetime) -> None:
    begin = moment
    seasons = list(islice(windows(Schedule(expression, zone), begin), 60))
    assert seasons[0].starts_at == begin
    for season, following in pairwise(seasons):
        assert season.ends_at == following.starts_at
        assert season.ends_at > season.starts_at


@given(st.sampled_from(ZONES), MOMENTS)
def test_a_daily_season_begins_once_on_each_local_day_that_exists(zone: str, moment: datetime) -> None:
    info, at = ZoneInfo(zone), moment
    seasons = list(islice(windows(Schedule("0 0 * * *", zone), at), 400))
    days = [season.starts_at.astimezone(info).date() for season in seasons[1:]]
    assert len(set(days)) == len(days)
    for day, following in pairwise(days):
        assert (following - day).days == 1 or (zone, day.isoformat()) == ("Pacific/Apia", "2011-12-29")


def test_a_contest_has_the_seasons_between_its_ends() -> None:
    begin, end = _at("2026-05-01T12:00Z"), _at("2026-05-03T06:00Z")
    assert list(windows(None, begin, end)) == [Window(begin, end)]
    assert list(windows(None, begin)) == [Window(begin, None)]
    assert list(windows(Schedule("0 0 * * *"), begin, end)) == [
        Window(begin, _at("2026-05-02T00:00Z")),
        Window(_at("2026-05-02T00:00Z"), _at("2026-05-03T00:00Z")),
        Window(_at("2026-05-03T00:00Z"), end),
    ]
    assert list(windows(None, end, begin)) == []


def test_a_schedule_that_fires_each_minute_looks_at_few_times() -> None:
    schedule, at, looks = Schedule("* * * * *", "Europe/Berlin"), datetime(2026, 3, 29, 0, 30, 30, tzinfo=UTC), 0

    def count(frame: FrameType, event: str, _: object) -> None:
        nonlocal looks
        looks += event == "call" and frame.f_code.co_name == "_instant"

    sys.setprofile(count)
    try:
        next_time, last_time = schedule.next(at), schedule.last(at)
    finally:
        sys.setprofile(None)
    assert (next_time, last_time) == (at + timedelta(seconds=30), at - timedelta(seconds=30))
    assert looks < 1000
