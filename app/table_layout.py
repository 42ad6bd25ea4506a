"""Tables in the width of a terminal: columns side by side where they fit, else a block of lines for each row."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from rich.cells import cell_len, chop_cells
from rich.style import Style

Row = Sequence[str]

_GAP = "  "
_LEAST = 20  # columns for text that has to wrap, and for a word whose letters may be parted
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SHORT_ID = 8  # characters, as many as the commands need to find it again


@dataclass(frozen=True, slots=True)
class Styles:
    """The styles of a table: of headings, and by text of the cells in the column `states`. None: of nothing."""

    headings: str | None = None
    states: int | None = None
    by_state: dict[str, str] = field(default_factory=dict)

    def of(self, column: int, text: str) -> str | None:
        """Return the style of a cell, None for none."""
        return self.by_state.get(text.strip()) if column == self.states else None


PLAIN = Styles()


def lay_out(
    rows: Sequence[Row],
    headings: Row = (),
    *,
    width: int | None = None,
    right: Collection[int] = (),
    styles: Styles = PLAIN,
) -> str:
    """Return the table; columns in `right` are aligned to the right. With `width` no line is wider, if words allow it.

    If the whole table is too wide, ids are cut to a beginning that is unique in it, and texts wrap at spaces. If that
    is not enough, or there are no headings, whole ids are printed: each row becomes a block, or its last cell wraps.
    Words are never cut; those of scripts without spaces wrap between letters.
    """
    grid = _Grid(rows, headings, right, styles)
    if width is None or _total(grid.natural_widths()) <= width:
        return grid.text(grid.natural_widths())
    if not headings:
        return grid.text(_last_fitted(grid.natural_widths(), width))
    short_grid = _Grid(_with_short_ids(rows), headings, right, styles)
    widths = short_grid.fitted_widths(width)
    if widths:
        return short_grid.text(widths)
    return _blocks(rows, headings, width, styles)


class _Grid:
    def __init__(self, rows: Sequence[Row], headings: Row, right: Collection[int], styles: Styles) -> None:
        self._rows, self._headings, self._right, self._styles = rows, headings, right, styles
        all_rows = [headings, *rows] if headings else list(rows)
        self._columns = [list(column) for column in zip_longest(*all_rows, fillvalue="")]

    def natural_widths(self) -> list[int]:
        return [max(map(cell_len, column)) for column in self._columns]

    def fitted_widths(self, width: int) -> list[int] | None:
        """Return widths that fit, or None where even the longest words of all columns do not."""
        widths = self.natural_widths()
        least = [max(_longest_word(text) for text in column) for column in self._columns]
        if _total(least) > width:
            return None
        while _total(widths) > width:
            widest = max((at for at in range(len(widths)) if widths[at] > least[at]), key=widths.__getitem__)
            widths[widest] -= 1
        return widths

    def text(self, widths: Sequence[int]) -> str:
        lines = list(self._lines(self._headings, widths, is_heading=True)) if self._headings else []
        for row in self._rows:
            lines += self._lines(row, widths)
        return "\n".join(lines)

    def _lines(self, row: Row, widths: Sequence[int], *, is_heading: bool = False) -> Iterator[str]:
        """Yield the lines of one row; a heading of fewer lines than others stands at the bottom."""
        parts = [_wrap(text, size) for text, size in zip(row, widths, strict=False)]
        height = max(map(len, parts))
        if is_heading:
            parts = [[""] * (height - len(part)) + part for part in parts]
        for pieces in zip_longest(*parts, fillvalue=""):
            cells = [self._cell(at, piece, widths[at], is_heading) for at, piece in enumerate(pieces)]
            yield _GAP.join(cells).rstrip()

    def _cell(self, column: int, text: str, width: int, is_heading: bool) -> str:
        style = self._styles.headings if is_heading else self._styles.of(column, text)
        space = " " * (width - cell_len(text))
        styled = _styled(text, style)
        return space + styled if column in self._right else styled + space


def _styled(text: str, style: str | None) -> str:
    """Return the text with its letters in the style, and the space beside them plain."""
    letters = text.strip()
    if style is None or not letters:
        return text
    return text.replace(letters, Style.parse(style).render(letters), 1)


def _blocks(rows: Sequence[Row], headings: Row, width: int, styles: Styles) -> str:
    """Return each row as lines of a name and a value, with an empty line between two rows."""
    names = [heading.lower() for heading in headings]
    name_styles = Styles(states=0, by_state=dict.fromkeys(names, styles.headings)) if styles.headings else PLAIN
    size = max(map(cell_len, names))
    blocks = []
    for row in rows:
        grid = _Grid(list(zip(names, row, strict=True)), (), (), name_styles)
        blocks.append(grid.text(_last_fitted([size, max(map(cell_len, row))], width)))
    return "\n\n".join(blocks)


def _last_fitted(widths: Sequence[int], width: int) -> list[int]:
    """Return the widths with the last one as wide as there is room."""
    room = width - _total([*widths[:-1], 0])
    return [*widths[:-1], min(widths[-1], max(_LEAST, room))]


def _with_short_ids(rows: Sequence[Row]) -> list[list[str]]:
    columns = [list(column) for column in zip(*rows, strict=True)]
    return [list(row) for row in zip(*map(_short_ids, columns), strict=True)]


def _short_ids(column: list[str]) -> list[str]:
    """Return the column with each id cut to a beginning that no other id in it has; other columns stay."""
    ids = {text for text in column if _ID.fullmatch(text)}
    if not ids:
        return column
    size = next(size for size in range(_SHORT_ID, 37) if len({text[:size] for text in ids}) == len(ids))
    return [text[:size] if text in ids else text for text in column]


def _wrap(text: str, width: int) -> list[str]:
    if cell_len(text) <= width:
        return [text]
    lines = [""]
    for word in text.split(" "):
        for piece in _pieces(word, width):
            joined = f"{lines[-1]} {piece}" if lines[-1] else piece
            if cell_len(joined) <= width or not lines[-1]:
                lines[-1] = joined
            else:
                lines.append(piece)
    return lines


def _pieces(word: str, width: int) -> list[str]:
    return [word] if word.isascii() or cell_len(word) <= width else chop_cells(word, width)


def _longest_word(text: str) -> int:
    return max(cell_len(word) if word.isascii() else min(_LEAST, cell_len(word)) for word in text.split(" "))


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)
