"""Printing: plain aligned columns for people, JSON for programs, no character that could steer a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import click

from app import terminal
from app.domain.times import rfc3339
from app.tables import aligned, safe


def cell(value: object) -> str:
    """Return a value as people read it."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    if isinstance(value, list | tuple):
        return ", ".join(cell(item) for item in value) or "-"
    return str(value)


def table(rows: Iterable[Mapping[str, object]], columns: Sequence[str]) -> str:
    """Return one line per row under a line of names; numbers are aligned to the right.

    It fits the terminal: `app.table_layout` says how.
    """
    row_list = list(rows)
    headings = [name.upper().replace("_", " ") for name in columns]
    numeric = {
        number
        for number, name in enumerate(columns)
        if row_list and all(isinstance(row[name], int | float | None) for row in row_list)
    }
    cells = [[cell(row[name]) for name in columns] for row in row_list]
    return aligned(cells, headings, right=numeric, width=terminal.columns())


def facts(values: Mapping[str, object]) -> str:
    """Return one line per value, with the names aligned; long values wrap."""
    return aligned([[name.replace("_", " "), cell(value)] for name, value in values.items()], width=terminal.columns())


def paragraph(text: str) -> str:
    """Return a text in lines that fit the terminal."""
    return aligned([[text]], width=terminal.columns())


def to_json(value: object) -> str:
    """Return a time or an id as text, for `json.dumps`."""
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return rfc3339(value)
    raise TypeError(f"{type(value).__name__} can't be written as JSON")


def emit(data: object, text: str, *, as_json: bool) -> None:
    """Print the result on standard output: the data as JSON (in ASCII, for a terminal of any encoding), or the text."""
    click.echo(json.dumps(data, default=to_json, indent=2) if as_json else text)


def print_message(text: str) -> None:
    """Print a message of one or more lines on standard error, beside the result."""
    click.echo("\n".join(safe(line) for line in text.split("\n")), err=True)
