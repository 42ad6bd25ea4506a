"""Heads of the audit log in a file: the owner of the database can rewrite the log, but can't reach the file."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from app.domain.audit import Head

_LINE = re.compile(r"(\d{4}-\d\d-\d\dT[\d:.]+Z) (head|accepted) ([1-9]\d{0,18}):([0-9a-f]{64})")
_TAIL_BYTES = 4096


@dataclass(slots=True)
class Anchored:
    """The contents of a file since the last break in the chain that an operator accepted.

    `heads` maps each id to every hash that was written for it; `unreadable` counts lines that no process wrote like
    that; `accepted` is the line of that break, empty before the first.
    """

    heads: dict[int, set[str]] = field(default_factory=dict)
    unreadable: int = 0
    accepted: str = ""

    @property
    def newest(self) -> Head | None:
        """Return the head with the highest id, or `None`."""
        if not self.heads:
            return None
        head_id = max(self.heads)
        return Head(head_id, min(self.heads[head_id]))


class AnchorFile:
    """An append-only file; each line is forced to the disk, and several processes may append at once.

    Each call opens the file by its name, so it may be moved away: the next head begins a new file.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def read(self) -> Anchored:
        """Read the whole file; a missing file is empty. Raises `OSError`."""
        anchored = Anchored()
        if not self._exists():
            return anchored
        with self.path.open("rb") as file:
            for line in file:
                _add_line(anchored, line.decode("ascii", "replace").rstrip("\n"))
        return anchored

    def add(self, head: Head, *, accepted: bool = False) -> None:
        """Append a head unless it is the last line already. Raises `OSError`, and then leaves no partial line."""
        kind = "accepted" if accepted else "head"
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._run_locked(lambda descriptor: _append(descriptor, f"{kind} {head.id}:{head.hash}", now))

    def _exists(self) -> bool:
        """Return whether the file exists. Raises `OSError` if it is not regular, such as a device that never ends."""
        try:
            mode = self.path.stat().st_mode
        except FileNotFoundError:
            return False
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "not a regular file", str(self.path))
        return True

    def _run_locked(self, write: Callable[[int], None]) -> None:
        self._exists()
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            write(descriptor)
        finally:
            os.close(descriptor)


def _add_line(anchored: Anchored, line: str) -> None:
    match = _LINE.fullmatch(line)
    if match is None:
        anchored.unreadable += 1
        return
    _, kind, head_id, digest = match.groups()
    if kind == "accepted":
        anchored.heads, anchored.unreadable, anchored.accepted = {}, 0, line
    anchored.heads.setdefault(int(head_id), set()).add(digest)


def _append(descriptor: int, text: str, now: str) -> None:
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, _TAIL_BYTES, max(0, size - _TAIL_BYTES)).decode("ascii", "replace")
    if tail.rstrip("\n").rpartition("\n")[2].endswith(f"Z {text}"):
        return
    line = f"{now} {text}\n".encode()
    if tail and not tail.endswith("\n"):
        line = b"\n" + line
    try:
        if os.write(descriptor, line) < len(line):
            raise OSError("no space for the whole line")
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise
