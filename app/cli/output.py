"""Printing: plain aligned columns for people, JSON for programs, nothing that could steer a terminal."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import click

from app.domain.times import rfc3339

_UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def safe(text: str) -> str:
    """The text with everything escaped that isn't printable, or that this terminal has no character for."""
    shown = "".join(part if part.isprintable() else part.encode("unicode_escape").decode() for part in text)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return shown.encode(encoding, "backslashreplace").decode(encoding)


def _cell(value: Any) -> str:
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
    """Columns on a terminal: wide characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(part) else 2 if unicodedata.east_asian_width(part) in "WF" else 1 for part in text
    )


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """One line a row under a line of names; numbers to the right."""
    kept = list(rows)
    cells = [[name.upper().replace("_", " ") for name in columns]]
    cells += [[_cell(row[name]) for name in columns] for row in kept]
    widths = [max(_width(line[at]) for line in cells) for at in range(len(columns))]
    right = [bool(kept) and all(isinstance(row[name], int | float | None) for row in kept) for name in columns]

    def padded(text: str, at: int) -> str:
        gap = " " * (widths[at] - _width(text))
        return gap + text if right[at] else text + gap

    return "\n".join("  ".join(padded(text, at) for at, text in enumerate(line)).rstrip() for line in cells)


def facts(values: Mapping[str, Any]) -> str:
    """One line a value, the names aligned."""
    width = max(len(name) for name in values)
    return "\n".join(f"{name.replace('_', ' '):<{width}}  {_cell(value)}" for name, value in values.items())


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return rfc3339(value)
    raise TypeError(f"{type(value).__name__} has no place in JSON")


def emit(data: Any, text: str, *, as_json: bool) -> None:
    """Print the result on standard output: the data as JSON (in ASCII, whatever the terminal's encoding), or the text.

    Raises click.ClickException where it can't be written.
    """
    try:
        click.echo(json.dumps(data, default=_plain, indent=2) if as_json else text)
    except OSError as error:
        if error.errno not in _UNWRITABLE:  # a pipe that nobody reads is click's to end on
            raise
        _write_nowhere()
        raise click.ClickException(f"The result could not be written: {error.strerror}.") from error


def _write_nowhere() -> None:
    """Give what standard output still holds to the null device, or Python would fail on it again when it ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def tell(text: str) -> None:
    """A message beside the result, on standard error."""
    click.echo(safe(text), err=True)
