"""Facts about processes from Linux's /proc: descendants, holders of files, working folders, ended processes."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A pid with its start time in clock ticks since boot: together they never name a later process."""

    pid: int
    started: int

    def is_alive(self) -> bool:
        """Return false once it has ended, even while it is a zombie."""
        facts = _read(self.pid)
        return facts is not None and facts[1] == self.started and facts[2] not in "ZX"

    def is_running(self) -> bool:
        """Return whether any of its threads is neither stopped nor at its end."""
        return self.is_alive() and any(state not in "TtZX" for state in _threads(self.pid))

    def age(self) -> float:
        """Return the seconds since it started."""
        since_boot = float(Path("/proc/uptime").read_text().split()[0])
        return max(0.0, since_boot - self.started / os.sysconf("SC_CLK_TCK"))

    def signal(self, number: int) -> None:
        """Send a signal if it still lives."""
        if self.is_alive():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return


def _read(pid: int) -> tuple[int, int, str] | None:
    """Return the parent pid, the start time and the state letter, or `None` if the process is gone."""
    try:
        # The name in parentheses may hold anything, so count the fields from its end.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(fields[1]), int(fields[19]), fields[0]


def _threads(pid: int) -> list[str]:
    """Return the state letter of each thread."""
    states = []
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            states.append(stat.read_text().rpartition(")")[2].split()[0])
    return states


def _read_all() -> dict[int, tuple[int, int, str]]:
    facts_by_pid = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (facts := _read(int(name))) is not None:
            facts_by_pid[int(name)] = facts
    return facts_by_pid


def tree(pid: int) -> list[Process]:
    """Return the process and all its living descendants, parents first; empty when it is gone."""
    facts_by_pid = _read_all()
    pids = [pid] if pid in facts_by_pid else []
    for parent in pids:
        pids.extend(child for child, facts in facts_by_pid.items() if facts[0] == parent)
    return [Process(member, facts_by_pid[member][1]) for member in pids if facts_by_pid[member][2] not in "ZX"]


def holders(path: Path) -> list[Process]:
    """Return every process but this one that has the file open, as far as permissions show them."""
    processes = []
    for pid, facts in _read_all().items():
        if pid != os.getpid() and _holds(pid, path):
            processes.append(Process(pid, facts[1]))
    return processes


def working_in(folder: Path) -> list[Process]:
    """Return every living process with this working directory, as far as permissions show them."""
    path = folder.resolve()
    processes = [Process(pid, facts[1]) for pid, facts in _read_all().items() if working_folder(pid) == path]
    return [process for process in processes if process.is_alive()]


def working_folder(pid: int) -> Path | None:
    """Return the working directory of a process; `None` if it is gone, dead, or another user's."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return None


def _holds(pid: int, path: Path) -> bool:
    target = str(path.resolve())
    try:
        links = [os.readlink(entry.path) for entry in os.scandir(f"/proc/{pid}/fd")]
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False
    return target in links


def end(victims: Iterable[Process], *, patience: float = 10.0) -> list[Process]:
    """Kill -9 the victims and wait; return those that still live after `patience` seconds (stuck in the kernel)."""
    survivors = list(victims)
    deadline = time.monotonic() + patience
    while (survivors := [process for process in survivors if process.is_alive()]) and time.monotonic() < deadline:
        for process in survivors:
            process.signal(signal.SIGKILL)
        time.sleep(0.01)
    return survivors
