"""The CPU time and memory that processes have used, by the operating system's accounts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil

from devstack.group import Group
from devstack.processes import tree

_NANO = 1e9

Accounts = dict[str, float]
"""CPU seconds (user and system) by kind of process."""


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process and its descendants: living, ended, and ended but not waited for yet."""
    try:
        root = psutil.Process(pid)
        return sum(map(_cpu_seconds, [root, *root.children(recursive=True)]))
    except psutil.NoSuchProcess:
        return 0.0


def _cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU seconds of a process and of its children that have ended and been waited for."""
    with contextlib.suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return times.user + times.system + times.children_user + times.children_system
    return 0.0


def fine_cpu_of(pid: int) -> float:
    """Return the same for processes that neither fork nor end meanwhile, to the nanosecond instead of the tick.

    Falls back to ticks on a kernel without scheduler statistics.
    """
    return sum(_threads_seconds(process.facts) for process in tree(pid))


def _threads_seconds(process: psutil.Process) -> float:
    try:
        files = list(Path(f"/proc/{process.pid}/task").glob("*/schedstat"))
        if files:
            return sum(int(file.read_text().split()[0]) for file in files) / _NANO
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return _cpu_seconds(process)


def cpu(stack: Group) -> Accounts:
    """Return the CPU seconds so far of each part of the product and each of its servers."""
    return {name: cpu_of(child.pid) for name, child in stack.processes.items()}


def spent(before: Mapping[str, float], after: Mapping[str, float]) -> Accounts:
    """Return the CPU seconds used between two accounts."""
    return {name: after[name] - before[name] for name in after}


def resident(pids: Iterable[int]) -> int:
    """Return the resident memory in bytes, summed; pages that processes share count once for each."""
    return sum(psutil.Process(pid).memory_info().rss for pid in pids)
