from __future__ import annotations

import pytest

from app.errors import Forbidden
from app.stores.players import Player
from tests.integration.cli.conftest import Play, Run, Told


def test_what_raised_suspicion_is_shown_by_case_and_by_user(anna: Player, play: Play, run: Run, told: Told) -> None:
    with pytest.raises(Forbidden):
        play(anna.id, "boss-fight")  # 20 s of work, done at once
    (case,) = told("anticheat", "cases", "--state", "open")
    assert (case["username"], case["signals"], case["rules"]) == ("Anna", 1, ["timing"])
    dossier = told("anticheat", "show", "anna")
    assert dossier["suspicion"] >= 60
    assert [signal["rule"] for signal in dossier["cases"][0]["signals"]] == ["timing"]
    by_case = told("anticheat", "show", case["case_id"])
    assert by_case["cases"] == dossier["cases"]
    printed = run("anticheat", "show", "anna").stdout
    assert "timing" in printed
    assert case["case_id"] in printed
    assert told("users", "show", "anna")["suspicion"] >= 60


def test_an_honest_player_has_no_case(anna: Player, play: Play, run: Run, told: Told) -> None:
    play(anna.id)
    assert told("anticheat", "cases") == []
    assert told("anticheat", "show", "anna")["cases"] == []
    assert "There is no case." in run("anticheat", "show", "anna").stdout


def test_neither_a_case_nor_a_user_is_a_failure_in_one_line(run: Run) -> None:
    for name in ("nobody", "00000000-0000-0000-0000-000000000000"):
        done = run("anticheat", "show", name)
        assert (done.exit_code, done.stderr) == (1, "Error: There is no such case and no such user.\n")
