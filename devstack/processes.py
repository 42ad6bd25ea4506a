"""What the system says about processes: who descends from whom, who holds a file, who is gone (Linux's /proc)."""

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

    def alive(self) -> bool:
        """False once it has ended, even if nobody has collected it yet."""
        now = _read(self.pid)
        return now is not None and now[1] == self.started and now[2] not in "ZX"

    def running(self) -> bool:
        """Whether any of its threads is neither stopped nor at its end."""
        return self.alive() and any(state not in "TtZX" for state in _threads(self.pid))

    def age(self) -> float:
        """Seconds since it started."""
        since_boot = float(Path("/proc/uptime").read_text().split()[0])
        return max(0.0, since_boot - self.started / os.sysconf("SC_CLK_TCK"))

    def signal(self, number: int) -> None:
        """Send a signal if it still lives."""
        if self.alive():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return


def _read(pid: int) -> tuple[int, int, str] | None:
    """Parent pid, start time, state letter."""
    try:
        # The name in parentheses may hold anything, so the fields are counted from its end.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(fields[1]), int(fields[19]), fields[0]


def _threads(pid: int) -> list[str]:
    """The state letter of each thread."""
    found = []
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found.append(stat.read_text().rpartition(")")[2].split()[0])
    return found


def _all() -> dict[int, tuple[int, int, str]]:
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (facts := _read(int(name))) is not None:
            found[int(name)] = facts
    return found


def tree(pid: int) -> list[Process]:
    """The process and all its living descendants, parents first; empty when it is gone."""
    everyone = _all()
    found = [pid] if pid in everyone else []
    for parent in found:
        found.extend(child for child, facts in everyone.items() if facts[0] == parent)
    return [Process(each, everyone[each][1]) for each in found if everyone[each][2] not in "ZX"]


def holders(path: Path) -> list[Process]:
    """Every process but this one that has the file open, as far as we may look."""
    found = []
    for pid, facts in _all().items():
        if pid != os.getpid() and _holds(pid, path):
            found.append(Process(pid, facts[1]))
    return found


def working_in(folder: Path) -> list[Process]:
    """Every living process whose working directory it is, as far as we may look."""
    wanted = folder.resolve()
    found = [Process(pid, facts[1]) for pid, facts in _all().items() if working_folder(pid) == wanted]
    return [process for process in found if process.alive()]


def working_folder(pid: int) -> Path | None:
    """The working directory of a process; None if it is gone, dead, or somebody else's."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return None


def _holds(pid: int, path: Path) -> bool:
    wanted = str(path.resolve())
    try:
        links = [os.readlink(entry.path) for entry in os.scandir(f"/proc/{pid}/fd")]
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False
    return wanted in links


def end(victims: Iterable[Process], *, patience: float = 10.0) -> list[Process]:
    """Kill -9 them and wait; returns those that still live after `patience` seconds (stuck in the kernel)."""
    left = list(victims)
    deadline = time.monotonic() + patience
    while (left := [process for process in left if process.alive()]) and time.monotonic() < deadline:
        for process in left:
            process.signal(signal.SIGKILL)
        time.sleep(0.01)
    return left
