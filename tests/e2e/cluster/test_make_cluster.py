"""`make cluster` in a folder of its own, and the commands for it in another terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devstack import processes
from devstack.child import ROOT
from devstack.postgres import Postgres
from devstack.replica import Replica
from tests.parts.cluster import missing
from tests.parts.making import MakeRun, copy_project, plain_environment
from tests.parts.waiting import eventually

PARTS = 23


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    if absent := missing():
        pytest.skip(f"{absent} is not installed")
    return copy_project(tmp_path)


def terminal(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in another terminal."""
    return subprocess.run(
        command, cwd=folder, env=plain_environment(), capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


def status(folder: Path) -> Any:
    result = terminal(folder, ".venv/bin/python", "-m", "devstack.status", "--json")
    return json.loads(result.stdout)


def shared_memory() -> set[str]:
    """Return the ids of all shared memory segments of this machine."""
    segments = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return {line.split()[1] for line in segments}


def segment(pid_file: Path) -> str:
    """Return the id of the segment of one PostgreSQL."""
    return pid_file.read_text().splitlines()[6].split()[1]


def test_it_prints_a_map_tells_how_it_is_mends_itself_and_leaves_nothing(folder: Path) -> None:
    nothing = terminal(folder, "make", "cluster-status")
    assert nothing.returncode != 0
    assert "no cluster runs" in nothing.stdout
    run = MakeRun(folder, {}, target="cluster")
    try:
        run.started(within=120)
        map_lines = [line.split() for line in run.output().splitlines() if line.startswith("  ")]
        named = {words[0] for words in map_lines}
        assert {"postgres", "replica-2", "redis-6", "rabbitmq", "nginx", "api-3", "ws-2", "beat", "relay"} <= named
        eventually(lambda: terminal(folder, "make", "cluster-status").returncode == 0)
        parts = {part["name"]: part for part in status(folder)["parts"]}
        assert len(parts) == PARTS

        os.kill(parts["relay"]["pid"], signal.SIGKILL)
        eventually(lambda: "relay has ended (killed by SIGKILL)" in run.output())
        eventually(lambda: any("workers.relay" in member.facts.cmdline() for member in run.family()))
        eventually(lambda: {p["name"]: p["pid"] for p in status(folder)["parts"]}["relay"] != parts["relay"]["pid"])
        server = processes.tree(parts["ws-1"]["pid"])
        for process in server:
            process.signal(signal.SIGSTOP)
        stalled = status(folder)
        for process in server:
            process.signal(signal.SIGCONT)
        assert not stalled["well"]
        assert "ws-1" in {part["name"] for part in stalled["parts"] if not part["well"]}

        family = run.family()
        stopped = terminal(folder, "make", "cluster-stop")
        assert stopped.returncode == 0, stopped.stdout + stopped.stderr
        assert run.process.wait(30) == 0
        assert [member for member in family if member.is_alive()] == []
        assert processes.holders(folder / "var" / "cluster" / "parts.lock") == []
        assert [path for path in (folder / "var").rglob("*") if path.is_socket()] == []
        assert "No cluster runs" in terminal(folder, "make", "cluster-stop").stdout
    finally:
        run.kill()


def test_what_a_kill_of_everything_leaves_behind_is_cleared_away_by_cluster_stop(tmp_path: Path) -> None:
    primary = Postgres(tmp_path / "postgres", tmp_path / "log" / "postgres.log")
    replica = Replica(tmp_path / "replica-1", tmp_path / "log" / "replica-1.log", primary=primary)
    tmp_path.joinpath("run.lock").touch()
    servers: list[Postgres] = [primary, replica]
    try:
        for server in servers:
            server.start()
        segments = {segment(server.cluster / "postmaster.pid") for server in servers}
        assert segments <= shared_memory()
    finally:
        for server in reversed(servers):
            server.kill()
    assert segments <= shared_memory()
    stopped = terminal(ROOT, sys.executable, "-m", "devstack.halt", "--folder", str(tmp_path))
    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
    assert segments & shared_memory() == set()
    assert [path for path in tmp_path.rglob("*") if path.is_socket()] == []
