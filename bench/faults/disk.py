"""A small disk for the database, and filling it: a tmpfs of its own, which takes root."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bench.load import BenchFailed
from devstack.child import Child
from devstack.postgres import Postgres

SIZE = "512m"
_FILLER = "filler"


def may_mount() -> bool:
    """Whether this user may mount a tmpfs."""
    return os.geteuid() == 0


@contextlib.contextmanager
def small(folder: Path, size: str = SIZE) -> Iterator[None]:
    """`folder`, made if it isn't there, on a disk of its own for as long as the block runs."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        # Lazily: a killed server may still be on its way out.
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextlib.contextmanager
def filled(server: Child) -> Iterator[None]:
    """No byte left on the server's disk while the block runs; BenchFailed if its disk is not a small one."""
    assert isinstance(server, Postgres)
    with full(server.data):
        yield


@contextlib.contextmanager
def full(folder: Path) -> Iterator[None]:
    """No byte left on the disk of this folder while the block runs; BenchFailed if it is not a small one."""
    place = os.statvfs(folder)
    if place.f_blocks * place.f_frsize > 1 << 30:
        raise BenchFailed(f"{folder} is not on a small disk")
    filler = folder / _FILLER
    with open(filler, "wb", buffering=0) as file:
        left = 1 << 20
        while left >= 1:
            try:
                file.write(b"\0" * left)
            except OSError:
                left //= 2
    try:
        yield
    finally:
        filler.unlink()
