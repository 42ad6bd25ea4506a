"""devstack/private_files.py: private files, and errors that name them."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from devstack.private_files import append_private, naming, write_private


def test_a_file_is_for_its_owner_alone_also_if_it_was_open_to_others(tmp_path: Path) -> None:
    file = tmp_path / "settings"
    file.touch(0o644)
    write_private(file, "secret")
    append_private(tmp_path / "log", "one\n")
    append_private(tmp_path / "log", "two\n")
    assert file.read_text() == "secret"
    assert (tmp_path / "log").read_text() == "one\ntwo\n"
    assert [os.stat(path).st_mode & 0o777 for path in (file, tmp_path / "log")] == [0o600, 0o600]


def test_a_failed_write_names_its_file(tmp_path: Path) -> None:
    log = tmp_path / "flask.log"
    log.symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"flask\.log") as failure:
        append_private(log, "text")
    assert (failure.value.errno, failure.value.filename) == (errno.ENOSPC, str(log))


def test_an_error_that_names_its_file_stays_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as failure, naming(tmp_path):
        (tmp_path / "absent").read_text()
    assert failure.value.filename == str(tmp_path / "absent")
