"""`make run` in a folder of its own: one command, one address, and no trace but var/."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devstack import processes
from tests.parts.making import MakeRun, copy_project
from tests.parts.waiting import eventually

ANNA = {"username": "anna", "password": "correct horse"}
NOBODY = 65534


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the project with .venv; the folder around the copy is closed to other users."""
    return copy_project(tmp_path_factory.mktemp("closed"))


def _modes(folder: Path) -> dict[Path, int]:
    return {path: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.parents)}


@pytest.fixture(scope="module")
def widened(folder: Path) -> Callable[[], dict[Path, int]]:
    """Return a function that returns the modes of the copy and its parents that differ from those before all runs."""
    before = _modes(folder)
    return lambda: {path: mode for path, mode in _modes(folder).items() if before[path] != mode}


@pytest.fixture(scope="module")
def killed(folder: Path, widened: Callable[[], dict[Path, int]]) -> dict[str, Any]:
    """Register Anna in the first run, then kill all its processes at once. Returns her registration."""
    assert widened() == {}
    first = MakeRun(folder, {})
    try:
        registered: dict[str, Any] = first.started().call("/api/v1/auth/register", ANNA)
    finally:
        first.kill()
    return registered


@pytest.fixture(scope="module")
def shared() -> Iterator[list[MakeRun]]:
    """Yield the list that has the run that several tests share, once it has been started."""
    shared: list[MakeRun] = []
    yield shared
    _end(shared)


def _end(runs: list[MakeRun]) -> None:
    for run in runs:
        if run.process.poll() is None:
            run.kill()


@pytest.fixture(scope="module")
def run(folder: Path, killed: dict[str, Any], shared: list[MakeRun]) -> MakeRun:
    """Start the run after that one. The first tests share it, and the last of them ends it."""
    assert killed
    shared.append(MakeRun(folder, {}))
    return shared[0].started()


@pytest.fixture
def make_run(folder: Path, shared: list[MakeRun]) -> Iterator[Callable[..., MakeRun]]:
    """Yield a function that starts `make run` in the folder, free by then; the runs are killed after the test."""
    _end(shared)
    started: list[MakeRun] = []

    def start(**env: str) -> MakeRun:
        started.append(MakeRun(folder, env))
        return started[-1]

    yield start
    for run in started:
        run.kill()
    eventually(lambda: not processes.holders(folder / "var" / "parts.lock"))


def one_line(output: str) -> str:
    """Return the one line with the reason; fails on a traceback or on more than the steps before it."""
    assert "Traceback" not in output
    lines = [line for line in output.splitlines() if line.startswith("Fairboard cannot run: ")]
    assert len(lines) == 1, output
    assert output.splitlines()[-1] == lines[0] or output.splitlines()[-1].startswith(("  Stopping", "Stopped")), output
    return lines[0]


def test_after_a_kill_of_everything_the_next_start_is_clean_and_finds_all_data(
    run: MakeRun, killed: dict[str, Any]
) -> None:
    assert run.call("/api/v1/auth/login", ANNA)["user"]["user_id"] == killed["user"]["user_id"]


def test_it_says_what_it_does_and_answers(run: MakeRun) -> None:
    assert run.call("/readyz")
    assert "Starting PostgreSQL" in run.output()
    names = {" ".join(member.facts.cmdline()) for member in run.family()}
    for part in (
        "redis-server",
        "/postgres",
        "gunicorn",
        "workers.app worker",
        "workers.app beat",
        "workers.relay",
    ):
        assert any(part in name for name in names), part


def test_nothing_but_the_data_folder_changes_and_no_permission_is_widened(
    run: MakeRun, folder: Path, widened: Callable[[], dict[Path, int]]
) -> None:
    assert run.call("/readyz")
    assert widened() == {}
    owners = {path.lstat().st_uid for path in (folder / "var").rglob("*")}
    assert owners == {os.geteuid()}
    private = [path for path in (folder / "var").iterdir() if path.is_dir()]
    assert private
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in private)


