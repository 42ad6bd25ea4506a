from __future__ import annotations

import json
from uuid import uuid4

import pytest

from app.containers.container import Container
from app.errors import InvalidCredentials, InvalidRequest, InvalidToken, NotFound
from app.stores.accounts.players import Player
from tests.integration.cli.conftest import Play, Run, RunJson

NEW = "quite another password"


def acts(container: Container) -> list[tuple[str, str, str]]:
    """Return (act, subject, details) of the audit log, the newest first."""
    return [(row.act, row.subject, row.details) for row in container.audit.page(limit=20)]


def test_an_operator_renames_a_player_and_the_log_has_no_name(
    container: Container, anna: Player, ben: Player, run: Run, run_json: RunJson
) -> None:
    assert run_json("users", "rename", "anna", "Admin")["changed"] is True
    assert run("users", "rename", "admin", "Admin").stdout == "Admin has that name already.\n"
    assert run("users", "rename", "admin", "Carla").stdout == "Admin is now Carla.\n", "as often as needed"
    assert acts(container) == [("user.renamed", f"player:{anna.id}", "{}")] * 2
    result = run("users", "rename", "carla", "BEN")
    assert (result.exit_code, result.stderr) == (1, "Error: This username is taken.\n")
    assert "USERNAME must have 3 to 32" in run("users", "rename", "carla", "x").stderr
    assert container.accounts.login("carla", "a good password").player.id == anna.id


def test_a_password_is_set_from_standard_input_and_all_logins_end(container: Container, anna: Player, run: Run) -> None:
    login = container.accounts.login("anna", "a good password")
    assert run("users", "set-password", "anna", NEW).exit_code == 2, "never in the list of processes"
    assert run("users", "set-password", "anna", typed=f"{NEW}\n").exit_code == 2
    weak = run("users", "set-password", "anna", "--password-stdin", typed="password\n")
    assert (weak.exit_code, "password is too common" in weak.stderr) == (1, True)
    assert run("users", "set-password", "anna", "--password-stdin", typed=f"{NEW}\n").exit_code == 0
    assert container.sessions.states([(anna.id, login.login_id)]) == ["ended"]
    with pytest.raises(InvalidCredentials):
        container.accounts.login("anna", "a good password")
    assert container.accounts.login("anna", NEW).player.id == anna.id
    assert acts(container) == [("user.password_set", f"player:{anna.id}", "{}")]


def test_a_reset_link_sets_one_password_and_is_stored_as_a_hash(
    container: Container, anna: Player, run: Run, run_json: RunJson
) -> None:
    first = run_json("users", "reset-link", "anna")["token"]
    link = run_json("users", "reset-link", "anna", "--hours", "2")
    stored = container.database.rows("SELECT CAST(row_to_json(l) AS text) AS text FROM reset_links l")
    assert len(stored) == 1
    assert link["token"] not in stored[0].text
    assert not any(link["token"] in details for _, _, details in acts(container))
    assert [act for act, _, _ in acts(container)] == ["user.reset_link"] * 2
    login, reset = container.accounts.login("anna", "a good password"), container.password_changes.reset
    for token in (first, "", "nonsense", "\x00", "\ud800"):
        with pytest.raises(InvalidToken):
            reset(token, NEW, "10.0.0.1")
    with pytest.raises(InvalidRequest):
        reset(link["token"], "Anna1234", "10.0.0.1")
    reset(link["token"], NEW, "10.0.0.1")
    assert container.sessions.states([(anna.id, login.login_id)]) == ["ended"]
    with pytest.raises(InvalidToken):
        reset(link["token"], "a third good password", "10.0.0.1")
    assert container.accounts.login("anna", NEW).player.id == anna.id
    assert "shown this once" in run("users", "reset-link", "anna").stderr
    assert run("users", "reset-link", "anna", "--hours", "169").exit_code == 2


def test_a_reset_link_ends_with_its_time_and_with_any_other_new_password(
    container: Container, anna: Player, run_json: RunJson, run: Run
) -> None:
    token = run_json("users", "reset-link", "anna")["token"]
    container.database.rows("UPDATE reset_links SET expires_at = now() RETURNING player_id")
    with pytest.raises(InvalidToken):
        container.password_changes.reset(token, NEW, "10.0.0.1")
    token = run_json("users", "reset-link", "anna")["token"]
    run("users", "set-password", "anna", "--password-stdin", typed=f"{NEW}\n")
    with pytest.raises(InvalidToken):
        container.password_changes.reset(token, "a third good password", "10.0.0.1")
    assert container.database.rows("SELECT FROM reset_links") == []


def test_a_guest_has_no_password_to_set(container: Container, run: Run) -> None:
    name = container.guests.create().player.username
    for line in (("set-password", name, "--password-stdin"), ("reset-link", name), ("set-role", name, "admin")):
        result = run("users", *line, typed=f"{NEW}\n")
        assert (result.exit_code, "guest" in result.stderr) == (1, True), line


def test_signing_out_ends_all_logins(container: Container, anna: Player, run: Run, run_json: RunJson) -> None:
    logins = [container.accounts.login("anna", "a good password").login_id for _ in range(2)]
    assert run_json("users", "sign-out", "anna")["logins"] == 2
    assert container.sessions.states([(anna.id, login) for login in logins]) == ["ended"] * 2
    assert run("users", "sign-out", "anna").stdout == "Anna is not signed in.\n"
    assert acts(container)[-1] == ("user.signed_out", f"player:{anna.id}", '{"logins":2}')


def test_an_export_is_one_json_document(container: Container, anna: Player, ben: Player, play: Play, run: Run) -> None:
    empty = json.loads(run("users", "export", "ben").stdout)
    assert (empty["account"]["username"], empty["score_events"]) == ("Ben", [])
    play(anna.id)
    data = json.loads(run("users", "export", str(anna.id)).stdout)
    assert (data["account"]["user_id"], len(data["score_events"])) == (str(anna.id), 1)


def test_erasing_wants_a_confirmation(
    container: Container, anna: Player, play: Play, run: Run, run_json: RunJson
) -> None:
    play(anna.id)
    refused = run("users", "erase", "anna", typed="y\n")
    assert (refused.exit_code, "--yes" in refused.stderr) == (2, True)
    assert container.accounts.find("anna").id == anna.id
    assert run_json("users", "erase", "anna", "--yes") == {"user_id": str(anna.id), "erased": True}
    for name in (str(anna.id), "anna", f"erased:{anna.id}"):
        with pytest.raises(NotFound):
            container.accounts.find(name)
    assert acts(container)[0] == ("player.erased", f"player:{anna.id}", "{}")
    assert container.audit.page(limit=1)[0].actor.startswith("cli:")
    assert run_json("users", "list") == []
    admin = container.accounts.create_by("cli:tests", "boss", NEW, "admin", "r")
    result = run("users", "erase", "boss", "--yes")
    assert (result.exit_code, "last admin" in result.stderr) == (1, True)
    assert container.accounts.role(admin.id) == "admin"


def test_a_user_that_does_not_exist_is_one_line(run: Run) -> None:
    for line in (
        ("rename", "nobody", "Anna"),
        ("set-password", str(uuid4()), "--password-stdin"),
        ("reset-link", "nobody"),
        ("sign-out", "nobody"),
        ("export", "erased"),
        ("erase", "erased", "--yes"),
    ):
        result = run("users", *line, typed=f"{NEW}\n")
        assert (result.exit_code, result.stderr) == (1, "Error: There is no such user.\n"), line
