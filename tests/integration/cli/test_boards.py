"""`flask boards`: boards and action types are created and changed one by one, and from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.containers.container import Container
from app.stores.accounts.players import Player
from devstack.child import ROOT
from tests.integration.cli.conftest import Play, Run, RunJson
from tests.parts.waiting import eventually

GAME = """
[boards.contest]
name = "Summer contest"
starts_at = 2020-06-01T00:00:00Z
ends_at = 2099-07-01T00:00:00Z

[boards.weekly-high]
name = "High score of the week"
scoring = "best"
schedule = "0 0 * * 1"
timezone = "Europe/Berlin"

[boards.all-time]
name = "All time"

[boards.speedrun]
name = "Speedrun"
scoring = "best"
order = "asc"
unit = "s"
decimals = 3

[action_types.level]
points = 10
boards = ["contest", "weekly-high", "all-time"]

[action_types.run-any]
name = "Run, any percent"
boards = ["speedrun", "all-time"]
result_kind = "reported"
result_is_duration = true
min_result = 1000
slack_seconds = 2
token_seconds = 3600

[action_types.run-full]
name = "Run, all levels"
boards = ["speedrun"]
result_kind = "reported"
result_is_duration = true
min_result = 0
token_seconds = 7200
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "boards.toml"
    path.write_text(GAME)
    return path


def test_a_file_makes_boards_and_action_types_at_once_and_the_second_time_nothing(
    file: Path, run: Run, run_json: RunJson, anna: Player, play: Play
) -> None:
    planned = run("boards", "apply", str(file), "--dry-run")
    assert "+ board speedrun: name Speedrun, scoring best, order asc, unit s, decimals 3" in planned.stdout
    assert "+ action type run-any: " in planned.stdout
    assert "min_result 0, token_seconds" in planned.stdout, "a zero says something"
    assert "Nothing was changed." in planned.stderr
    assert [row["slug"] for row in run_json("boards", "list")] == ["main"]
    applied = run_json("boards", "apply", str(file))
    assert applied["applied"]
    assert applied["replayed"] == []
    assert [board["slug"] for board in applied["boards"]] == ["contest", "weekly-high", "all-time", "speedrun"]
    assert run("boards", "apply", str(file), "--rebuild").stdout == "Nothing to change.\n"
    rows = {row["slug"]: row for row in run_json("boards", "list")}
    assert rows["speedrun"]["action_types"] == ["run-any", "run-full"]
    assert rows["weekly-high"]["season"] == 1
    assert rows["contest"]["ends_at"] == "2099-07-01T00:00:00.000Z"
    types = {row["slug"]: row for row in run_json("actions", "list")}
    assert (types["run-any"]["board"], types["run-any"]["more_boards"]) == ("speedrun", ["all-time"])
    assert "tap" in types
    play(anna.id, "level")
    for board in ("contest", "weekly-high", "all-time"):
        assert run_json("leaderboard", "rank", "anna", "--board", board)["score"] == 10
    acts = [row["act"] for row in run_json("audit", "log")]
    assert (acts.count("board.added"), acts.count("action_type.added")) == (4, 3)
    assert run_json("audit", "verify")["flaws"] == []


def test_a_contest_that_was_ended_early_can_stay_in_the_file_with_its_new_end(
    file: Path, run: Run, run_json: RunJson
) -> None:
    run_json("boards", "apply", str(file))
    ends_at = run_json("boards", "close-season", "contest")["ends_at"]
    assert run_json("boards", "show", "contest")["ends_at"] == ends_at
    file.write_text(GAME.replace("2099-07-01T00:00:00Z", ends_at))
    assert run("boards", "apply", str(file)).stdout == "Nothing to change.\n"


def test_the_boards_of_the_demo_can_be_added_again_and_again(run: Run, run_json: RunJson) -> None:
    assert run("boards", "apply", str(ROOT / "deploy" / "demo" / "boards.toml"), "--rebuild").exit_code == 0
    again = run("boards", "apply", str(ROOT / "deploy" / "demo" / "boards.toml"), "--rebuild")
    assert again.stdout == "Nothing to change.\n"
    fed = {board["slug"]: board["action_types"] for board in run_json("boards", "list")}
    assert fed["week"] == fed["main"] == ["boss-fight", "puzzle", "quick-match", "tap"]
    assert fed["speedruns"] == ["speedrun"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path, run: Run) -> None:
    assert "nothing.toml can't be read" in run("boards", "apply", str(tmp_path / "nothing.toml")).stderr


