"""devstack/processes.py: what it says of processes that run, are stopped, have ended, or work in a folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack import processes
from tests.parts.waiting import eventually


@pytest.fixture
def child(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Yield a process with two threads that works in `tmp_path`."""
    program = "import threading; threading.Thread(target=threading.Event().wait).start(); print(1, flush=True)"
    with subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_a_process_that_has_ended_is_not_alive_even_before_it_is_waited_for(child: subprocess.Popen[bytes]) -> None:
    process = processes.tree(child.pid)[0]
    assert process.is_alive()
    os.kill(child.pid, signal.SIGKILL)
    eventually(lambda: not process.is_alive())
    assert processes.tree(child.pid) == []
    process.signal(signal.SIGKILL)
    child.wait()
    assert not process.is_alive()
    assert processes.tree(child.pid) == []


def test_a_process_runs_until_all_its_threads_are_stopped(child: subprocess.Popen[bytes]) -> None:
    process = processes.tree(child.pid)[0]
    assert process.is_running()
    process.signal(signal.SIGSTOP)
    eventually(lambda: not process.is_running())
    assert process.is_alive()
    process.signal(signal.SIGCONT)
    eventually(process.is_running)


def test_a_process_is_found_by_the_folder_that_it_works_in(child: subprocess.Popen[bytes], tmp_path: Path) -> None:
    assert processes.working_folder(child.pid) == tmp_path.resolve()
    assert [process.pid for process in processes.working_in(tmp_path)] == [child.pid]
    child.kill()
    child.wait()
    assert processes.working_in(tmp_path) == []
    assert processes.working_folder(child.pid) is None
