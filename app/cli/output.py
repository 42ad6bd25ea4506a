"""Printing: plain aligned columns for people, JSON for programs, no character that could steer a terminal."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import click

from app.domain.times import rfc3339


def safe(text: str) -> str:
    """Return the text with every character escaped that isn't printable, or that this terminal can't show."""
    printable = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return printable.encode(encoding, "backslashreplace").decode(encoding)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    if isinstance(value, list | tuple):
        return ", ".join(_cell(item) for item in value) or "-"
    return safe(str(value))


def _width(text: str) -> int:
    """Return the columns that the text takes on a terminal: wide characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def table(rows: Iterable[Mapping[str, object]], columns: Sequence[str]) -> str:
    """Return one line per row under a line of names; numbers are aligned to the right."""
    row_list = list(rows)
    cells = [[name.upper().replace("_", " ") for name in columns]]
    cells += [[_cell(row[name]) for name in columns] for row in row_list]
    widths = [max(_width(line[column]) for line in cells) for column in range(len(columns))]
    is_numeric = [
        bool(row_list) and all(isinstance(row[name], int | float | None) for row in row_list) for name in columns
    ]

    def pad(text: str, column: int) -> str:
        gap = " " * (widths[column] - _width(text))
        return gap + text if is_numeric[column] else text + gap

    return "\n".join("  ".join(pad(text, column) for column, text in enumerate(line)).rstrip() for line in cells)


def facts(values: Mapping[str, object]) -> str:
    """Return one line per value, with the names aligned."""
    width = max(len(name) for name in values)
    return "\n".join(f"{name.replace('_', ' '):<{width}}  {_cell(value)}" for name, value in values.items())


def _to_json(value: object) -> str:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return rfc3339(value)
    raise TypeError(f"{type(value).__name__} can't be written as JSON")


def emit(data: object, text: str, *, as_json: bool) -> None:
    """Print the result on standard output: the data as JSON (in ASCII, for a terminal of any encoding), or the text."""
    click.echo(json.dumps(data, default=_to_json, indent=2) if as_json else text)


def print_message(text: str) -> None:
    """Print a message on standard error, beside the result."""
    click.echo(safe(text), err=True)
