"""The terminal that a command prints on: its width, and whether it shows colours."""

from __future__ import annotations

import os
import shutil
from typing import Protocol

_COLUMNS_WITHOUT = 80
_LEAST_COLUMNS = 20


class Stream(Protocol):
    """A stream that may be a terminal."""

    def isatty(self) -> bool: ...


def columns() -> int:
    """Return COLUMNS if it is set, else the width of the terminal that is standard output, else 80; at least 20."""
    return max(_LEAST_COLUMNS, shutil.get_terminal_size((_COLUMNS_WITHOUT, 24)).columns)


def shows_colours(stream: Stream | None) -> bool:
    """Return whether the stream is a terminal with colours, and NO_COLOR (https://no-color.org) is not set or empty."""
    if stream is None or not stream.isatty() or os.environ.get("NO_COLOR"):
        return False
    return os.environ.get("TERM", "dumb") not in ("", "dumb", "unknown")
