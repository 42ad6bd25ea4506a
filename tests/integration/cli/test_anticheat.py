from __future__ import annotations

from typing import Any

import pytest

from app.containers.container import Container
from app.errors import Forbidden
from app.stores.accounts.players import Player
from tests.integration.cli.conftest import Play, Run, RunJson


def test_what_raised_suspicion_is_shown_by_case_and_by_user(
    anna: Player, play: Play, run: Run, run_json: RunJson
) -> None:
    with pytest.raises(Forbidden):
        play(anna.id, "boss-fight")  # 20 s of work, completed at once
    (case,) = run_json("anticheat", "cases", "--state", "open")
    assert (case["username"], case["signals"], case["rules"]) == ("Anna", 1, ["timing"])
    dossier = run_json("anticheat", "show", "anna")
    assert dossier["suspicion"] >= 60
    assert [signal["rule"] for signal in dossier["cases"][0]["signals"]] == ["timing"]
    by_case = run_json("anticheat", "show", case["case_id"])
    assert list(map(_lasting_facts, by_case["cases"])) == list(map(_lasting_facts, dossier["cases"]))
    printed = run("anticheat", "show", "anna").stdout
    assert "timing" in printed
    assert case["case_id"] in printed
    assert run_json("users", "show", "anna")["suspicion"] >= 60


def _lasting_facts(case: dict[str, Any]) -> dict[str, Any]:
    """Return a case without the numbers that decay while the test looks."""
    decaying = {"left": None, "decayed": None, "suspicion": None}
    return case | {"suspicion": None, "signals": [signal | decaying for signal in case["signals"]]}


def test_an_honest_player_has_no_case(anna: Player, play: Play, run: Run, run_json: RunJson) -> None:
    play(anna.id)
    assert run_json("anticheat", "cases") == []
    assert run_json("anticheat", "show", "anna")["cases"] == []
    assert "There is no case." in run("anticheat", "show", "anna").stdout


def test_neither_a_case_nor_a_user_is_a_failure_in_one_line(run: Run) -> None:
    for name in ("nobody", "00000000-0000-0000-0000-000000000000"):
        result = run("anticheat", "show", name)
        assert (result.exit_code, result.stderr) == (1, "Error: There is no such case and no such user.\n")


def _get_caught(anna: Player, play: Play, run_json: RunJson) -> str:
    play(anna.id)
    with pytest.raises(Forbidden):
        play(anna.id, "boss-fight")
    (case,) = run_json("anticheat", "cases", "--player", "anna")
    return str(case["case_id"])


def test_tries_that_earlier_suspicion_refused_count_as_refused(
    anna: Player, play: Play, run: Run, run_json: RunJson
) -> None:
    case = _get_caught(anna, play, run_json)
    assert "1 try was refused." in run("anticheat", "show", case).stdout
    with pytest.raises(Forbidden):
        play(anna.id)  # breaks no rule
    (case_file,) = run_json("anticheat", "show", case)["cases"]
    assert len(case_file["signals"]) == 1
    assert "2 tries were refused." in case_file["summary"]


def test_cases_are_found_by_state_player_rule_appeal_and_time(
    container: Container, anna: Player, ben: Player, play: Play, run: Run, run_json: RunJson
) -> None:
    case = _get_caught(anna, play, run_json)
    for line, expected_cases in (
        (["--state", "open"], [case]),
        (["--state", "cleared"], []),
        (["--player", "ben"], []),
        (["--rule", "timing"], [case]),
        (["--rule", "pattern"], []),
        (["--appealed"], []),
        (["--not-appealed"], [case]),
        (["--since", "2026-01-01"], [case]),
        (["--since", "2999-01-01"], []),
    ):
        assert [row["case_id"] for row in run_json("anticheat", "cases", *line)] == expected_cases, line
    unknown = run("anticheat", "cases", "--rule", "nonsense")
    assert (unknown.exit_code, "'nonsense' is not one of 'timing', 'pattern'" in unknown.stderr) == (2, True)
    container.cases.appeal(anna.id, "It was my cat.\nReally.")
    assert [row["case_id"] for row in run_json("anticheat", "cases", "--appealed")] == [case]
    assert "It was my cat.\\nReally." in run("anticheat", "show", case).stdout


