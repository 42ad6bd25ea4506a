"""Facts about processes: descendants, holders of files, working folders, ended processes."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

_ENDED = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
_STILL = (*_ENDED, psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)


@dataclass(frozen=True)
class Process:
    """One process, which no later process with its number is taken for."""

    facts: psutil.Process

    @property
    def pid(self) -> int:
        """Return its number."""
        return self.facts.pid

    def is_alive(self) -> bool:
        """Return false once it has ended, even while it is a zombie."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return self.facts.is_running() and self.facts.status() not in _ENDED
        return False

    def is_running(self) -> bool:
        """Return whether any of its threads is neither stopped nor at its end."""
        return self.is_alive() and any(state not in _STILL for state in self._thread_states())

    def age(self) -> float:
        """Return the seconds since it started. Raises psutil.NoSuchProcess if it is gone."""
        return max(0.0, time.time() - self.facts.create_time())

    def signal(self, number: int) -> None:
        """Send a signal if it still lives."""
        if self.is_alive():
            with contextlib.suppress(psutil.NoSuchProcess):
                self.facts.send_signal(number)

    def _thread_states(self) -> list[str]:
        states: list[str] = []
        with contextlib.suppress(psutil.NoSuchProcess):
            for thread in self.facts.threads():
                with contextlib.suppress(psutil.NoSuchProcess):
                    states.append(psutil.Process(thread.id).status())
        return states


def tree(pid: int) -> list[Process]:
    """Return the process and all its living descendants, parents first; empty when it is gone."""
    try:
        root = psutil.Process(pid)
        members = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
    return [process for process in map(Process, members) if process.is_alive()]


def holders(path: Path) -> list[Process]:
    """Return every process but this one that has the file open, as far as permissions show them."""
    target = str(path.resolve())
    return [Process(facts) for facts in psutil.process_iter() if facts.pid != os.getpid() and _holds(facts, target)]


def working_in(folder: Path) -> list[Process]:
    """Return every living process with this working directory, as far as permissions show them."""
    path = folder.resolve()
    processes = [Process(facts) for facts in psutil.process_iter() if working_folder(facts.pid) == path]
    return [process for process in processes if process.is_alive()]


def working_folder(pid: int) -> Path | None:
    """Return the working directory of a process; `None` if it is gone, dead, or another user's."""
    with contextlib.suppress(psutil.Error):
        return Path(psutil.Process(pid).cwd())
    return None


def _holds(facts: psutil.Process, path: str) -> bool:
    with contextlib.suppress(psutil.Error):
        return any(file.path == path for file in facts.open_files())
    return False


def end(victims: Iterable[Process], *, patience: float = 10.0) -> list[Process]:
    """Kill -9 the victims and wait; return those that still live after `patience` seconds (stuck in the kernel)."""
    survivors = list(victims)
    deadline = time.monotonic() + patience
    while (survivors := [process for process in survivors if process.is_alive()]) and time.monotonic() < deadline:
        for process in survivors:
            process.signal(signal.SIGKILL)
        time.sleep(0.01)
    return survivors
