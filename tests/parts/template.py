"""A PostgreSQL on which all migrations have run: made once in a run of the tests, and copied for each product."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from devstack.stack import Stack
from tests.parts import memory

_VARIABLE = "FAIRBOARD_TESTS_TEMPLATE"
_NEEDED_BYTES = 500_000_000


def prepare() -> bool:
    """Choose the folder of the template, which all processes of a run share. Return whether we have to remove it."""
    if _VARIABLE in os.environ:
        return False
    os.environ[_VARIABLE] = tempfile.mkdtemp(prefix="fairboard-template-", dir=memory.place(_NEEDED_BYTES))
    return True


def remove() -> None:
    shutil.rmtree(os.environ.pop(_VARIABLE), ignore_errors=True)


def copy_postgres(target: Path) -> None:
    """Make `target` the data folder of a PostgreSQL whose database is up to date, as `devstack.postgres` expects it."""
    folder = Path(os.environ[_VARIABLE])
    migrated = folder / "migrated"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not migrated.exists():
            with Stack(folder / "stack", parts=()):
                pass
            (folder / "stack" / "postgres").rename(migrated)
    target.mkdir(mode=0o700, parents=True)
    subprocess.run(["cp", "-a", migrated / "data", target], check=True)
