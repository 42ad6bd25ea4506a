from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.cli.output import emit, facts, table
from app.cli.progress import ProgressPrinter
from app.tables import safe
from tests.parts.waiting import eventually


def test_a_text_cannot_steer_the_terminal() -> None:
    assert safe("a\x1b[2Jb\u202ec\n") == "a\\x1b[2Jb\\u202ec\\n"


def test_ordinary_letters_of_any_script_are_printed_as_they_are() -> None:
    assert safe("Zoë 山田 🦊") == "Zoë 山田 🦊"


def test_columns_line_up_under_names_that_take_two_columns_a_letter() -> None:
    lines = table([{"name": "山田", "score": 5}, {"name": "bob", "score": 12}], ("name", "score")).splitlines()
    assert lines == ["NAME  SCORE", "山田      5", "bob      12"]


def test_a_combining_letter_takes_no_column() -> None:
    lines = table([{"name": "e\u0301", "id": "x"}, {"name": "eh", "id": "y"}], ("name", "id")).splitlines()
    assert lines[1:] == ["e\u0301     x", "eh    y"]


def test_what_is_absent_is_a_dash() -> None:
    assert facts({"rank": None, "rules": [], "score": 0}) == "rank   -\nrules  -\nscore  0"


def test_json_is_readable_back_whatever_the_terminal_can_show(capsys: pytest.CaptureFixture[str]) -> None:
    data = {"id": UUID(int=1), "at": datetime(2026, 1, 2, tzinfo=UTC), "name": "Zoë\x1b"}
    emit(data, "unused", as_json=True)
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out) == {"id": str(UUID(int=1)), "at": "2026-01-02T00:00:00.000Z", "name": "Zoë\x1b"}


def test_progress_is_told_beside_the_result_also_while_nothing_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    outputs: list[str] = []

    def told_twice() -> bool:
        outputs.append(capsys.readouterr().err)
        return "".join(outputs).count("Rebuilding main: 12,000 standings in ") >= 2

    with ProgressPrinter("Rebuilding main", "standings", every=0.01) as progress:
        progress(12_000)
        eventually(told_twice)


def test_what_is_quick_shows_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressPrinter("Rebuilding main", "standings") as progress:
        progress(1)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("units", "total", "line"),
    [
        ("standings", None, "Working: 1 standing in 0 s"),
        ("events", 2, "Working: 1 of 2 events in 0 s"),
        ("", None, "Working: 0 s"),
    ],
)
def test_progress_counts_in_words(units: str, total: int | None, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    outputs: list[str] = []

    def is_told() -> bool:
        outputs.append(capsys.readouterr().err)
        return line in "".join(outputs)

    with ProgressPrinter("Working", units, total=total, every=0.01) as progress:
        progress(1)
        eventually(is_told)
