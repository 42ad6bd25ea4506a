"""Questions before acts, ids by their beginnings, reasons, and an audit log of that which happened."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from app.containers.container import Container
from app.domain.id_prefixes import id_range
from app.errors import Forbidden
from app.stores.accounts.players import Player
from app.stores.operations.ids import _STATEMENTS
from tests.integration.cli.conftest import Play, Run, RunJson
from tests.unit.cli.test_manners import ASKS


@pytest.fixture
def case(anna: Player, play: Play, run_json: RunJson) -> str:
    """Return the id of a case of Anna, who has a point."""
    play(anna.id)
    with pytest.raises(Forbidden):
        play(anna.id, "boss-fight")
    (case,) = run_json("anticheat", "cases", "--player", "anna")
    return str(case["case_id"])


@pytest.fixture
def void(ben: Player, play: Play, run_json: RunJson) -> str:
    """Return the id of a void of Ben's one point."""
    play(ben.id)
    return str(run_json("leaderboard", "void", "--player", "ben", "--reason", "r", "--yes")["id"])


def _lines(case: str, void: str) -> dict[str, tuple[str, ...]]:
    """Return a line of arguments for each command that asks."""
    return {
        "users suspend": ("anna",),
        "users erase": ("anna",),
        "actions retire": ("tap",),
        "leaderboard void": ("--player", "anna", "--reason", "r"),
        "leaderboard restore": (void, "--reason", "r"),
        "anticheat confirm": (case, "--reason", "r"),
        "anticheat calibrate": ("--apply",),
        "anticheat model retire": (),
        "queues purge": (),
        "db downgrade": ("base",),
    }


def _acts(container: Container) -> list[str]:
    """Return the acts in the audit log, the newest first."""
    return [row.act for row in container.audit.page(limit=100)]


def test_without_a_terminal_nothing_is_done_and_yes_is_named(
    container: Container, case: str, void: str, run: Run
) -> None:
    lines, before = _lines(case, void), _acts(container)
    assert sorted(lines) == sorted(ASKS), "a new command that asks has a line here"
    for line, arguments in lines.items():
        result = run(*line.split(), *arguments, typed="y\n")
        assert (result.exit_code, result.stdout) == (2, ""), line
        assert "confirm with --yes" in result.stderr, line
    assert _acts(container) == before
    assert container.accounts.find("anna").status == "active"


def test_a_question_says_who_and_how_much_and_a_no_changes_nothing(
    container: Container, anna: Player, case: str, void: str, run: Run
) -> None:
    before = _acts(container)
    questions = {
        "users suspend": f"Suspend Anna ({anna.id}; rank 1, 1 point on main)? [y/N]: ",
        "users erase": f"Erase Anna ({anna.id}) for ever? [y/N]: ",
        "actions retire": "Retire tap ('Tap', which feeds main) for good? [y/N]: ",
        "leaderboard void": "Void 1 redemption (1 point) of 1 player? [y/N]: ",
        "leaderboard restore": "Restore 1 redemption (1 point) of 1 player? [y/N]: ",
        "anticheat confirm": "Suspend Anna, and void ",
        "anticheat model retire": "Let no model judge until the next is trained? [y/N]: ",
        "db downgrade": "Downgrade ",
    }
    for line, question in questions.items():
        result = run(*line.split(), *_lines(case, void)[line], answered="n\n")
        assert (result.exit_code, result.stderr.startswith(question)) == (1, True), (line, result.stderr)
        assert "Aborted!" in result.stderr
    assert _acts(container) == before
    assert run("users", "suspend", "anna", answered="y\n").stdout.endswith("Suspended Anna.\n")


def test_acts_for_good_ask_on_a_terminal_alone(container: Container, run: Run, run_json: RunJson) -> None:
    run_json("keys", "create", "game", "--scope", "read")
    run_json("boards", "create", "cup", "--action-type", "tap")
    for line in (("keys", "revoke", "game"), ("boards", "archive", "cup"), ("boards", "close-season", "cup")):
        result = run(*line, answered="n\n")
        assert (result.exit_code, "for good?" in result.stderr or "for ever?" in result.stderr) == (1, True), line
    assert run_json("keys", "list")[0]["revoked_at"] is None
    assert run("boards", "close-season", "cup", "--yes", answered="").exit_code == 0
    assert run("boards", "archive", "cup").exit_code == 0
    assert run_json("keys", "revoke", "game")["changed"]


def test_an_id_may_be_cut_to_a_beginning_that_is_unique(
    container: Container, anna: Player, case: str, void: str, run: Run, run_json: RunJson
) -> None:
    assert run_json("users", "show", str(anna.id)[:8])["username"] == "Anna"
    assert run_json("users", "show", str(anna.id)[:13].upper())["username"] == "Anna"
    short = run("users", "show", str(anna.id)[:7])
    assert (short.exit_code, short.stderr) == (1, "Error: There is no such user. Give at least 8 digits of its id.\n")
    short = run("anticheat", "show", case[:3])
    advice = "Give at least 4 digits of a case's id, or 8 of a user's."
    assert short.stderr == f"Error: There is no such case and no such user. {advice}\n"
    assert run_json("anticheat", "show", case[:4])["username"] == "Anna"
    assert run_json("anticheat", "show", str(anna.id)[:8])["username"] == "Anna"
    key = run_json("keys", "create", "game", "--scope", "read")
    assert run_json("keys", "rotate", key["id"][:8])["name"] == "game"
    assert run_json("leaderboard", "restore", void[:4], "--reason", "r", "--yes")["kind"] == "restore"
    assert run_json("anticheat", "clear", case[:6], "--reason", "r")["state"] == "cleared"
    for line in (("anticheat", "undo", "0000", "--reason", "r"), ("leaderboard", "restore", "void", "--reason", "r")):
        result = run(*line, "--yes")
        assert (result.exit_code, "There is no such" in result.stderr) == (1, True)


