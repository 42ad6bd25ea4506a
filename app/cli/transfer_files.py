"""Files of players, standings and events: CSV with a line of column names, or one JSON object a line (JSON lines)."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, TypeAlias

import click

from app.cli.output import to_json
from app.domain.json_text import parse
from app.domain.transfer_lines import ATTRIBUTE, Problem
from app.errors import InvalidRequest, MalformedJson
from app.tables import safe

Format: TypeAlias = Literal["csv", "jsonl"]

MOST_BYTES = 64 * 1024
"""The length of a line. The longest that an export writes has a quarter of it."""

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class FileLine:
    """A line of a file by its number, the first of several if quoted values have line ends; `text` is as it is there.

    `values` is None for a line that has none, for the reason that `problem` gives.
    """

    number: int
    text: str
    values: Mapping[str, object] | None
    problem: Problem | None = None


def format_of(path: Path | None, choice: str | None) -> Format:
    """Return the format that was chosen, or else that of the file's name: JSON lines for .jsonl and .ndjson, or CSV."""
    if choice is not None:
        return "jsonl" if choice == "jsonl" else "csv"
    return "jsonl" if path is not None and path.suffix in (".jsonl", ".ndjson") else "csv"


def check_file(path: Path) -> int:
    """Read a file from beginning to end, and return the number of its lines.

    Raises ClickException for one that is empty, is not UTF-8, or has a line that is too long: then nothing is imported.
    """
    name, number = safe(str(path)), 0
    try:
        with path.open("rb") as file:
            while line := file.readline(MOST_BYTES + 1):
                number += 1
                if len(line) > MOST_BYTES:
                    raise click.ClickException(f"Line {number} of {name} is longer than {MOST_BYTES:,} bytes.")
                line.decode("utf-8")
    except OSError as error:
        raise click.ClickException(f"{name} can't be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise click.ClickException(f"Line {number} of {name} is not UTF-8.") from error
    if number == 0:
        raise click.ClickException(f"{name} is empty.")
    return number


def read_lines(path: Path, kind: Format, columns: Sequence[str], *, has_attributes: bool) -> Iterator[FileLine]:
    """Yield the lines of a file that `check_file` has read; blank ones are left out.

    Raises ClickException for a heading of CSV with unknown or repeated columns.
    """
    with path.open("rb") as file:
        if file.read(len(_BOM)) != _BOM:
            file.seek(0)
        lines = (line.decode("utf-8") for line in file)
        if kind == "csv":
            yield from _csv_lines(path, lines, columns, has_attributes=has_attributes)
        else:
            fields = {*columns, "attributes"} if has_attributes else set(columns)
            for number, text in enumerate(lines, 1):
                if text.strip():
                    yield _json_line(number, text.rstrip("\r\n"), fields)


class _Recorded:
    """The lines of a file, which remembers those that were taken since `pop`."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines, self._taken = iter(lines), list[str]()

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self._taken.append(line)
            yield line

    def pop(self) -> str:
        text = "".join(self._taken).rstrip("\r\n")
        self._taken.clear()
        return text


def _csv_lines(path: Path, lines: Iterable[str], columns: Sequence[str], *, has_attributes: bool) -> Iterator[FileLine]:
    recorded = _Recorded(lines)
    reader = csv.reader(recorded, strict=True)
    heading = _heading(path, reader, columns, has_attributes=has_attributes)
    recorded.pop()
    while True:
        number, problem, cells = reader.line_num + 1, None, list[str]()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problem = Problem("line", f"is no CSV: {error}")
        text = recorded.pop()
        if problem is None and len(cells) != len(heading):
            if not cells:
                continue
            problem = Problem("line", f"has {len(cells)} values; the first line names {len(heading)} columns")
        values = None if problem else dict(zip(heading, cells, strict=True))
        yield FileLine(number, text, values, problem)


def _heading(path: Path, reader: Iterator[list[str]], columns: Sequence[str], *, has_attributes: bool) -> list[str]:
    name = safe(str(path))
    try:
        heading = next(reader, [])
    except csv.Error as error:
        raise click.ClickException(f"The first line of {name} is no CSV: {error}.") from error
    fields = [*columns, f"{ATTRIBUTE}…"] if has_attributes else columns
    for place, column in enumerate(heading):
        is_known = column in columns or (has_attributes and column.startswith(ATTRIBUTE))
        if not is_known:
            message = f"{name} has a column '{safe(column[:64])}'. The first line names columns: {', '.join(fields)}."
            raise click.ClickException(message)
        if column in heading[:place]:
            raise click.ClickException(f"{name} has two columns '{safe(column[:64])}'.")
    return heading


def _json_line(number: int, text: str, fields: set[str]) -> FileLine:
    try:
        values = parse(text.encode())
    except MalformedJson:
        return FileLine(number, text, None, Problem("line", "is not valid JSON"))
    except InvalidRequest as refusal:
        details = refusal.details if isinstance(refusal.details, list) else []
        return FileLine(number, text, None, Problem(details[0]["field"][:64], details[0]["message"]))
    if not isinstance(values, dict):
        return FileLine(number, text, None, Problem("line", "must be a JSON object"))
    if unknown := [name for name in values if name not in fields]:
        return FileLine(number, text, None, Problem(unknown[0][:64], "is no field of these lines"))
    return FileLine(number, text, values)


@contextmanager
def written_file(path: Path | None) -> Iterator[IO[str]]:
    """Yield the file to write, or standard output; the file has its name only once it is whole. Raises ClickException.

    Only its owner may read it.
    """
    if path is None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")
        yield sys.stdout
        sys.stdout.flush()
        return
    name = safe(str(path))
    try:
        descriptor, part = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise click.ClickException(f"{name} can't be written: {error.strerror}.") from error
    try:
        with open(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(part).replace(path)
    except OSError as error:
        raise click.ClickException(f"{name} can't be written: {error.strerror}.") from error
    finally:
        Path(part).unlink(missing_ok=True)


def write_rows(
    file: IO[str], kind: Format, rows: Iterable[Mapping[str, object]], columns: Sequence[str], names: Sequence[str]
) -> Iterator[int]:
    """Write the rows, and yield how many so far after each. `names` are the attributes that have a column in CSV."""
    if kind == "jsonl":
        for count, row in enumerate(rows, 1):
            file.write(json.dumps(row, default=to_json, ensure_ascii=False, separators=(",", ":")) + "\n")
            yield count
        return
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*columns, *(f"{ATTRIBUTE}{name}" for name in names)])
    for count, row in enumerate(rows, 1):
        attributes = row.get("attributes")
        values = attributes if isinstance(attributes, dict) else {}
        writer.writerow([*(_cell(row[column]) for column in columns), *(values.get(name) for name in names)])
        yield count


def _cell(value: object) -> object:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if isinstance(value, dict) else value
