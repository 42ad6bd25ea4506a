"""Commands in the test's own process, on real services."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from click.testing import Result
from flask import Flask

from app import logs
from app.cli.register import register
from app.containers.container import Container
from app.domain.redemption import RedemptionRequest
from app.stores.accounts.players import Player


class Terminal(io.BytesIO):
    """A standard input on which a person types."""

    def isatty(self) -> bool:
        return True


Run = Callable[..., Result]
RunJson = Callable[..., Any]
Play = Callable[..., None]


@pytest.fixture
def run(container: Container) -> Run:
    """Return a function that runs a command: `run("users", "list")`.

    `typed` is its standard input, which is a terminal if it is `answered` instead. Tables have `columns` columns.
    """
    return runner(container)


def runner(container: Container) -> Run:
    """Return the function of `run` for these services."""
    logs.configure(container.settings)  # as create_app does, so that log lines are no part of the output
    app = Flask("commands")
    app.extensions["fairboard"] = container
    register(app)
    commands = app.test_cli_runner()

    def run(*line: str, typed: str | None = None, answered: str | None = None, columns: str = "1000") -> Result:
        given = typed if answered is None else Terminal(answered.encode())
        result = commands.invoke(args=list(line), input=given, env={"COLUMNS": columns})
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


@pytest.fixture
def run_json(run: Run) -> RunJson:
    """Return a function that runs a command with --json and returns its parsed output; it asserts success."""

    def run_json(*line: str, typed: str | None = None) -> Any:
        result = run(*line, "--json", typed=typed)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return run_json


@pytest.fixture
def anna(container: Container) -> Player:
    return container.accounts.create("Anna", "a good password")


@pytest.fixture
def ben(container: Container) -> Player:
    return container.accounts.create("Ben", "a good password")


@pytest.fixture
def play(container: Container) -> Play:
    """Return a function that starts and completes an action at once."""

    def play(player_id: UUID, slug: str = "tap") -> None:
        issued = container.actions.issue(player_id, slug)
        action_id = issued.promise.action_id
        container.redemptions.complete(
            RedemptionRequest(str(player_id), action_id, issued.token, None, f"test-{action_id}")
        )

    return play
