"""Files of boards that make no sense: the error names the field, and nothing is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.cli.conftest import Run, RunJson

ERRORS = (
    ("schedule = '0 0 31 2 *'", "boards.odd.schedule never fires"),
    ("schedule = '0 0 * *'", "boards.odd.schedule must have five fields"),
    ("timezone = 'Mars/Olympus'", "boards.odd.timezone is no IANA time zone: 'Mars/Olympus'"),
    ("segments = ['a', 'b', 'c', 'd', 'e']", "boards.odd.segments must be at most 4 different names"),
    ("segments = ['Not A Name']", "boards.odd.segments has 'Not A Name'"),
    ("order = 'asc'", "boards.odd.order can be asc with scoring best or last only, not with sum"),
    ("scoring = 'count'\norder = 'asc'", "boards.odd.order can be asc"),
    ("scoring = 'median'", "boards.odd.scoring must be one of sum, best, last, count"),
    ("starts_at = 2030-01-02T00:00:00Z\nends_at = 2030-01-02T00:00:00Z", "boards.odd.ends_at must be after starts_at"),
    ("starts_at = 2030-01-02", "boards.odd.starts_at must be a time with its offset"),
    ("starts_at = 1990-01-01T00:00:00Z\nschedule = '0 0 * * *'", "boards.odd.starts_at would give the board more than"),
    ("decimals = 7", "boards.odd.decimals must be a whole number from 0 to 6"),
    ("unit = 'a unit that is too long'", "boards.odd.unit must be at most 16 printable characters"),
    ("public = 1", "boards.odd.public must be true or false"),
    ("scoring = 3", "boards.odd.scoring must be one of"),
    ("colour = 'red'", "boards.odd.colour is not a field of a board"),
)
TYPE_ERRORS = (
    ("points = 1\nboards = []", "action_types.thing.boards must not be empty"),
    ("points = 1\nboards = ['nowhere']", "action_types.thing.boards is wrong: there is no board 'nowhere'"),
    ("points = 1\nboards = 'main'", "action_types.thing.boards must be a list of boards"),
    ("points = 1\nboards = ['main', 'main']", "action_types.thing.boards must be 1 to 8 different boards"),
    ("boards = ['main']", "action_types.thing.points must be a whole number"),
    ("points = 1\nmin_seconds = 900", "action_types.thing.token_seconds must be above min_seconds (900)"),
    ("points = 1\ntoken_seconds = 5", "action_types.thing.token_seconds must be a whole number from 10 to 86400"),
    ("result_kind = 'reported'\nmin_result = 2\nmax_result = 1", "action_types.thing.max_result must not be below"),
    ("points = 1\ncolour = 'red'", "action_types.thing.colour is not a field of an action type"),
)


@pytest.mark.parametrize(("fields", "message"), ERRORS, ids=[message for _, message in ERRORS])
def test_an_error_of_a_board_names_its_field_and_nothing_is_done(
    tmp_path: Path, run: Run, run_json: RunJson, fields: str, message: str
) -> None:
    good = "[boards.good]\n[action_types.tap]\nboards = ['main', 'good', 'odd']\n"
    assert message in _refused(tmp_path, run, f"{good}[boards.odd]\n{fields}\n")
    assert [row["slug"] for row in run_json("boards", "list")] == ["main"]


@pytest.mark.parametrize(("fields", "message"), TYPE_ERRORS, ids=[message for _, message in TYPE_ERRORS])
def test_an_error_of_an_action_type_names_its_field_and_nothing_is_done(
    tmp_path: Path, run: Run, run_json: RunJson, fields: str, message: str
) -> None:
    good = "[boards.good]\n[action_types.tap]\nboards = ['main', 'good']\n"
    assert message in _refused(tmp_path, run, f"{good}[action_types.thing]\n{fields}\n")
    assert [row["slug"] for row in run_json("boards", "list")] == ["main"]


def _refused(tmp_path: Path, run: Run, text: str) -> str:
    (tmp_path / "bad.toml").write_text(text)
    result = run("boards", "apply", str(tmp_path / "bad.toml"), "--rebuild")
    assert (result.exit_code, result.stdout) == (1, "")
    return result.stderr


def test_more_than_eight_boards_for_an_action_type_are_refused(tmp_path: Path, run: Run) -> None:
    names = [f"b{number}" for number in range(9)]
    text = "".join(f"[boards.{name}]\n" for name in names) + f"[action_types.tap]\nboards = {names}\n"
    assert "action_types.tap.boards must be 1 to 8 different boards" in _refused(tmp_path, run, text)


def test_a_board_without_an_action_type_is_refused(tmp_path: Path, run: Run) -> None:
    assert "boards.lonely.action_types has none" in _refused(tmp_path, run, "[boards.lonely]\n")
    assert "Missing option '--action-type'" in run("boards", "create", "lonely").stderr
    types = ("tap", "quick-match", "puzzle", "boss-fight")
    moved = "[boards.other]\n" + "".join(f"[action_types.{slug}]\nboards = ['other']\n" for slug in types)
    assert "would leave the board 'main' without an action type" in _refused(tmp_path, run, moved)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[boards.twice]\n[boards.twice]\n", "twice"),
        ("board = 3\n", "has 'board'"),
        ("boards = 3\n", "write each of boards as a table"),
        ("[boards]\nweekly = 'yes'\n", "write each of boards as a table"),
        ("[boards.\n", "is not valid TOML"),
        ("[boards.'Not a slug']\n[action_types.tap]\nboards=['main', 'Not a slug']\n", "small letters and digits"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(tmp_path: Path, run: Run, text: str, message: str) -> None:
    assert message in _refused(tmp_path, run, text)
