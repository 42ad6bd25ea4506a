"""Help and version whose output is lost: one line on standard error, and a failure."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from devstack import bootstrap
from devstack.child import ROOT

LINES = [("--help",), ("--version",), ("users", "--help"), ("users", "create", "--help")]
FULL = "Error: The result could not be written: No space left on device."
CLOSED = "Error: The result could not be written: standard output is closed."


@pytest.fixture
def flask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the program that `make` writes, in an environment of its own with the packages of this one."""
    venv = tmp_path / "a folder's .venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    (venv / "lib").symlink_to(Path(sys.prefix, "lib"))
    shutil.copy(Path(sys.prefix, "pyvenv.cfg"), venv)
    monkeypatch.setattr(bootstrap, "VENV", str(venv))
    bootstrap._write_flask()
    return str(venv / "bin" / "flask")


def _run(*command: str, redirection: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", *command],
        env={"PATH": os.environ["PATH"], "FLASK_APP": "wsgi"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("line", LINES, ids=" ".join)
@pytest.mark.parametrize(("redirection", "error"), [(">/dev/full", FULL), (">&-", CLOSED)])
def test_the_program_that_make_writes_fails_in_one_line(
    flask: str, line: tuple[str, ...], redirection: str, error: str
) -> None:
    result = _run(flask, *line, redirection=redirection)
    assert (result.returncode, result.stderr.splitlines()) == (1, [error])


@pytest.mark.parametrize(("redirection", "error"), [(">/dev/full", FULL), (">&-", CLOSED)])
def test_a_help_fails_in_one_line_also_with_the_program_that_pip_installs(redirection: str, error: str) -> None:
    for line in (("--help",), ("users", "--help")):
        result = _run(sys.executable, "-m", "flask", *line, redirection=redirection)
        assert (result.returncode, result.stderr.splitlines()) == (1, [error])


def test_output_that_arrives_is_whole(flask: str) -> None:
    result = _run(flask, "users", "create", "--help", redirection="| cat")
    assert result.stdout.startswith("Usage: flask users create ")
    assert result.stdout.endswith("\n")
    assert result.stderr == ""


def test_the_help_names_the_product(flask: str) -> None:
    result = _run(flask, "--help", redirection="")
    assert result.stdout.splitlines()[2] == "  The commands of Fairboard. Each has --help with an example."


def test_a_reader_that_leaves_early_ends_the_program_in_peace(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        result = subprocess.run(
            [sys.executable, "-m", "devstack.status", "--folder", str(tmp_path)],
            cwd=ROOT,
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (result.returncode, result.stderr) == (1, "")


def test_the_state_of_a_cluster_fails_in_one_line_too(tmp_path: Path) -> None:
    for redirection, error in ((">/dev/full", FULL), (">&-", CLOSED)):
        result = _run(sys.executable, "-m", "devstack.status", "--folder", str(tmp_path), redirection=redirection)
        assert (result.returncode, result.stderr.splitlines()) == (1, [error])
