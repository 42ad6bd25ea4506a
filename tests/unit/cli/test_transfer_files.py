"""Files of CSV and JSON lines: read line by line with their numbers, written aside and then renamed."""

from __future__ import annotations

import stat
import tracemalloc
from pathlib import Path
from typing import IO

import click
import pytest

from app.cli.transfer_files import (
    MOST_BYTES,
    FileLine,
    Format,
    check_file,
    format_of,
    read_lines,
    write_rows,
    written_file,
)

COLUMNS = ("username", "score")


def read(path: Path, content: bytes, kind: Format = "csv") -> list[FileLine]:
    path.write_bytes(content)
    check_file(path)
    return list(read_lines(path, kind, COLUMNS, has_attributes=False))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_csv_is_read_with_any_line_end_and_quoted_line_ends(path: Path, newline: bytes, mark: bytes) -> None:
    rows = [b"username,score", b'"Ada ""the', b'first""",5', b"", b"Ben,7", b""]
    lines = read(path, mark + newline.join(rows))
    assert [line.number for line in lines] == [2, 5], "the first line of each"
    end = newline.decode()
    assert lines[0].values == {"username": f'Ada "the{end}first"', "score": "5"}
    assert lines[0].text == f'"Ada ""the{end}first""",5'
    assert lines[1].values == {"username": "Ben", "score": "7"}


@pytest.mark.parametrize("row", ["Ada", "Ada,1,2", '"Ada"x,1', '"Ada,1'])
def test_a_row_that_does_not_fit_is_refused_and_the_next_is_read(path: Path, row: str) -> None:
    lines = read(path, f"username,score\n{row}\n".encode())
    assert [(line.number, line.values) for line in lines] == [(2, None)]
    assert lines[0].problem is not None
    assert lines[0].text == row


@pytest.mark.parametrize(
    "text", ["{", "[]", "5", '{"score": NaN}', '{"score": 1, "score": 2}', '{"points": 1}', "nothing", '{"score": 1} x']
)
def test_a_line_that_is_no_object_of_these_fields_is_refused(path: Path, text: str) -> None:
    lines = read(path, f'\n{text}\n{{"score": 3}}\n'.encode(), "jsonl")
    assert [(line.number, line.values) for line in lines] == [(2, None), (3, {"score": 3})]
    assert lines[0].text == text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"username,score\nAd\xff,1\n", "Line 2 .* is not UTF-8"),
        (b"username\n" + b"a" * (MOST_BYTES + 1), "Line 2 .* is longer than 65,536 bytes"),
        (b"username,points\n", "has a column 'points'"),
        (b"username,username\n", "two columns 'username'"),
        (b"user\x1b[2Jname\n", r"has a column 'user\\x1b\[2Jname'"),
    ],
)
def test_a_file_that_no_line_can_be_read_of_is_refused_as_a_whole(path: Path, content: bytes, says: str) -> None:
    with pytest.raises(click.ClickException, match=says):
        read(path, content)


def test_a_missing_file_is_refused(path: Path) -> None:
    with pytest.raises(click.ClickException, match="can't be read: No such file"):
        check_file(path)


def _fail(file: IO[str]) -> None:
    file.write("half")
    raise RuntimeError


def test_a_file_has_its_name_once_it_is_whole(path: Path) -> None:
    path.write_text("before")
    with pytest.raises(RuntimeError), written_file(path) as file:
        _fail(file)
    assert [entry.read_text() for entry in path.parent.iterdir()] == ["before"]
    with written_file(path) as file:
        list(write_rows(file, "csv", [{"username": "=1+1", "score": 5, "attributes": {"b": "x"}}], COLUMNS, ["a", "b"]))
    assert path.read_text() == "username,score,attribute:a,attribute:b\n=1+1,5,,x\n", "values are written as they are"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(list(path.parent.iterdir())) == 1


def test_the_format_is_that_of_the_name_unless_it_is_given() -> None:
    assert {format_of(Path(name), None) for name in ("a.jsonl", "a.ndjson")} == {"jsonl"}
    assert {format_of(Path(name), None) for name in ("a.csv", "a")} == {"csv"}
    assert format_of(Path("a.csv"), "jsonl") == "jsonl"
    assert format_of(None, None) == "csv"


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_file_is_read_in_little_memory(path: Path, kind: Format) -> None:
    line = "Ada,5" if kind == "csv" else '{"username": "Ada", "score": 5}'
    path.write_text("username,score\n" * (kind == "csv") + f"{line}\n" * 20_000)
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_lines(path, kind, COLUMNS, has_attributes=False))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (count, check_file(path)) == (20_000, 20_000 + (kind == "csv"))
    assert peak < 500_000
