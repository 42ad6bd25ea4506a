"""app/tables.py: columns that line up, colours for terminals alone, and no character that could steer one."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from app.tables import aligned, markdown_table
from devstack.child import ROOT

HEADINGS = ["NAME", "STATE"]
_SHOW = """from app.tables import aligned
print(aligned([["[red]anna", "ok"], ["ok", "FAILED"]], ["NAME", "STATE"], states=1))"""
PLAIN = ["NAME       STATE", "[red]anna  ok", "ok         FAILED"]


def _on_a_terminal(**env: str) -> list[str]:
    """Return the lines that `_SHOW` prints on a terminal of 20 columns."""
    ours, theirs = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "COLUMNS": "20", **env}
    subprocess.run([sys.executable, "-c", _SHOW], cwd=ROOT, env=environment, stdout=theirs, check=True)
    os.close(theirs)
    lines = os.read(ours, 100_000).decode().splitlines()
    os.close(ours)
    return lines


@pytest.mark.parametrize("columns", ["5", "80"])
def test_a_long_value_is_never_cut_or_wrapped(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    value = "a word and " * 200 + "the end"
    assert aligned([[value, "ok"], ["b", "ok"]], HEADINGS).splitlines()[1:] == [
        f"{value}  ok",
        f"b{' ' * len(value)} ok",
    ]
    assert value in markdown_table([[value, "ok"]], HEADINGS).splitlines()[2]


def test_nothing_that_a_user_wrote_is_markup_or_steers_the_terminal() -> None:
    hostile = "[red]x[/red] :smile: \x1b[2J\u202e\r\n\t[link=http://evil]"
    escaped = r"[red]x[/red] :smile: \x1b[2J\u202e\r\n\t[link=http://evil]"
    assert aligned([[hostile, "ok"]], HEADINGS).splitlines()[1:] == [f"{escaped}  ok"]
    assert aligned([["a", hostile]]) == f"a  {escaped}"


def test_letters_of_any_width_line_up() -> None:
    rows = [["山田", "1"], ["e\u0301", "10"], ["🦊", "100"], ["bob", ""]]
    assert aligned(rows, ["NAME", "N"], right=[1]).splitlines() == [
        "NAME    N",
        "山田    1",
        "e\u0301      10",
        "🦊    100",
        "bob",
    ]


def test_output_that_is_no_terminal_has_no_colours_even_if_they_are_forced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert aligned([["[red]anna", "ok"], ["ok", "FAILED"]], HEADINGS, states=1).splitlines() == PLAIN
    assert capsys.readouterr().out == ""


def test_a_terminal_gets_colours_for_headings_and_states_and_for_nothing_else() -> None:
    assert _on_a_terminal() == [
        "\x1b[1mNAME\x1b[0m       \x1b[1mSTATE\x1b[0m",
        "[red]anna  \x1b[32mok\x1b[0m",
        "ok         \x1b[1;31mFAILED\x1b[0m",
    ]


@pytest.mark.parametrize("variable", [{"TERM": "dumb"}, {"TERM": ""}, {"NO_COLOR": "1"}])
def test_a_terminal_without_colours_gets_none(variable: dict[str, str]) -> None:
    assert _on_a_terminal(**variable) == PLAIN


def test_an_empty_no_color_says_nothing() -> None:
    assert "\x1b[32m" in "".join(_on_a_terminal(NO_COLOR=""))


def test_markdown_is_a_table_with_every_letter_as_it_is() -> None:
    rows = [["8.5 µs", "**not met** [1]"], ["10 µs", ""]]
    assert markdown_table(rows, ["CPU", ""]).splitlines() == [
        "| CPU    |                 |",
        "|--------|-----------------|",
        "| 8.5 µs | **not met** [1] |",
        "| 10 µs  |                 |",
    ]


def test_no_rows_are_a_table_of_headings() -> None:
    assert aligned([], HEADINGS) == "NAME  STATE"
