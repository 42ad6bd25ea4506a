from __future__ import annotations

import json

import pytest

from app.containers.container import Container
from app.stores.accounts.players import Player
from tests.integration.cli.conftest import Play, Run, RunJson

SPOIL = "UPDATE rollups SET points = 9 WHERE granularity = 'hour' AND action_type_id > 0 RETURNING points"
# As if the hour were over: an open hour is no difference.
OVER = "UPDATE rollup_progress SET final_before = now() + interval '1 day' RETURNING granularity"


@pytest.fixture
def played(container: Container, anna: Player, ben: Player, play: Play) -> Container:
    """Return the container after Anna tapped twice and Ben once, with both rolled up."""
    for player in (anna, anna, ben):
        play(player.id)
    container.analytics.roll_up()
    return container


def test_what_was_played_is_shown_by_hour_and_by_day(played: Container, run: Run, run_json: RunJson) -> None:
    for by in ("hour", "day"):
        total, taps = run_json("analytics", "show", "--by", by)
        assert (total["action_type"], taps["action_type"]) == (None, "tap")
        assert (taps["redemptions"], taps["points"], taps["players"]) == (3, 3, 2)
    assert run_json("analytics", "show", "--action-type", "puzzle") == []
    printed = run("analytics", "show").stdout
    assert "ACTION TYPE" in printed
    assert "tap" in printed
    assert run("analytics", "show", "--to", "2026-01-01").stdout == "Nothing was played.\n"


def test_a_roll_up_that_is_right_is_clean(played: Container, run: Run, run_json: RunJson) -> None:
    played.database.rows(OVER)
    assert run_json("analytics", "verify") == {"clean": True, "differences": []}
    assert run("analytics", "verify").stdout == "The roll-ups are clean: they match the ledger.\n"
    assert run_json("analytics", "rebuild")["differences"] == []


def test_a_difference_is_printed_and_repaired_by_a_rebuild(played: Container, run: Run, run_json: RunJson) -> None:
    played.database.rows(OVER)
    played.database.rows(SPOIL)
    result = run("analytics", "verify")
    assert result.exit_code == 1
    assert "1 value differs: 'flask --app wsgi analytics rebuild' repairs that." in result.stdout
    report = json.loads(run("analytics", "verify", "--json").stdout)
    (difference,) = report["differences"]
    assert (difference["board"], difference["action_type"], difference["what"]) == ("main", "tap", "points")
    assert (difference["kept"], difference["ledger"]) == (9, 3)
    assert run_json("analytics", "rebuild")["differences"] == [difference]
    assert run_json("analytics", "verify")["clean"] is True


def test_a_stretch_of_time_is_given_as_dates_or_times(played: Container, run: Run) -> None:
    assert run("analytics", "rebuild", "--from", "2026-01-01", "--to", "2026-01-02T00:00:00Z").exit_code == 0
    result = run("analytics", "show", "--from", "yesterday")
    assert (result.exit_code, "must be a time such as 2026-11-23T10:00:00Z or a date" in result.stderr) == (2, True)
    result = run("analytics", "show", "--from", "2026-01-01", "--to", "2026-12-31")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith("Error: --from must be at most 31 days before 'to'")


def test_a_review_by_hand_says_what_it_found(played: Container, anna: Player, run: Run, run_json: RunJson) -> None:
    report = run_json("anticheat", "review")
    assert report == {"players": 2, "redemptions": 3, "signals": 0, "cases": []}
    assert run_json("anticheat", "review", "--player", "anna")["redemptions"] == 2
    played.database.rows(
        """INSERT INTO signals (player_id, action_id, action_type, rule, seen, expected, added, suspicion, outcome, at)
           SELECT :player, gen_random_uuid(), 'tap', 'timing', 'this', 'that', 40, 40, 'clean', now() RETURNING id""",
        player=anna.id,
    )
    printed = run("anticheat", "review", "--since", "2026-01-01", "--player", "anna").stdout
    assert "0 new signals, 1 new case." in printed
    assert "Anna" in printed
    assert run_json("anticheat", "show", "anna")["cases"][0]["signals"][0]["source"] == "live"
