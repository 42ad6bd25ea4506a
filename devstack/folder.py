"""The folder of a stack: it allows one stack at a time, and holds its logs and secrets."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shlex
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from devstack import processes
from devstack.child import CannotStart
from devstack.private_files import naming, write_private

_NEEDED_BYTES = 200_000_000


class Folder:
    """A folder that one stack owns while it runs.

    `run.lock` is held by the process that runs the stack. `parts.lock` is also held by every process of the stack, so
    that it is free only when the last of them is gone.
    """

    def __init__(self, path: Path, lock: int | None = None, *, patience: float = 10.0) -> None:
        """Take over `lock`, which holds `run.lock` already, if any; wait `patience` seconds for a last run to end."""
        self.path = path.absolute()
        self._locks = [] if lock is None else [lock]
        self._patience = patience

    def take(self, progress: Callable[[str], None]) -> None:
        """Take the folder and end the processes that a killed stack left.

        Raises `CannotStart` if it is in use or unusable.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.path.joinpath("log").mkdir(mode=0o700, exist_ok=True)
            free = shutil.disk_usage(self.path).free
        except OSError as error:
            raise CannotStart(f"cannot write to {self.path} ({error.strerror}): use a folder of your own") from error
        if free < _NEEDED_BYTES:
            raise CannotStart(f"{free // 1_000_000} MB are free at {self.path}: make room for at least 200 MB")
        if not self._locks and not self._lock("run.lock"):
            raise CannotStart(f"Fairboard already runs in {self.path} (process {self._owner()}): stop that one first")
        with naming(self.path / "run.lock"):
            (self.path / "run.lock").write_text(f"{os.getpid()}\n")
        self._take_parts(progress)

    def release(self) -> None:
        """Release the folder's locks."""
        while self._locks:
            os.close(self._locks.pop())

    @property
    def inherited_descriptors(self) -> tuple[int, ...]:
        """Return the descriptor that every process of the stack inherits."""
        return (self._locks[-1],)

    def log(self, name: str) -> Path:
        return self.path / "log" / f"{name}.log"

    def secret(self, name: str) -> str:
        """Return a random secret of 64 hexadecimal digits, the same at every start."""
        file = self.path / "secrets.json"
        values: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
        if name not in values:
            values[name] = secrets.token_hex(32)
            write_private(file, json.dumps(values, indent=2) + "\n")
        return values[name]

    def write_environment(self, values: Mapping[str, str]) -> None:
        """Write `env`, a file for a shell to source, so that the flask commands find the running parts."""
        lines = (f"{name}={shlex.quote(value)}\n" for name, value in sorted(values.items()))
        write_private(self.path / "env", "".join(lines))

    def _take_parts(self, progress: Callable[[str], None]) -> None:
        for attempt in range(max(1, round(self._patience * 10))):
            if self._lock("parts.lock"):
                return
            if attempt == 0:
                progress("Waiting for the processes of the last run to end")
            time.sleep(0.1)
        survivors = processes.end(processes.holders(self.path / "parts.lock"))
        if not self._lock("parts.lock"):
            pids = ", ".join(str(process.pid) for process in survivors) or "unknown"
            self.release()
            raise CannotStart(f"processes of the last run do not end (pid {pids}): end them, or restart the machine")

    def _lock(self, name: str) -> bool:
        try:
            descriptor = os.open(self.path / name, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise CannotStart(
                f"cannot write to {self.path / name} ({error.strerror}): it belongs to another user"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._locks.append(descriptor)
        return True

    def _owner(self) -> str:
        with contextlib.suppress(OSError):
            return (self.path / "run.lock").read_text().strip() or "unknown"
        return "unknown"