def test_a_beginning_of_several_ids_lists_them_and_a_name_comes_first(
    container: Container, run: Run, run_json: RunJson
) -> None:
    ids = [UUID(f"abcdef12-0000-4000-8000-00000000000{number}") for number in (1, 2)]
    for player_id, name in zip(ids, ("First\x1b", "Second"), strict=True):
        container.players.add(player_id, name, name.casefold(), "no password fits this", "player")
    result = run("users", "suspend", "abcdef12", "--yes")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "Error: More than one user has an id that begins with abcdef12. Give more of it:",
        f"  {ids[0]}  First\\x1b",
        f"  {ids[1]}  Second",
    ]
    assert run_json("users", "show", str(ids[1]))["username"] == "Second"
    container.players.add(uuid4(), "abcdef12", "abcdef12", "no password fits this", "player")
    assert run_json("users", "show", "abcdef12")["username"] == "abcdef12"


@pytest.mark.parametrize("kind", sorted(_STATEMENTS))
def test_ids_are_found_through_their_index(container: Container, kind: str) -> None:
    ids = id_range("abcd")
    assert ids is not None
    values = {"first": ids.first, "last": ids.last, "most": 11}
    with container.database.transaction() as connection:
        connection.execute(sa.text("SET LOCAL enable_seqscan = off"))
        connection.execute(sa.text("SET LOCAL enable_bitmapscan = off"))
        explain = sa.text(f"EXPLAIN {_STATEMENTS[kind]}")  # type: ignore[index]
        plan = "\n".join(connection.execute(explain, values).scalars())
    assert "Index Cond: ((id >= 'abcd0000" in plan.replace("(c.id", "(id"), plan


def test_the_reason_of_a_suspension_is_shown_until_the_player_is_back(
    anna: Player, case: str, run: Run, run_json: RunJson
) -> None:
    run("users", "suspend", "anna", "--reason", "sells accounts", "--yes")
    suspension = run_json("users", "show", "anna")["suspension"]
    assert (suspension["reason"], suspension["case_id"], suspension["by"][:4]) == ("sells accounts", None, "cli:")
    run("users", "suspend", "anna", "--reason", "again", "--yes")
    assert run_json("users", "show", "anna")["suspension"] == suspension, "it was suspended already"
    printed = run("users", "show", "anna").stdout
    assert "reason" in printed
    assert "sells accounts" in printed
    run("users", "reinstate", "anna", "--reason", "a mistake")
    assert run_json("users", "show", "anna")["suspension"] is None
    run("anticheat", "confirm", case, "--reason", "a script", "--yes")
    suspension = run_json("users", "show", "anna")["suspension"]
    assert (suspension["reason"], suspension["case_id"]) == ("a script", case)
    run("anticheat", "undo", case, "--reason", "no script")
    assert run_json("users", "show", "anna")["suspension"] is None
    refused = run("users", "suspend", "anna", "--reason", " ", "--yes")
    assert (refused.exit_code, "--reason must not be empty" in refused.stderr) == (1, True)


def test_acts_that_change_nothing_are_not_in_the_audit_log(
    container: Container, anna: Player, run: Run, run_json: RunJson
) -> None:
    run("users", "suspend", "anna", "--yes")
    before = _acts(container)
    lines: dict[tuple[str, ...], str] = {
        ("users", "suspend", "anna", "--yes"): "Anna was suspended already.\n",
        ("users", "set-role", "anna", "player"): "Anna was player already.\n",
        ("users", "sign-out", "anna"): "Anna is not signed in.\n",
        ("users", "rename", "anna", "Anna"): "Anna has that name already.\n",
        ("actions", "change", "tap", "--points", "1"): "tap is so already: ",
        ("anticheat", "model", "retire", "--yes"): "No model was active.\n",
    }
    for line, text in lines.items():
        result = run(*line)
        assert (result.exit_code, result.stdout.startswith(text)) == (0, True), (line, result.output)
    for line in (
        ("users", "suspend", "anna", "--reason", "", "--yes"),
        ("users", "erase", "nobody", "--yes"),
        ("boards", "archive", "main"),
        ("anticheat", "model", "judge"),
        ("analytics", "rebuild", "--from", "2026-02-01", "--to", "2026-01-01"),
    ):
        assert run(*line).exit_code != 0
    assert _acts(container) == before
    assert run("users", "suspend", "anna", "--dry-run").stderr == "Nothing was changed.\n"


def test_lists_fit_80_columns_without_a_terminal(
    container: Container, case: str, void: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    container.accounts.create("山" * 32, "a good password")
    for line in (
        ("users", "list"),
        ("anticheat", "cases"),
        ("anticheat", "show", case),
        ("leaderboard", "corrections"),
        ("actions", "list"),
        ("boards", "list"),
        ("audit", "log"),
    ):
        text = run(*line, columns="80").stdout
        assert max(map(len, text.splitlines())) <= 80, line
    assert case in run("anticheat", "cases", columns="80").stdout