def test_a_board_is_created_changed_and_archived_by_commands(run: Run, run_json: RunJson, container: Container) -> None:
    created = run_json("boards", "create", "fastest", "--action-type", "tap", "--scoring", "best", "--order", "asc")
    assert created["applied"]
    assert run("boards", "create", "fastest", "--action-type", "tap").stderr.strip().endswith("'fastest' exists")
    assert run_json("boards", "change", "fastest", "--unit", "s", "--decimals", "3", "--private")["applied"]
    row = run_json("boards", "show", "fastest")
    values = {name: row[name] for name in ("unit", "decimals", "public", "order", "action_types", "season")}
    assert values == {
        "unit": "s", "decimals": 3, "public": False, "order": "asc", "action_types": ["tap"], "season": 1
    }  # fmt: skip
    assert run("boards", "change", "fastest", "--scoring", "sum").exit_code == 1
    assert run("boards", "change", "fastest", "--remove-type", "tap").exit_code == 1
    assert run("boards", "archive", "main").exit_code == 1
    assert run_json("boards", "archive", "fastest") == {"slug": "fastest", "archived": True}
    assert run("boards", "show", "fastest").exit_code == 1
    assert "may be archived" in run("boards", "create", "fastest", "--action-type", "tap").stderr
    assert "may be archived" in run("boards", "create", "fastest", "--action-type", "tap", "--rebuild").stderr
    run_json("actions", "add", "old", "--points", "1")
    run_json("actions", "retire", "old", "--yes")
    assert "or retired" in run("actions", "add", "old", "--points", "1").stderr
    assert len(container.catalog.open_seasons()) == 2, "redemptions under way still count"
    eventually(lambda: [season.board for season in container.catalog.open_seasons()] == ["main"])
    assert len(container.seasons.turn().closed) == 1


def test_a_new_schedule_ends_the_open_season_when_it_says(run: Run, run_json: RunJson) -> None:
    run_json("boards", "create", "daily", "--action-type", "tap", "--schedule", "0 0 * * *")
    assert run_json("boards", "show", "daily")["season_ends_at"] is not None
    run_json("boards", "change", "daily", "--schedule", "none")
    assert run_json("boards", "show", "daily")["season_ends_at"] is None
    run_json("boards", "change", "daily", "--ends-at", "2099-01-01")
    assert run_json("boards", "show", "daily")["season_ends_at"] == "2099-01-01T00:00:00.000Z"
    assert "must be in the future" in run("boards", "change", "daily", "--ends-at", "2020-01-01").stderr
    assert (
        "can't be changed once the board has begun"
        in run("boards", "change", "daily", "--starts-at", "2098-01-01").stderr
    )


def test_a_new_board_without_a_start_must_end_in_the_future(run: Run) -> None:
    past = ("--action-type", "tap", "--ends-at", "2020-01-01")
    refused = run("boards", "create", "over", *past)
    assert "--ends-at must be in the future, for a board without starts_at" in refused.stderr
    assert run("boards", "create", "over", *past, "--starts-at", "2019-01-01").exit_code == 0


def test_a_contest_that_has_not_begun_can_be_moved(run: Run, run_json: RunJson, container: Container) -> None:
    times = ("--starts-at", "2098-01-01", "--ends-at", "2099-01-01")
    run_json("boards", "create", "contest", "--action-type", "tap", *times)
    assert "contest" not in [season.board for season in container.catalog.open_seasons()]
    run_json("boards", "change", "contest", "--starts-at", "2020-01-01")
    assert "contest" in [season.board for season in container.catalog.open_seasons()]


def test_a_season_is_closed_once_and_the_next_one_begins(run: Run, run_json: RunJson, anna: Player, play: Play) -> None:
    run_json("boards", "create", "weekly", "--action-type", "tap", "--schedule", "0 0 * * 1")
    play(anna.id)
    (season, *_) = [row for row in run_json("boards", "seasons", "weekly") if row["state"] == "open"]
    assert (season["number"], season["players"]) == (1, 1)
    assert run("boards", "close-season", "weekly", "--season", "7").exit_code == 1
    ends_at = run_json("boards", "close-season", "weekly", "--season", "1")["ends_at"]
    assert f"ends already, at {ends_at}" in run("boards", "close-season", "weekly", "--season", "1").stderr
    states = {row["number"]: row["state"] for row in run_json("boards", "seasons", "weekly")}
    assert states == {1: "open", 2: "scheduled"}
    assert run("boards", "seasons", "nowhere").exit_code == 1


