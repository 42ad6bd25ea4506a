from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from app.domain.board_config import BoardConfig, problems
from app.domain.board_plans import Catalog, plan, plan_from_json, plan_to_json
from app.domain.boards import ActionType
from app.domain.season_windows import MOST_SEASONS, first_windows, has_whole_past

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)  # a Thursday
CATALOG = Catalog(
    {"main": BoardConfig("main", "Main"), "fastest": BoardConfig("fastest", "Fastest", "best", "asc")},
    {
        "tap": ActionType(1, "tap", "Tap", 1, 0.0, "main"),
        "run": ActionType(2, "run", "Run", 5, 0.0, "main", more_boards=["fastest"]),
    },
)


def test_a_catalog_that_is_as_wanted_needs_no_plan() -> None:
    boards: dict[str, Any] = {"fastest": {"scoring": "best", "order": "asc"}, "main": {"segments": []}}
    types: dict[str, Any] = {"run": {"points": 5, "boards": ["main", "fastest"]}, "tap": {}}
    result, errors = plan(CATALOG, boards, types)
    assert (result.is_empty, result.feeds, errors) == (True, {}, [])


def test_a_board_is_filled_anew_if_its_scoring_or_its_types_change() -> None:
    for values in ({"name": "Other"}, {"unit": "s"}, {"schedule": "0 0 * * 1"}, {"public": False}):
        assert plan(CATALOG, {"fastest": values}, {})[0].feeds == {}
    result, _ = plan(CATALOG, {"fastest": {"scoring": "last"}}, {})
    assert (result.feeds["fastest"].changed, result.feeds["fastest"].after) == (["run"], ["run"])
    result, _ = plan(CATALOG, {}, {"tap": {"boards": ["main", "fastest"]}})
    assert (result.feeds["fastest"].changed, result.feeds["fastest"].after) == (["tap"], ["run", "tap"])
    assert list(result.feeds) == ["fastest"]


def test_past_events_of_a_retired_action_type_stay_on_its_boards() -> None:
    retired = {"old": ActionType(3, "old", "Old", 2, 0.0, "fastest")}
    catalog = Catalog(CATALOG.boards, CATALOG.types, retired)
    result, _ = plan(catalog, {"fastest": {"scoring": "last"}}, {"tap": {"boards": ["fastest"]}})
    assert (result.feeds["fastest"].changed, result.feeds["fastest"].after) == (["old", "run", "tap"],) * 2
    assert (result.feeds["main"].changed, result.feeds["main"].after) == (["tap"], ["run"])
    _, errors = plan(catalog, {}, {"run": {"boards": ["main"]}})
    assert [error["field"] for error in errors] == ["action_types.run.boards"]  # nothing would feed it any more


def test_a_plan_survives_json() -> None:
    boards: dict[str, Any] = {"contest": {"starts_at": NOON, "ends_at": None, "segments": ["country"]}}
    result, errors = plan(CATALOG, boards, {"tap": {"boards": ["contest"]}})
    assert errors == []
    text = plan_to_json(result)
    assert plan_to_json(plan_from_json(json.loads(text))) == text
    assert plan_from_json(json.loads(text)).boards[0].after["starts_at"] == NOON


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"slug": "Big"}, "slug"),
        ({"name": ""}, "name"),
        ({"scoring": "median"}, "scoring"),
        ({"order": "up"}, "order"),
        ({"order": "asc"}, "order"),
        ({"unit": 3}, "unit"),
        ({"decimals": True}, "decimals"),
        ({"schedule": "0 0 30 2 *"}, "schedule"),
        ({"schedule": 5}, "schedule"),
        ({"timezone": "Nowhere/City"}, "timezone"),
        ({"timezone": None}, "timezone"),
        ({"starts_at": datetime(2026, 1, 1)}, "starts_at"),  # noqa: DTZ001
        ({"starts_at": NOON, "ends_at": NOON}, "ends_at"),
        ({"starts_at": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))}, "starts_at"),
        ({"starts_at": datetime(9999, 1, 1, tzinfo=UTC), "schedule": "0 0 * * *"}, "starts_at"),
        ({"ends_at": datetime(9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=14)))}, "ends_at"),
        ({"segments": ["a:b"]}, "segments"),
        ({"segments": "country"}, "segments"),
        ({"segments": ["a", "a"]}, "segments"),
        ({"segments": ["a", "b", "c", "d", "e"]}, "segments"),
        ({"public": "yes"}, "public"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_value_of_a_board_that_makes_no_sense_is_named(values: dict[str, object], field: str) -> None:
    assert [problem["field"] for problem in problems(values)] == [field]


def test_a_board_has_segments_by_every_attribute_that_a_player_can_have() -> None:
    assert problems({"segments": ["country", "Clan-2.x"]}) == []


def test_a_slug_stands_in_the_heading_of_its_table_alone() -> None:
    _, errors = plan(CATALOG, {"main": {"slug": "other"}}, {"tap": {"slug": "other"}, "run": {"slug": "run"}})
    assert [error["field"] for error in errors] == ["boards.main.slug", "action_types.tap.slug"]


def test_a_new_board_begins_with_the_season_that_is_open() -> None:
    weekly = BoardConfig("weekly", "Weekly", schedule="0 0 * * 1", timezone="Europe/Berlin")
    monday = datetime(2026, 11, 22, 23, tzinfo=UTC)
    windows = first_windows(weekly, NOON)
    assert [window.starts_at for window in windows] == [monday, datetime(2026, 11, 29, 23, tzinfo=UTC)]
    assert not has_whole_past(weekly)
    endless = BoardConfig("all", "All")
    assert [(window.starts_at, window.ends_at) for window in first_windows(endless, NOON)] == [(NOON, None)]
    assert has_whole_past(endless)


def test_a_new_board_over_the_past_has_each_season_since() -> None:
    begin = datetime(2026, 11, 1, tzinfo=UTC)
    windows = first_windows(BoardConfig("daily", "Daily", schedule="0 0 * * *", starts_at=begin), NOON)
    assert len(windows) == 27
    assert windows[0].starts_at == begin
    assert windows[-1].starts_at > NOON
    long_ago = BoardConfig("daily", "Daily", schedule="0 0 * * *", starts_at=datetime(2000, 1, 1, tzinfo=UTC))
    assert len(first_windows(long_ago, NOON)) == MOST_SEASONS + 1
    contest = BoardConfig(
        "c", "C", starts_at=datetime(2027, 1, 1, tzinfo=UTC), ends_at=datetime(2028, 1, 1, tzinfo=UTC)
    )
    assert len(first_windows(contest, NOON)) == 1
