"""The CPU time and memory that processes have used, by the operating system's accounts (Linux's /proc)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from devstack.processes import tree
from devstack.stack import Stack

_TICK = os.sysconf("SC_CLK_TCK")
_NANO = 1e9

Accounts = dict[str, float]
"""CPU seconds (user and system) by kind of process."""


def _stat(pid: int) -> list[str] | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _stat_seconds(stat: list[str]) -> float:
    """Return the CPU seconds of a process and of its children that have ended and been waited for."""
    return sum(int(field) for field in stat[11:15]) / _TICK


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process and its descendants: living, ended, and ended but not waited for yet."""
    stats = {int(name): stat for name in os.listdir("/proc") if name.isdigit() and (stat := _stat(int(name)))}
    family = [pid] if pid in stats else []
    for parent in family:
        family.extend(child for child, stat in stats.items() if int(stat[1]) == parent)
    return sum(_stat_seconds(stats[member]) for member in family)


def fine_cpu_of(pid: int) -> float:
    """Return the same for processes that neither fork nor end meanwhile, to the nanosecond instead of the tick.

    Falls back to ticks on a kernel without scheduler statistics.
    """
    return sum(_threads_seconds(process.pid) for process in tree(pid))


def _threads_seconds(pid: int) -> float:
    try:
        files = list(Path(f"/proc/{pid}/task").glob("*/schedstat"))
        if files:
            return sum(int(file.read_text().split()[0]) for file in files) / _NANO
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    stat = _stat(pid)
    return _stat_seconds(stat) if stat else 0.0


def cpu(stack: Stack) -> Accounts:
    """Return the CPU seconds so far of each part of the product and each of its servers."""
    return {name: cpu_of(child.pid) for name, child in stack.processes.items()}


def spent(before: Mapping[str, float], after: Mapping[str, float]) -> Accounts:
    """Return the CPU seconds used between two accounts."""
    return {name: after[name] - before[name] for name in after}


def resident(pids: Iterable[int]) -> int:
    """Return the resident memory in bytes, summed; pages that processes share count once for each."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1]) * 1024
    return total