def test_a_second_one_in_the_same_folder_is_told_so_in_one_line(run: MakeRun) -> None:
    second = MakeRun(run.folder, {})
    try:
        assert "already runs in this folder" in one_line(second.wait_for_refusal())
    finally:
        _end([second])
    assert run.call("/readyz")


def test_a_part_that_dies_is_started_again_and_that_is_said(run: MakeRun) -> None:
    relay = next(member for member in run.family() if "workers.relay" in member.facts.cmdline())
    relay.signal(signal.SIGKILL)
    eventually(lambda: "relay has ended" in run.output())
    eventually(lambda: any("workers.relay" in member.facts.cmdline() for member in run.family()))


def test_ctrl_c_leaves_no_process(run: MakeRun) -> None:
    family = run.family()
    assert len(family) > 10
    assert run.interrupt() != 1
    assert [member for member in family if member.is_alive()] == []
    assert "Stopped." in run.output()


def test_a_kill_of_the_launcher_takes_everything_with_it(make_run: Callable[..., MakeRun], folder: Path) -> None:
    run = make_run().started()
    family = run.family()
    os.kill(int((folder / "var" / "run.lock").read_text()), signal.SIGKILL)
    eventually(lambda: not [member for member in family if member.is_alive()])


def test_a_kill_of_make_takes_everything_with_it(make_run: Callable[..., MakeRun]) -> None:
    run = make_run().started()
    family = run.family()
    run.process.kill()
    run.process.wait()
    eventually(lambda: not [member for member in family if member.is_alive()])


def test_a_taken_port_is_named_with_a_way_out(make_run: Callable[..., MakeRun]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        reason = one_line(make_run(PORT=str(port)).wait_for_refusal())
    assert f"port {port}" in reason
    assert "PORT=" in reason


def test_a_setting_that_makes_no_sense_is_named(make_run: Callable[..., MakeRun]) -> None:
    assert "RATE_LIMIT_AUTH wants" in one_line(make_run(RATE_LIMIT_AUTH="often").wait_for_refusal())


def test_a_log_that_cannot_be_written_is_named(make_run: Callable[..., MakeRun], folder: Path) -> None:
    log = folder / "var" / "log" / "flask.log"
    log.unlink()
    log.symlink_to("/dev/full")
    try:
        assert one_line(make_run().wait_for_refusal()) == f"Fairboard cannot run: {log}: No space left on device"
    finally:
        log.unlink()


def test_a_python_that_is_missing_is_named(make_run: Callable[..., MakeRun]) -> None:
    output = make_run(PYTHON="/nowhere/python3").wait_for_refusal()
    assert output.count("\n") == 1
    assert "/nowhere/python3 is not installed" in output


@pytest.fixture(scope="module")
def fresh() -> Iterator[MakeRun]:
    """Yield the first run in a clone without .venv, of an ordinary user whose home is empty."""
    python = shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin")
    ordinary = os.geteuid() == 0 and python is not None
    place = Path(tempfile.mkdtemp(prefix="fairboard-fresh-", dir="/var/tmp"))
    try:
        copy_project(place, with_venv=False)
        (place / "home").mkdir()
        if ordinary:
            for path in (place, *place.rglob("*")):
                os.chown(path, NOBODY, NOBODY)
        env = {"HOME": str(place / "home"), "PYTHON": python if ordinary and python else sys.executable}
        run = MakeRun(place, env, user=NOBODY if ordinary else None)
        try:
            yield run
        finally:
            _end([run])
    finally:
        shutil.rmtree(place)


def test_a_fresh_clone_with_an_empty_home_installs_itself_for_an_ordinary_user(fresh: MakeRun) -> None:
    fresh.started(within=600)
    assert "Making .venv" in fresh.output()
    assert fresh.call("/readyz")


def test_sigterm_to_the_launcher_ends_it_in_peace(fresh: MakeRun) -> None:
    fresh.started(within=600)
    family = fresh.family()
    assert len(family) > 10
    os.kill(int((fresh.folder / "var" / "run.lock").read_text()), signal.SIGTERM)
    assert fresh.process.wait(60) == 0
    assert [member for member in family if member.is_alive()] == []
