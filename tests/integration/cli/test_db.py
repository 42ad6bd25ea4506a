"""The schema's commands on a database that starts empty: `flask` runs them in a process of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from app.stores.postgres import migrations
from devstack.child import ROOT
from devstack.stack import Stack
from tests.integration.cli.conftest import Run

Flask = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def database(empty_database: str) -> str:
    """Return the URL of the container's database, without any migration."""
    return empty_database


@pytest.fixture
def flask(servers: Stack, empty_database: str) -> Flask:
    env = {**servers.env, "DATABASE_URL": empty_database}

    def flask(*line: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "flask", "--app", "wsgi", *line]
        return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL)

    return flask


def test_up_down_and_where_it_is(run: Run) -> None:
    newest = migrations.newest()
    assert json.loads(run("db", "current", "--json").stdout) == {"current": None, "newest": newest}
    assert run("db", "upgrade").stdout == f"The database went from empty to {newest}.\n"
    assert run("db", "upgrade").stdout == f"The database is at {newest} already.\n"
    assert json.loads(run("db", "downgrade", "0001", "--yes", "--json").stdout) == {"before": newest, "after": "0001"}
    assert run("db", "upgrade", "0002").stdout == "The database went from 0001 to 0002.\n"
    assert "run 'flask --app wsgi db upgrade'" in run("db", "current").stdout


def test_an_upgrade_says_that_the_schema_is_to_be_contracted_or_does_that_too(run: Run) -> None:
    run("db", "upgrade", "0017")
    assert "run 'flask --app wsgi db contract'" in run("db", "upgrade").stderr
    assert run("db", "upgrade", "--contract").stderr == ""
    assert json.loads(run("db", "contract", "--json").stdout) == {"contracted": False}


def test_going_down_is_not_done_without_a_yes(flask: Flask) -> None:
    assert flask("db", "upgrade").stdout == f"The database went from empty to {migrations.newest()}.\n"
    result = flask("db", "downgrade", "base")
    assert result.returncode == 2
    assert result.stdout == ""
    assert json.loads(flask("db", "current", "--json").stdout)["current"] == migrations.newest()


def test_a_revision_that_does_not_exist_is_refused_in_one_line(flask: Flask) -> None:
    for line in (("upgrade", "0999"), ("downgrade", "0999", "--yes")):
        result = flask("db", *line)
        # A command that takes more than two seconds says on a line of its own what it does.
        lines = [text for text in result.stderr.splitlines() if "grading the database:" not in text]
        assert (result.returncode, result.stdout, len(lines)) == (1, "", 1)
        assert "0999" in lines[0]


def test_a_command_on_an_empty_database_says_to_upgrade(flask: Flask) -> None:
    result = flask("users", "list")
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert "db upgrade" in result.stderr