def test_a_change_of_the_past_says_who_would_move_and_needs_rebuild(
    run: Run, run_json: RunJson, anna: Player, ben: Player, play: Play
) -> None:
    run_json("actions", "add", "level", "--points", "9")
    for slug in ("tap", "tap", "tap"):
        play(anna.id, slug)
    play(ben.id, "level")
    before = run_json("leaderboard", "top")
    assert [row["username"] for row in before] == ["Ben", "Anna"]
    planned = run("boards", "change", "main", "--scoring", "count", "--dry-run")
    assert "~ board main: scoring sum -> count" in planned.stdout
    assert "Past scores change on main." in planned.stdout
    refused = run("boards", "change", "main", "--scoring", "count")
    assert refused.exit_code == 1
    assert "This changes past scores on main: --rebuild replays the ledger." in refused.stderr
    assert planned.stdout in refused.stderr, "line by line, as --dry-run shows it"
    assert run_json("leaderboard", "top") == before
    done = run_json("boards", "change", "main", "--scoring", "count", "--rebuild")
    assert (done["moving"], done["standings"]) == (2, 2)
    assert [(move["username"], move["rank_before"], move["rank_after"]) for move in done["moves"]] == [
        ("Anna", 2, 1),
        ("Ben", 1, 2),
    ]
    assert [(row["username"], row["score"]) for row in run_json("leaderboard", "top")] == [("Anna", 3), ("Ben", 1)]
    assert run("leaderboard", "verify").exit_code == 0
    play(anna.id)
    assert run_json("leaderboard", "rank", "anna")["score"] == 4


def test_an_action_type_that_feeds_another_board_brings_its_past(
    run: Run, run_json: RunJson, anna: Player, play: Play
) -> None:
    run_json("boards", "create", "other", "--action-type", "puzzle")
    play(anna.id, "tap")
    boards = ("--board", "main", "--board", "other")
    assert run("actions", "change", "tap", *boards).exit_code == 1
    assert run_json("actions", "change", "tap", *boards, "--rebuild")["replayed"] == ["other"]
    assert run_json("leaderboard", "rank", "anna", "--board", "other")["score"] == 1
    run_json("boards", "change", "other", "--remove-type", "tap", "--rebuild")
    assert run_json("leaderboard", "top", "--board", "other") == []
    assert run_json("leaderboard", "rank", "anna")["score"] == 1


def test_a_trusted_result_is_entered_by_an_operator_and_is_in_the_audit_log(
    run: Run, run_json: RunJson, anna: Player
) -> None:
    run_json("actions", "add", "tournament", "--result-kind", "trusted", "--min-result", "-5", "--max-result", "99")
    entered = run_json("leaderboard", "score", "anna", "tournament", "42", "--metadata", '{"map": "canyon"}')
    assert entered["standings"] == [
        {"board": "main", "season": 1, "previous": 0, "score": 42, "rank": 1, "counted": True}
    ]
    assert run_json("leaderboard", "rank", "anna")["score"] == 42
    row = run_json("audit", "log", "--act", "score.entered")[0]
    assert row["subject"] == f"player:{anna.id}"
    assert "RESULT must be from -5 to 99" in run("leaderboard", "score", "anna", "tournament", "100").stderr
    assert "ACTION_TYPE is fixed" in run("leaderboard", "score", "anna", "tap", "1").stderr
    bad = run("leaderboard", "score", "anna", "tournament", "1", "--metadata", "[1]")
    assert "--metadata must be a JSON object" in bad.stderr
    assert run("leaderboard", "score", "anna", "tournament", "1", "--metadata", "{").exit_code == 2
    run_json("users", "suspend", "anna", "--yes")
    assert run("leaderboard", "score", "anna", "tournament", "1").exit_code == 1


def test_an_action_type_with_reported_results_has_its_bounds(run: Run, run_json: RunJson) -> None:
    options = ("--result-kind", "reported", "--result-is-duration", "--slack-seconds", "2", "--token-seconds", "3600")
    added = run_json("actions", "add", "lap", *options, "--min-seconds", "900", "--min-result", "1000")
    names = ("result_kind", "result_is_duration", "slack_seconds", "token_seconds", "min_result", "points")
    assert [added[name] for name in names] == ["reported", True, 2.0, 3600, 1000, None]
    assert (
        "--token-seconds must be above min_seconds" in run("actions", "change", "lap", "--token-seconds", "900").stderr
    )
    assert run_json("actions", "change", "lap", "--slack-seconds", "none")["slack_seconds"] is None
    changed = run_json("actions", "change", "lap", "--result-is-amount", "--max-per-second", "2.5")
    assert (changed["result_is_duration"], changed["max_per_second"]) == (False, 2.5)
    assert (
        "--slack-seconds is for results that are durations"
        in run("actions", "change", "lap", "--slack-seconds", "1").stderr
    )