def test_a_case_is_decided_and_the_decision_undone_from_the_command_line(
    anna: Player, play: Play, run: Run, run_json: RunJson
) -> None:
    case = _get_caught(anna, play, run_json)
    dry = run_json("anticheat", "confirm", case, "--reason", "to see", "--dry-run")
    assert (dry["events"], [move["username"] for move in dry["moves"]]) == (0, ["Anna"])
    assert run_json("users", "show", "anna")["status"] == "active", "a dry run changes nothing"
    output = run("anticheat", "confirm", case, "--reason", "a script\x1b[31m", "--yes").stderr
    assert "--reason must have printable characters only" in output
    output = run("anticheat", "confirm", case, "--reason", "a script", "--yes").stdout
    assert "Confirmed: Anna is suspended." in output
    assert "Voided 0 redemptions" in output
    assert "the workers continue it" not in output
    again = run("anticheat", "clear", case, "--reason", "no script")
    assert (again.exit_code, "decided already" in again.stderr) == (1, True)
    assert "Undone" in run("anticheat", "undo", case, "--reason", "no script").stdout
    cleared = run_json("anticheat", "clear", case, "--reason", "a fast hand")
    assert (cleared["state"], [decision["decision"] for decision in cleared["decisions"]]) == (
        "cleared",
        ["confirmed", "undone", "cleared"],
    )
    assert cleared["decided_by"].startswith("cli:")
    printed = run("anticheat", "show", case).stdout
    for words in ("a script", "no script", "a fast hand", "completed actions faster than they can be done"):
        assert words in printed


def test_the_case_of_an_erased_player_is_shown_decided_and_undone(
    anna: Player, play: Play, run: Run, run_json: RunJson
) -> None:
    case = _get_caught(anna, play, run_json)
    run_json("users", "erase", "anna", "--yes")
    assert run_json("anticheat", "show", case)["status"] == "erased"
    for line, state in (
        (("confirm", case, "--reason", "a script", "--yes"), "confirmed"),
        (("undo", case, "--reason", "no script", "--yes"), "undone"),
        (("clear", case, "--reason", "a fast hand"), "cleared"),
    ):
        result = run("anticheat", *line)
        assert (result.exit_code, result.stderr) == (0, ""), result.stderr
        assert f"The case is {state}. Its player was erased, and stays so." in result.stdout
    assert run_json("anticheat", "show", case)["status"] == "erased"


def test_reinstating_leaves_the_case_open_and_says_so(anna: Player, play: Play, run: Run, run_json: RunJson) -> None:
    case = _get_caught(anna, play, run_json)
    result = run("users", "reinstate", "anna")
    assert f"Case {case} stays open" in result.stderr
    assert run_json("anticheat", "show", case)["cases"][0]["state"] == "open"
    run("anticheat", "clear", case, "--reason", "fair")
    assert "stays open" not in run("users", "reinstate", "anna").stderr


def test_the_cases_to_look_at_first_are_shown_with_their_harm_and_a_summary(
    anna: Player, play: Play, run: Run, run_json: RunJson
) -> None:
    assert "No case is open." in run("anticheat", "next").stdout
    case = _get_caught(anna, play, run_json)
    (row,) = run_json("anticheat", "next", "-n", "2")
    assert (row["case_id"], "Anna" in row["summary"]) == (case, True)
    assert row["harm"]["certainty"] > 0.9, "hard evidence"
    (listed,) = run_json("anticheat", "cases", "--order", "harm")
    assert listed["harm"] == row["harm"]
    assert "certainty" in run("anticheat", "next").stdout
    assert "CERTAINTY" in run("anticheat", "cases", "--state", "open").stdout
    assert run("anticheat", "cases", "--state", "cleared", "--order", "harm").exit_code == 1


def test_the_limits_of_gain_are_shown_with_their_source_and_the_players_above(
    container: Container, anna: Player, play: Play, run: Run, run_json: RunJson
) -> None:
    play(anna.id)
    view = run_json("anticheat", "gain")
    assert (view["is_on"], view["above"], view["limits"]["accounts"]) == (True, [], 0)
    assert "a tireless person could score" in run("anticheat", "gain").stdout
    container.database.rows(
        "INSERT INTO gain_hours VALUES (:player, date_trunc('hour', now(), 'UTC'), 10000000, 1) RETURNING 1",
        player=anna.id,
    )
    assert [row["username"] for row in run_json("anticheat", "gain")["above"]] == ["Anna"]
    assert "Anna" in run("anticheat", "gain").stdout
