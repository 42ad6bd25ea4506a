"""Text in aligned columns, for terminals and for Markdown."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

_ENDLESS = 1 << 30  # columns: a terminal breaks long lines, and whatever reads a pipe gets them whole
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
) -> str:
    """Return one line per row, below the headings if there are any, with every unprintable character escaped.

    The columns whose numbers are in `right` are aligned to the right. Nothing is cut or wrapped. Where standard output
    is a terminal, headings are bold, and the cells of the column `states` have the colour of their state.
    """
    safe_rows = ([safe(cell) for cell in row] for row in rows)
    return _render(safe_rows, headings, right=right, states=states)


def markdown_table(rows: Iterable[Sequence[str]], headings: Sequence[str]) -> str:
    """Return a Markdown table."""
    return _render(rows, headings, is_markdown=True).strip("\n")


def _render(
    rows: Iterable[Sequence[str]],
    headings: Sequence[str],
    *,
    right: Collection[int] = (),
    states: int | None = None,
    is_markdown: bool = False,
) -> str:
    has_colours = not is_markdown and sys.stdout is not None and sys.stdout.isatty()
    console = Console(width=_ENDLESS, color_system="auto" if has_colours else None, force_terminal=has_colours)
    table = Table(
        box=box.MARKDOWN if is_markdown else None,
        pad_edge=is_markdown,
        show_header=bool(headings),
        header_style="none",
        padding=(0, 1),
    )
    row_list = list(rows)
    for number, heading in enumerate(headings or row_list[0]):
        text = _text(heading, "bold") if headings else ""
        table.add_column(text, justify="right" if number in right else "left", no_wrap=True)
    for row in row_list:
        styles = (_STATE_STYLES.get(cell.strip()) if number == states else None for number, cell in enumerate(row))
        table.add_row(*map(_text, row, styles))
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def _text(cell: str, style: str | None) -> Text:
    """Return the cell with its letters in the style, and the space beside them plain."""
    text = Text(cell)
    if style is not None:
        text.stylize(style)
    return text
