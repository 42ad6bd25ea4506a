from __future__ import annotations

import os
import pty
import subprocess
import sys
from uuid import uuid4

import pytest

from app.containers.container import Container
from app.stores.accounts.players import Player
from devstack.child import ROOT
from tests.integration.cli.conftest import Play, Run, RunJson


def test_an_account_that_was_created_can_sign_in(container: Container, run: Run, run_json: RunJson) -> None:
    account = run_json("users", "create", "Carla", "--role", "admin", "--password-stdin", typed="her password\n")
    assert (account["username"], account["role"], account["status"]) == ("Carla", "admin", "active")
    assert str(container.accounts.login("carla", "her password").player.id) == account["user_id"]


def test_a_name_that_is_taken_is_refused_in_one_line(anna: Player, run: Run) -> None:
    result = run("users", "create", "ANNA", "--password-stdin", typed="her password\n")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "Error: This username is taken.\n")


def test_everything_wrong_with_a_new_account_is_said_at_once(run: Run) -> None:
    result = run("users", "create", "x", "--password-stdin", typed="short\n")
    assert result.exit_code == 1
    assert "USERNAME must have 3 to 32" in result.stderr
    assert "password must have 8 to 256" in result.stderr


def test_an_operator_may_use_a_reserved_name_but_no_weak_password_and_no_look_alike(anna: Player, run: Run) -> None:
    assert run("users", "create", "admin", "--password-stdin", typed="her password\n").exit_code == 0
    result = run("users", "create", "moderator", "--password-stdin", typed="moderator1\n")
    assert "password must not be made of the username" in result.stderr
    result = run("users", "create", "\u0410nna", "--password-stdin", typed="her password\n")
    assert (result.exit_code, result.stderr) == (1, "Error: This username is taken.\n")


def test_accounts_that_were_alike_before_are_listed(container: Container, run_json: RunJson, run: Run) -> None:
    assert run("users", "look-alikes").stdout == "There are none.\n"
    for name in ("player1", "playerl"):
        container.players.add(uuid4(), name, name, "no password fits this", "player")
    assert [(row["username"], row["first_username"]) for row in run_json("users", "look-alikes")] == [
        ("playerl", "player1")
    ]


def test_without_a_terminal_the_password_has_to_come_on_standard_input(run: Run) -> None:
    result = run("users", "create", "Carla", typed="her password\n")
    assert result.exit_code == 2
    assert "--password-stdin" in result.stderr


def test_a_user_is_named_by_username_in_any_case_or_by_id(anna: Player, run_json: RunJson) -> None:
    assert run_json("users", "show", "aNNa") == run_json("users", "show", str(anna.id))


def test_nobody_is_a_failure_in_one_line(run: Run) -> None:
    for line in (("show", "nobody"), ("suspend", "\udcff\x00", "--yes"), ("set-role", "nobody", "admin")):
        result = run("users", *line)
        assert (result.exit_code, result.stderr) == (1, "Error: There is no such user.\n")


def test_the_list_says_when_there_are_more(anna: Player, ben: Player, run: Run, run_json: RunJson) -> None:
    result = run("users", "list", "--limit", "1")
    assert "Anna" in result.stdout
    assert "Ben" not in result.stdout
    assert "There are more" in result.stderr
    assert [row["username"] for row in run_json("users", "list", "--prefix", "be")] == ["Ben"]


def test_suspending_takes_a_player_off_the_board_until_reinstated(
    container: Container, anna: Player, play: Play, run: Run, run_json: RunJson
) -> None:
    play(anna.id)
    assert run("users", "suspend", "anna", "--yes").stdout == "Suspended Anna.\n"
    assert run_json("users", "show", "anna")["status"] == "suspended"
    season = container.standings.season("main")
    assert [row.user_id for row in container.standing_store.top(season, 10)] == []
    assert [row["username"] for row in run_json("users", "list", "--status", "suspended")] == ["Anna"]
    assert run("users", "suspend", "anna", "--yes").stdout == "Anna was suspended already.\n"
    assert run("users", "reinstate", "anna").stdout == "Reinstated Anna.\n"
    assert [row.user_id for row in container.standing_store.top(season, 10)] == [anna.id]


def test_a_role_is_set_once(anna: Player, run: Run, run_json: RunJson) -> None:
    assert run_json("users", "set-role", "anna", "admin")["changed"] is True
    assert run_json("users", "show", "anna")["role"] == "admin"
    assert run("users", "set-role", "anna", "admin").stdout == "Anna was admin already.\n"
    assert run("users", "set-role", "anna", "king").exit_code == 2


@pytest.mark.parametrize(
    ("level", "has_terminal", "logged"),
    [({}, False, False), ({"LOG_LEVEL": "info"}, False, True), ({"LOG_LEVEL": "info"}, True, False)],
    ids=["unset", "info in a file", "info at a terminal"],
)
def test_acts_are_logged_if_a_level_is_set_and_never_in_the_terminal(
    container: Container, anna: Player, level: dict[str, str], has_terminal: bool, logged: bool
) -> None:
    ours, theirs = pty.openpty() if has_terminal else os.pipe()
    settings = container.settings
    urls = {name: str(getattr(settings, name.lower())) for name in ("DATABASE_URL", "REDIS_URL", "BROKER_URL")}
    result = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "users", "set-role", "anna", "admin"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "APP_ENV": "development", **urls, **level},
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.write(theirs, b"end")
    text = os.read(ours, 100_000).decode()
    os.close(ours)
    os.close(theirs)
    assert (result.returncode, "audit_hash" in text, text != "end") == (0, logged, logged), text


def test_attributes_are_set_shown_and_removed(container: Container, anna: Player, run: Run, run_json: RunJson) -> None:
    assert run("users", "attributes", "anna").stdout == "Anna has no attributes.\n"
    assert run_json("users", "attributes", "anna", "country=JP", "clan_name=a = b") == {
        "user_id": str(anna.id),
        "attributes": {"clan_name": "a = b", "country": "JP"},
    }
    assert run_json("users", "attributes", "anna", "country=BR", "clan_name=")["attributes"] == {"country": "BR"}
    assert "country" in run("users", "attributes", "anna").stdout
    acts = [row for row in container.audit.page(limit=10) if row.act == "user.attributes"]
    assert [row.details for row in acts] == [
        '{"removed":["clan_name"],"set":["country"]}',
        '{"removed":[],"set":["clan_name","country"]}',
    ], "the values are the player's"


def test_attributes_that_did_not_change_are_no_act(container: Container, anna: Player, run_json: RunJson) -> None:
    for _ in range(2):
        run_json("users", "attributes", "anna", "country=JP")
    assert len([row for row in container.audit.page(limit=10) if row.act == "user.attributes"]) == 1


@pytest.mark.parametrize(
    ("assignment", "text"),
    [
        ("country", "'country' is no NAME=VALUE"),
        ("1st=x", "'1st=x' is not valid: a name must have 1 to 64 letters"),
        (f"country={'x' * 65}", "a value must have 1 to 64 printable characters"),
        ("=JP", "'=JP' is not valid: a name must"),
    ],
)
def test_a_bad_attribute_is_named(anna: Player, run: Run, assignment: str, text: str) -> None:
    result = run("users", "attributes", "anna", assignment)
    assert result.exit_code != 0
    assert text in result.stderr


def test_a_player_has_at_most_16_attributes(anna: Player, run: Run) -> None:
    assert run("users", "attributes", "anna", *(f"a{number}=x" for number in range(16))).exit_code == 0
    result = run("users", "attributes", "anna", "more=x")
    assert (result.exit_code, "attributes may be at most 16" in result.stderr) == (1, True)
