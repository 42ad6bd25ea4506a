"""Tables fit the terminal, and nothing that a command needs again is cut."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from app.cli.output import facts, table
from app.table_layout import lay_out

CASE, OTHER_CASE = "cb4365b6-a339-4be1-b105-cd2889efee5e", "cb4365b6-a3f9-4be1-b105-cd2889efee5e"
REASON = "sells accounts to other players, and bought this one from a player who had cheated"
HEADINGS = ["USERNAME", "REASON", "CASE ID"]


def _widest(text: str) -> int:
    return max(map(cell_len, text.splitlines()))


def test_a_table_that_fits_is_printed_whole() -> None:
    assert lay_out([["anna", "x", CASE]], HEADINGS, width=80).splitlines()[1] == f"anna      x       {CASE}"


@pytest.mark.parametrize("width", [30, 45, 60, 80, 200])
@pytest.mark.parametrize("name", ["anna", "山田" * 16, "Zoë de la Concepción"])
def test_no_line_is_wider_than_the_terminal(width: int, name: str) -> None:
    text = lay_out([[name, REASON, CASE], ["bob", "-", OTHER_CASE]], HEADINGS, width=width)
    assert _widest(text) <= max(width, len("username") + 2 + len(CASE))
    for word in REASON.split():
        assert word in text


def test_ids_are_cut_only_to_beginnings_that_no_other_id_has() -> None:
    text = lay_out([["anna", REASON, CASE], ["bob", "-", OTHER_CASE]], HEADINGS, width=60)
    assert "cb4365b6-a33" in text
    assert "cb4365b6-a3f" in text
    assert CASE not in text
    assert "cb4365b6\n" in lay_out([["anna", REASON, CASE]], HEADINGS, width=60) + "\n"


def test_where_columns_do_not_fit_each_row_is_a_block_with_whole_ids() -> None:
    headings = [f"SOME COLUMN {number}" for number in range(8)] + ["CASE ID"]
    rows = [["2026-11-27T16:47:17.123Z"] * 8 + [CASE], ["-"] * 8 + [OTHER_CASE]]
    blocks = lay_out(rows, headings, width=80).split("\n\n")
    assert [block.splitlines()[-1] for block in blocks] == [f"case id        {CASE}", f"case id        {OTHER_CASE}"]
    assert blocks[0].splitlines()[0] == "some column 0  2026-11-27T16:47:17.123Z"


def test_numbers_stay_to_the_right_and_their_headings_wrap() -> None:
    text = lay_out([["anna", "12"], ["bob", "1234"]], ["NAME", "HIGHEST SUSPICION"], right=[1], width=15)
    assert text.splitlines() == [
        "        HIGHEST",
        "NAME  SUSPICION",
        "anna         12",
        "bob        1234",
    ]


def test_a_key_is_never_broken_and_a_text_wraps_under_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    key = "fbk_" + "k" * 60
    lines = facts({"key": key, "reason": REASON, "name": "山" * 40}).splitlines()
    assert lines[0] == f"key     {key}"
    assert all(cell_len(line) <= 40 for line in lines[1:])
    assert lines[2].startswith(" " * 8)


@pytest.mark.parametrize(("columns", "has_blocks"), [(None, True), ("400", False), ("0", True)])
def test_without_a_terminal_there_are_80_columns_unless_the_shell_says_otherwise(
    columns: str | None, has_blocks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    row = dict.fromkeys("abcd", "2026-11-27T16:47:17.123Z")
    assert (table([row], "abcd").count("\n") > 1) == has_blocks
