"""Without settings every process refuses to start, in one line that names the variable; commands have their --help."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from devstack.child import ROOT


def _run(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **env},
        cwd=ROOT,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


@pytest.mark.parametrize(
    "command",
    [
        ["gunicorn", "--no-control-socket", "--bind", "127.0.0.1:0", "wsgi:app"],
        ["gunicorn", "-c", "deploy/gunicorn.conf.py", "wsgi:app"],
        ["workers.relay"],
        ["celery", "-A", "workers.app", "worker"],
        ["flask", "--app", "wsgi", "run"],
        ["flask", "--app", "wsgi", "doctor"],
        ["flask", "--app", "wsgi", "db", "upgrade"],
    ],
    ids=" ".join,
)
def test_a_process_refuses_to_start_and_says_why_in_one_line(command: list[str]) -> None:
    ended = _run(*command)
    assert ended.returncode != 0
    (line,) = [line for line in (ended.stdout + ended.stderr).splitlines() if "JWT_KEYS" in line]
    assert "APP_ENV=development" in line
    assert "Traceback" not in ended.stderr
    assert "change-me" not in line


def test_help_needs_no_settings() -> None:
    for words in ([], ["users", "create"]):
        ended = _run("flask", "--app", "wsgi", *words, "--help")
        assert ended.returncode == 0, ended.stderr
        assert "Usage:" in ended.stdout
        assert "JWT_KEYS" not in ended.stderr


def test_no_variable_makes_a_library_log_the_settings() -> None:
    code = "import logging; logging.basicConfig(level=logging.DEBUG); import wsgi"
    env = {"PATH": os.environ["PATH"], "APP_ENV": "development", "JWT_KEYS": "a:hush", "PYDANTIC_SETTINGS_DEBUG": "1"}
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert "hush" not in ended.stdout + ended.stderr
