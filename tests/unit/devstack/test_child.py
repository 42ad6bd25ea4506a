"""devstack/child.py: processes of ours that leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack import processes
from devstack.child import ROOT, CannotStart, Child, free_port, is_free
from tests.parts.waiting import eventually


class Shell(Child):
    """A shell script as a child."""

    name = "script"
    start_seconds = 5.0

    def __init__(self, log: Path, script: str) -> None:
        super().__init__(log)
        self.script = script

    def command(self) -> list[str]:
        return ["sh", "-c", self.script]


class Announcing(Shell):
    """A child that is ready once its log says so."""

    def answers(self) -> bool:
        return self.log.exists() and "ready" in self.log.read_text()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log" / "script.log"


@pytest.fixture
def family(log: Path) -> Iterator[Shell]:
    """Yield a process with a child in a session of its own, as PostgreSQL's are."""
    child = Announcing(log, "setsid sleep 60 & echo ready; wait")
    child.start()
    yield child
    child.kill()


def test_a_child_is_used_only_once_it_answers(log: Path) -> None:
    child = Announcing(log, "sleep 0.2; echo ready; sleep 60")
    child.start()
    assert "ready" in log.read_text()
    child.kill()


def test_a_start_that_fails_says_the_last_words_and_where_the_rest_is(log: Path) -> None:
    child = Announcing(log, "echo first; echo no such luck >&2; exit 3")
    with pytest.raises(CannotStart, match=r"script ended at its start \(no such luck\); all of it is in .*script\.log"):
        child.start()
    assert child.exit_code == 3


def test_a_kill_reaches_descendants_in_other_sessions(family: Shell) -> None:
    members = processes.tree(family.pid)
    assert len(members) == 2
    family.kill()
    assert not any(member.is_alive() for member in members)


def test_a_stop_ends_what_the_process_leaves_behind(family: Shell) -> None:
    members = processes.tree(family.pid)
    family.stop()
    assert not any(member.is_alive() for member in members)


def test_a_stop_ends_a_process_that_does_not_listen(log: Path) -> None:
    child = Announcing(log, "trap '' TERM; echo ready; while :; do sleep 0.1; done")
    child.stop_seconds = 0.3
    child.start()
    victim = processes.tree(child.pid)[0]
    child.stop()
    assert not victim.is_alive()


def test_a_paused_child_can_be_stopped(family: Shell) -> None:
    family.pause()
    family.stop()
    assert not family.is_running


def test_a_restarted_child_is_another_process(log: Path) -> None:
    child = Announcing(log, "echo ready; sleep 60")
    child.start()
    before = child.pid
    child.restart()
    assert child.pid != before
    child.kill()


def test_children_die_with_the_process_that_started_them_even_if_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tests.unit.devstack.test_child import Announcing\n"
        "child = Announcing(Path(sys.argv[1]), 'echo ready; exec sleep 60'); child.start()\n"
        "print(child.pid, flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "x.log")],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout
        child = processes.tree(int(parent.stdout.readline()))[0]
        parent.send_signal(signal.SIGKILL)
        eventually(lambda: not child.is_alive())


def test_a_free_port_lies_outside_the_range_of_outgoing_connections() -> None:
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    port = free_port()
    assert port < low
    assert is_free("127.0.0.1", port)


def test_logs_are_for_their_owner_only(family: Shell) -> None:
    assert os.stat(family.log).st_mode & 0o077 == 0
