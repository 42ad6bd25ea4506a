"""The shell completes commands without settings, servers and log lines; Flask-Limiter's commands are gone."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from devstack.child import ROOT
from tests.parts import ready_python
from tests.processes.test_lost_results import flask

__all__ = ["flask"]  # a fixture
_SCRIPT = """
eval "$(_FLASK_COMPLETE=bash_source "$1")"
complete -p flask
COMP_WORDS=(flask $2); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_flask_completion "$1"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize(
    ("words", "names"), [("users su", ["suspend"]), ("--app wsgi l", ["leaderboard"]), ("users show --j", ["--json"])]
)
def test_bash_completes_commands_and_options_and_prints_nothing_else(flask: str, words: str, names: list[str]) -> None:
    result = subprocess.run(
        ["bash", "-c", _SCRIPT, "bash", flask, words],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "FLASK_APP": "wsgi", "LOG_LEVEL": "debug", "DATABASE_URL": "nonsense"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    completion, *completed = result.stdout.splitlines()
    assert "-F _flask_completion flask" in completion
    assert (completed, result.stderr) == (names, "")


def test_the_commands_of_flask_limiter_are_gone(flask: str) -> None:
    environment = {"PATH": os.environ["PATH"], "APP_ENV": "development"}
    assert " limiter" not in ready_python.flask(environment, ["--help"]).stdout
    for program, words in (
        ([flask], ["limiter"]),
        ([flask], ["limiter", "--help"]),
        ([sys.executable, "-m", "flask"], ["limiter", "clear"]),
    ):
        result = subprocess.run(
            [*program, "--app", "wsgi", *words], cwd=ROOT, env=environment, capture_output=True, text=True
        )
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr.endswith("Error: No such command 'limiter'.\n")
