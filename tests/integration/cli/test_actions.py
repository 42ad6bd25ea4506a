from __future__ import annotations

from app.containers.container import Container
from app.domain.redemption import RedemptionRequest
from app.stores.accounts.players import Player
from tests.integration.cli.conftest import Play, Run, RunJson


def test_an_action_type_that_was_added_can_be_played(anna: Player, play: Play, run_json: RunJson) -> None:
    action_type = run_json("actions", "add", "dungeon-run", "--points", "40", "--burst", "5")
    assert action_type == {
        "slug": "dungeon-run",
        "name": "Dungeon run",
        "points": 40,
        "min_seconds": 0.0,
        "expected_median_seconds": None,
        "expected_p95_seconds": None,
        "board": "main",
        "burst": 5,
        "per_minute": None,
        "steadiest_hand": None,
        "min_is_fact": True,
        "cadence": "player",
        "parallel": 1,
        "more_boards": [],
        "result_kind": "fixed",
        "min_result": None,
        "max_result": None,
        "result_is_duration": False,
        "max_per_second": None,
        "slack_seconds": None,
        "token_seconds": None,
    }
    assert action_type in run_json("actions", "list")
    play(anna.id, "dungeon-run")
    assert run_json("leaderboard", "rank", "anna")["score"] == 40


def test_a_change_leaves_the_rest_as_it_was(run_json: RunJson) -> None:
    before = next(row for row in run_json("actions", "list") if row["slug"] == "tap")
    changed = run_json("actions", "change", "tap", "--points", "2", "--per-minute", "90")
    assert changed == before | {"points": 2, "per_minute": 90}
    assert run_json("actions", "change", "tap", "--per-minute", "default") == before | {"points": 2}


def test_an_action_type_says_who_sets_the_pace_and_what_may_overlap(run_json: RunJson) -> None:
    options = ("--cadence", "client", "--steadiest-hand", "0", "--parallel", "3", "--min-is-statistic")
    added = run_json("actions", "add", "song", "--points", "3", "--min-seconds", "60", *options)
    nature = {"cadence": "client", "steadiest_hand": 0.0, "parallel": 3, "min_is_fact": False}
    assert {name: added[name] for name in nature} == nature
    changed = run_json("actions", "change", "song", "--min-is-fact", "--steadiest-hand", "default", "--parallel", "1")
    assert changed == added | {"min_is_fact": True, "steadiest_hand": None, "parallel": 1}


def test_a_retired_action_type_cannot_be_started_and_its_slug_stays_taken(run: Run, run_json: RunJson) -> None:
    assert run_json("actions", "retire", "tap", "--yes") == {"slug": "tap", "retired": True}
    assert "tap" not in [row["slug"] for row in run_json("actions", "list")]
    assert run("actions", "retire", "tap", "--yes").exit_code == 1
    assert run("actions", "change", "tap", "--points", "2").exit_code == 1
    assert "was used before, and can be used only once" in run("actions", "add", "tap", "--points", "2").stderr


def test_an_action_that_was_open_when_its_type_was_retired_still_scores(
    container: Container, anna: Player, run_json: RunJson
) -> None:
    issued = container.actions.issue(anna.id, "tap")
    run_json("actions", "retire", "tap", "--yes")
    action_id = issued.promise.action_id
    assert (
        container.redemptions.complete(RedemptionRequest(str(anna.id), action_id, issued.token, None, "test")).score
        == 1
    )


def test_bad_values_are_called_by_their_options(run: Run, run_json: RunJson) -> None:
    before = run_json("actions", "list")
    result = run("actions", "add", "Bad Slug", "--points", "0", "--min-seconds", "nan", "--burst", "0", "--name", "")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    for option in ("SLUG", "--points", "--min-seconds", "--burst", "--name"):
        assert f"{option} must be" in result.stderr
    assert "--per-minute" in run("actions", "change", "tap", "--per-minute", "many").stderr
    assert run("actions", "change", "tap", "--points", "-1").exit_code == 1
    assert run("actions", "change", "tap").exit_code == 2
    assert "no board 'nope'" in run("actions", "add", "x", "--points", "1", "--board", "nope").stderr
    assert run_json("actions", "list") == before
