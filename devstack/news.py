"""The lines of the logs that a person should see."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

# The levels of our own and the libraries' logs, in both formats of app/logs.py, and PostgreSQL's own words.
# PostgreSQL's ERROR is left out: the ledger refuses by conflicts, which PostgreSQL reports as ERROR.
_NEWS = re.compile(
    rb"\[(?:\x1b\[\d+m)*(?:warning|error|critical)\b"
    rb'|"level": ?"(?:warning|error|critical)"'
    rb"|\b(?:FATAL|PANIC): |^Traceback|^\[error\]|\bCRITICAL\b"
)
# The demo reports these events itself.
_DEMO_EVENTS = re.compile(rb"\b(?:suspicious|forged_token)\b")
_MAX_LINES = 5
_MAX_BYTES = 200_000


class News:
    """A follower of every log in a folder from its end now on; `demo` leaves out the events that the demo reports."""

    def __init__(self, folder: Path, *, demo: bool = False) -> None:
        self._folder, self._demo = folder, demo
        self._positions = {log: log.stat().st_size for log in folder.glob("*.log")}

    def lines(self) -> Iterator[str]:
        """Yield the lines written since the last call that matter: at most a few for each log."""
        for log in sorted(self._folder.glob("*.log")):
            matches = [line for line in self._new_lines(log) if self._matters(line)]
            for line in matches[:_MAX_LINES]:
                yield f"{log.stem}: {line.decode(errors='replace').strip()[:400]}"
            if len(matches) > _MAX_LINES:
                yield f"{log.stem}: and {len(matches) - _MAX_LINES} more lines like these in {log}"

    def _matters(self, line: bytes) -> bool:
        return bool(_NEWS.search(line)) and not (self._demo and _DEMO_EVENTS.search(line))

    def _new_lines(self, log: Path) -> list[bytes]:
        start = self._positions.get(log, 0)
        size = log.stat().st_size
        if size < start:
            start = 0  # a new file of that name
        start = max(start, size - _MAX_BYTES)
        with log.open("rb") as file:
            file.seek(start)
            data = file.read(size - start)
        complete_lines, newline, _ = data.rpartition(b"\n")
        self._positions[log] = start + len(complete_lines) + len(newline)
        return complete_lines.splitlines()
