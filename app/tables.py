"""Text in aligned columns, for terminals and for Markdown."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app import terminal
from app.table_layout import PLAIN, Styles, lay_out

_ENDLESS = 1 << 30  # columns
_STATE_STYLES = {"ok": "green", "note": "yellow", "unknown": "yellow", "WRONG": "bold red", "FAILED": "bold red"}


def safe(text: str) -> str:
    """Return the text with every character escaped that isn't printable, or that this terminal can't show."""
    printable = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return printable.encode(encoding, "backslashreplace").decode(encoding)


def aligned(
    rows: Iterable[Sequence[str]],
    headings: Sequence[str] = (),
    *,
    right: Collection[int] = (),
    states: int | None = None,
    width: int | None = None,
) -> str:
    """Return one line per row, below the headings if there are any, with every unprintable character escaped.

    The columns whose numbers are in `right` are aligned to the right. A table of more than `width` columns is made to
    fit (see `lay_out`); without `width` nothing is cut or wrapped. Where standard output is a terminal with colours,
    headings are bold, and the cells of the column `states` have the colour of their state.
    """
    safe_rows = [[safe(cell) for cell in row] for row in rows]
    styles = Styles("bold", states, _STATE_STYLES) if terminal.shows_colours(sys.stdout) else PLAIN
    return lay_out(safe_rows, headings, width=width, right=right, styles=styles)


def markdown_table(rows: Iterable[Sequence[str]], headings: Sequence[str]) -> str:
    """Return a Markdown table."""
    console = Console(width=_ENDLESS, color_system=None, force_terminal=False)
    table = Table(box=box.MARKDOWN, header_style="none", padding=(0, 1))
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()).strip("\n")
