"""Commands in this process, on real services."""

from __future__ import annotations

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

Run = Callable[..., Result]
Told = Callable[..., Any]
Play = Callable[..., None]


@pytest.fixture
def run(container: Container) -> Run:
    """`run("users", "list")`; `typed` is what comes on standard input."""
    logs.configure(container.settings)  # as create_app does: what is logged is no part of what is printed
    app = Flask("commands")
    app.extensions["fairboard"] = container
    register(app)
    runner = app.test_cli_runner()

    def run(*line: str, typed: str | None = None) -> Result:
        done = runner.invoke(args=list(line), input=typed)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    return run


@pytest.fixture
def told(run: Run) -> Told:
    """What a command prints with --json; fails when it fails."""

    def told(*line: str, typed: str | None = None) -> Any:
        done = run(*line, "--json", typed=typed)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return told


@pytest.fixture
def anna(container: Container) -> Player:
    return container.accounts.create("Anna", "a good password")


@pytest.fixture
def ben(container: Container) -> Player:
    return container.accounts.create("Ben", "a good password")


@pytest.fixture
def play(container: Container) -> Play:
    """Start and complete an action at once."""

    def play(player_id: UUID, slug: str = "tap") -> None:
        issued = container.actions.issue(player_id, slug)
        action_id = issued.promise.action_id
        container.redemptions.complete(
            RedemptionRequest(str(player_id), action_id, issued.token, None, f"test-{action_id}")
        )

    return play
