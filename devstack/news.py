"""What the logs say that a person should see."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

# Ours and the libraries' levels, in both looks of app/logs.py, and PostgreSQL's own words. A conflict that PostgreSQL
# reports as ERROR is how the ledger says no, so that is no news.
_NEWS = re.compile(
    rb"\[(?:\x1b\[\d+m)*(?:warning|error|critical)\b"
    rb'|"level": ?"(?:warning|error|critical)"'
    rb"|\b(?:FATAL|PANIC): |^Traceback|^\[error\]|\bCRITICAL\b"
)
# What the demo tells by itself.
_TOLD = re.compile(rb"\b(?:suspicious|forged_token)\b")
_MOST = 5
_MOST_BYTES = 200_000


class News:
    """Follows every log in a folder from where it ends now; `demo`: without what the demo tells by itself."""

    def __init__(self, folder: Path, *, demo: bool = False) -> None:
        self._folder, self._demo = folder, demo
        self._read = {log: log.stat().st_size for log in folder.glob("*.log")}

    def lines(self) -> Iterator[str]:
        """The lines written since the last call that matter: at most a few for each log."""
        for log in sorted(self._folder.glob("*.log")):
            found = [line for line in self._new(log) if self._matters(line)]
            for line in found[:_MOST]:
                yield f"{log.stem}: {line.decode(errors='replace').strip()[:400]}"
            if len(found) > _MOST:
                yield f"{log.stem}: and {len(found) - _MOST} more lines like these in {log}"

    def _matters(self, line: bytes) -> bool:
        return bool(_NEWS.search(line)) and not (self._demo and _TOLD.search(line))

    def _new(self, log: Path) -> list[bytes]:
        start = self._read.get(log, 0)
        size = log.stat().st_size
        if size < start:
            start = 0  # another file by that name
        start = max(start, size - _MOST_BYTES)
        with log.open("rb") as file:
            file.seek(start)
            data = file.read(size - start)
        whole, newline, _ = data.rpartition(b"\n")
        self._read[log] = start + len(whole) + len(newline)
        return whole.splitlines()
