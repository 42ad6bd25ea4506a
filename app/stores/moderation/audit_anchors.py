"""Heads of the audit log in a file: whoever owns the database can rewrite the log, and can't reach this."""

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
    """What a file holds since the last break that an operator accepted.

    `heads` maps ids to every hash that was written down for them; `unreadable` counts lines that no process wrote so;
    `accepted` is the line of that break, empty before the first.
    """

    heads: dict[int, set[str]] = field(default_factory=dict)
    unreadable: int = 0
    accepted: str = ""

    @property
    def newest(self) -> Head | None:
        """The head with the highest id."""
        if not self.heads:
            return None
        number = max(self.heads)
        return Head(number, min(self.heads[number]))


class AnchorFile:
    """Lines are only ever added, each forced to the disk; several processes may add at once.

    The file is opened by its name each time, so it may be moved away: the next head begins another one.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def read(self) -> Anchored:
        """Read it all; nothing for a file that is not there. Raises OSError."""
        anchored = Anchored()
        if not self._is_there():
            return anchored
        with self.path.open("rb") as file:
            for line in file:
                _take(anchored, line.decode("ascii", "replace").rstrip("\n"))
        return anchored

    def add(self, head: Head, *, accepted: bool = False) -> None:
        """Write a head down unless it is the last line already. Raises OSError, and then leaves no half line behind."""
        word = "accepted" if accepted else "head"
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._locked(lambda descriptor: _append(descriptor, f"{word} {head.id}:{head.hash}", now))

    def _is_there(self) -> bool:
        """Raises OSError for what is no file, such as a device that never ends."""
        try:
            mode = self.path.stat().st_mode
        except FileNotFoundError:
            return False
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "not a regular file", str(self.path))
        return True

    def _locked(self, act: Callable[[int], None]) -> None:
        self._is_there()
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            act(descriptor)
        finally:
            os.close(descriptor)


def _take(anchored: Anchored, line: str) -> None:
    match = _LINE.fullmatch(line)
    if match is None:
        anchored.unreadable += 1
        return
    _, word, number, digest = match.groups()
    if word == "accepted":
        anchored.heads, anchored.unreadable, anchored.accepted = {}, 0, line
    anchored.heads.setdefault(int(number), set()).add(digest)


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
