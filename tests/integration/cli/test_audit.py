"""Every privileged command leaves an audit row, and `flask audit` shows and verifies the rows."""

from __future__ import annotations

import getpass

import pytest
import sqlalchemy as sa
from flask import Flask

from app.cli.commands import recorded_act
from app.containers.container import Container
from app.stores.accounts.players import Player
from tests.integration.cli.conftest import Run, RunJson


def test_every_privileged_command_is_in_the_log(
    container: Container, anna: Player, run: Run, run_json: RunJson
) -> None:
    lines: list[tuple[str, ...]] = [
        ("users", "suspend", "anna", "--yes"),
        ("users", "reinstate", "anna"),
        ("users", "set-role", "anna", "admin"),
        ("actions", "add", "dungeon", "--points", "40"),
        ("actions", "change", "dungeon", "--points", "41"),
        ("actions", "retire", "dungeon", "--yes"),
        ("leaderboard", "rebuild"),
        ("analytics", "rebuild"),
        ("anticheat", "review"),
    ]
    run_json("users", "create", "ops", "--role", "admin", "--password-stdin", typed="a good password\n")
    for line in lines:
        assert run(*line).exit_code == 0, line
    rows = run_json("audit", "log")
    assert [row["act"] for row in reversed(rows)] == [
        "user.created",
        "player.suspended",
        "player.reinstated",
        "user.role",
        "action_type.added",
        "action_type.changed",
        "action_type.retired",
        "leaderboard.rebuild",
        "analytics.rebuild",
        "anticheat.review",
    ]
    assert {row["actor"] for row in rows} == {f"cli:{getpass.getuser()}"}
    changed = next(row for row in rows if row["act"] == "action_type.changed")
    assert changed["details"] == {"points": {"before": 40, "after": 41}}
    assert "a good password" not in str(rows)
    assert run_json("audit", "verify")["clean"]


def test_the_log_is_filtered_and_paged(
    container: Container, anna: Player, ben: Player, run: Run, run_json: RunJson
) -> None:
    for name in ("anna", "ben"):
        run("users", "suspend", name, "--yes")
    assert [row["subject"] for row in run_json("audit", "log", "--subject", f"player:{ben.id}")] == [f"player:{ben.id}"]
    assert [row["id"] for row in run_json("audit", "log", "--limit", "1")] == [2]
    assert [row["id"] for row in run_json("audit", "log", "--before", "2")] == [1]
    assert run_json("audit", "log", "--actor", "cli:somebody-else") == []
    assert run("audit", "log", "--act", "nothing").stdout == "No rows.\n"
    assert "An argument has characters" in run("audit", "log", "--act", "\udcff").output


def test_verify_says_which_row_is_wrong_and_fails(
    container: Container, anna: Player, run: Run, run_json: RunJson
) -> None:
    for act in (("suspend", "anna", "--yes"), ("reinstate", "anna"), ("suspend", "anna", "--yes")):
        run("users", *act)
    head = run_json("audit", "verify")["head"]
    assert run("audit", "verify", "--expect", head).exit_code == 0
    assert run("audit", "verify", "--expect", "3:abc").exit_code == 2
    with container.database.transaction() as connection:
        connection.execute(sa.text("ALTER TABLE audit_log DISABLE TRIGGER append_only"))
        connection.execute(sa.text("UPDATE audit_log SET actor = 'cli:nobody' WHERE id = 2"))
    result = run("audit", "verify")
    assert result.exit_code == 1
    assert "row 2 was changed" in result.stdout
    assert "wrong in 1 place" in result.stdout


def test_a_cut_off_log_fails_without_a_flag_until_the_break_is_accepted(
    container: Container, anna: Player, run: Run, run_json: RunJson
) -> None:
    for act in (("suspend", "anna", "--yes"), ("reinstate", "anna"), ("suspend", "anna", "--yes")):
        run("users", *act)
    with container.database.transaction() as connection:
        connection.execute(sa.text("ALTER TABLE audit_log DISABLE TRIGGER append_only"))
        connection.execute(sa.text("DELETE FROM audit_log WHERE id > 1"))
    cut = run("audit", "verify")
    assert cut.exit_code == 1
    assert "row 3 was recorded as 3:" in cut.stdout
    assert "the log ends with row 1" in cut.stdout
    assert run("audit", "accept", "--reason", "").exit_code != 0
    accepted = run("audit", "accept", "--reason", "restored the backup of Monday")
    assert accepted.exit_code == 0, accepted.output
    assert run_json("audit", "verify")["clean"]
    assert (
        run_json("audit", "log", "--act", "audit.accepted")[0]["details"]["reason"] == "restored the backup of Monday"
    )


def test_an_act_that_fails_half_way_is_in_the_log_as_failed(container: Container, run_json: RunJson) -> None:
    app = Flask("commands")
    app.extensions["fairboard"] = container
    with app.app_context(), pytest.raises(RuntimeError), recorded_act("test.act", "thing:x"):
        raise RuntimeError("It broke half way. See the log.")
    failed, begun = run_json("audit", "log")
    assert (begun["act"], failed["act"]) == ("test.act", "test.act.failed")
    assert failed["details"] == {"error": "It broke half way"}
    assert failed["request_id"] == begun["request_id"]


def test_a_replay_on_a_broker_without_dead_letters_is_not_in_the_log(run: Run, run_json: RunJson) -> None:
    for line in (("replay",), ("purge", "--yes")):
        assert run("queues", *line).exit_code == 1
    assert run_json("audit", "log") == []
