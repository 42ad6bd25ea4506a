"""Files for their owner alone; an error always names the file, also when the disk is full."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Add the path to an OSError that has none: a failed write, unlike a failed open, doesn't know its file."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_private(path: Path, text: str) -> None:
    """Write a file anew, also if it existed with a wider mode; an error keeps the old file."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with naming(path), open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def append_private(path: Path, text: str) -> None:
    """Append text to a file."""
    with naming(path), open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w") as file:
        file.write(text)
