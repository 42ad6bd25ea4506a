"""devstack/folder.py: one stack in a folder, its secrets, and the remains of a killed stack."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from devstack import processes
from devstack.child import CannotStart
from devstack.folder import Folder


def quiet(line: str) -> None:
    """Drop a line of progress."""


def test_a_second_one_is_told_who_has_the_folder(tmp_path: Path) -> None:
    first = Folder(tmp_path)
    first.take(quiet)
    with pytest.raises(CannotStart, match=rf"already runs in .* \(process {os.getpid()}\)"):
        Folder(tmp_path).take(quiet)
    first.release()


def test_a_folder_that_was_released_can_be_taken_again(tmp_path: Path) -> None:
    for _ in range(2):
        folder = Folder(tmp_path)
        folder.take(quiet)
        folder.release()


def test_processes_that_outlived_their_stack_are_ended(tmp_path: Path) -> None:
    killed = Folder(tmp_path)
    killed.take(quiet)
    orphan = subprocess.Popen(["sleep", "60"], pass_fds=killed.inherited_descriptors)
    killed.release()
    lines: list[str] = []
    following = Folder(tmp_path, patience=0.2)
    following.take(lines.append)
    assert orphan.wait(10) == -9
    assert lines == ["Waiting for the processes of the last run to end"]
    following.release()


def test_only_processes_that_hold_the_file_count_as_its_holders(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    with file.open("w") as lock_file:
        holder = subprocess.Popen(["sleep", "60"], pass_fds=[lock_file.fileno()])
        stranger = subprocess.Popen(["sleep", "60"])
        assert [process.pid for process in processes.holders(file)] == [holder.pid]
    for process in (holder, stranger):
        process.kill()
        process.wait()


def test_secrets_are_random_kept_and_private(tmp_path: Path) -> None:
    first, second = Folder(tmp_path / "a"), Folder(tmp_path / "b")
    for folder in (first, second):
        folder.take(quiet)
    secret = first.secret("jwt")
    assert len(secret) == 64
    assert Folder(tmp_path / "a").secret("jwt") == secret
    assert len({secret, first.secret("action_token"), second.secret("jwt")}) == 3
    assert os.stat(tmp_path / "a" / "secrets.json").st_mode & 0o777 == 0o600
    for folder in (first, second):
        folder.release()


def test_a_shell_can_source_the_environment_whatever_is_in_it(tmp_path: Path) -> None:
    values = {"A": "plain", "B": 'it\'s $HOME `id` "x" & more', "C": ""}
    folder = Folder(tmp_path)
    folder.write_environment(values)
    script = f'set -a; . {tmp_path}/env; printf "%s|" "$A" "$B" "$C"'
    assert subprocess.check_output(["sh", "-c", script], text=True) == "".join(f"{value}|" for value in values.values())


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotStart, match=r"cannot write to .*file/var"):
        Folder(tmp_path / "file" / "var").take(quiet)
