"""A small disk for the database, and filling it: a tmpfs of its own, which only root may mount."""

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
    """Return whether this user may mount a tmpfs."""
    return os.geteuid() == 0


@contextlib.contextmanager
def small(folder: Path, size: str = SIZE) -> Iterator[None]:
    """Put `folder`, made if it doesn't exist, on a disk of its own for as long as the block runs."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        # Unmount lazily: a killed server may still be ending.
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let nobody write on the small disk of this folder while the block runs. No file there may be open for writing."""
    _remount(folder, "ro")
    try:
        yield
    finally:
        _remount(folder, "rw")


def _remount(folder: Path, mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode}", str(folder)], check=True)


@contextlib.contextmanager
def filled(server: Child) -> Iterator[None]:
    """Fill the server's disk to the last byte while the block runs. Raises `BenchFailed` if it is not a small one."""
    assert isinstance(server, Postgres)
    with full(server.data):
        yield


@contextlib.contextmanager
def full(folder: Path) -> Iterator[None]:
    """Fill the disk of this folder to the last byte while the block runs.

    Raises `BenchFailed` if it is not a small one.
    """
    usage = os.statvfs(folder)
    if usage.f_blocks * usage.f_frsize > 1 << 30:
        raise BenchFailed(f"{folder} is not on a small disk")
    filler = folder / _FILLER
    with open(filler, "wb", buffering=0) as file:
        chunk_bytes = 1 << 20
        while chunk_bytes >= 1:
            try:
                file.write(b"\0" * chunk_bytes)
            except OSError:
                chunk_bytes //= 2
    try:
        yield
    finally:
        filler.unlink()
