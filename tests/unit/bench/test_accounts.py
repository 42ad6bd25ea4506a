"""bench/accounts.py: the CPU time of a family of processes, whichever of them still live."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from bench.accounts import cpu_of, fine_cpu_of, resident

_BURN = "import time; end = time.process_time() + {seconds}\nwhile time.process_time() < end: pass\n"


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[str]]:
    """Yield a process that has used little time itself, and whose ended child has used 0.3 s."""
    child = _BURN.format(seconds=0.3)
    program = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}]); print(1, flush=True); input()"
    )
    command = [sys.executable, "-I", "-S", "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_the_time_of_an_ended_child_counts_for_its_parent(parent: subprocess.Popen[str]) -> None:
    assert cpu_of(parent.pid) >= 0.3
    assert 0 < fine_cpu_of(parent.pid) < cpu_of(parent.pid)


def test_a_process_that_is_gone_has_used_no_time(parent: subprocess.Popen[str]) -> None:
    parent.kill()
    parent.wait()
    assert (cpu_of(parent.pid), fine_cpu_of(parent.pid)) == (0, 0)


def test_the_memory_of_all_processes_is_summed(parent: subprocess.Popen[str]) -> None:
    assert resident([parent.pid, parent.pid]) >= 2 * 1_000_000
