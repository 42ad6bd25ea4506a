"""After each step of any history of play, corrections, holds, seasons and changed boards, everything is the fold.

Set MACHINE_EXAMPLES, and perhaps MACHINE_STEPS, for a long run with other histories each time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from psycopg.sql import SQL, Identifier

from app.containers.container import Container
from app.settings import Settings
from devstack.stack import Stack
from tests.integration.boards.machine.checks import Machine
from tests.integration.boards.machine.world import Clock, set_up
from tests.integration.conftest import copy_database, url_of

_EXAMPLES, _STEPS = int(os.environ.get("MACHINE_EXAMPLES", "0")), int(os.environ.get("MACHINE_STEPS", "30"))
_SHRINKING = (Phase.shrink,) if os.environ.get("MACHINE_SHRINK", "1") == "1" else ()
_HISTORIES = settings(
    max_examples=_EXAMPLES or 12,
    stateful_step_count=_STEPS,
    derandomize=not _EXAMPLES,
    database=None,
    deadline=None,
    print_blob=True,
    report_multiple_bugs=False,
    phases=(Phase.generate, *_SHRINKING),
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def start(servers: Stack, migrated: str) -> Callable[[], tuple[Container, Clock]]:
    """Return a function that starts the game anew, on a database of its own."""
    template = copy_database(servers, migrated)
    plain = Settings.from_env(servers.env).model_copy(update={"broadcast_seconds": 0.0, "quarantine": True})
    container = Container(plain.model_copy(update={"database_url": url_of(servers, template)}))
    set_up(container)
    container.close()
    names: list[str] = []

    def begin() -> tuple[Container, Clock]:
        if names:
            _drop(servers, names.pop())
        names.append(copy_database(servers, template))
        clock = Clock(time.time())
        fresh = Container(plain.model_copy(update={"database_url": url_of(servers, names[-1])}), clock=clock)
        fresh.redis.flushdb()
        return fresh, clock

    return begin


def _drop(servers: Stack, name: str) -> None:
    with psycopg.connect(servers.postgres.admin_url("postgres"), autocommit=True) as connection:
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def test_everything_is_the_fold_after_each_step(start: Callable[[], tuple[Container, Clock]]) -> None:
    run_state_machine_as_test(lambda: Machine(start), settings=_HISTORIES)  # type: ignore[arg-type]
