from __future__ import annotations

import json
import re
from typing import Any

import pytest
from flask import Flask

from app.cli.register import register
from app.containers.container import Container
from app.settings import Settings
from devstack.child import free_port
from tests.integration.cli.conftest import Run
from tests.parts.product import Product
from tests.parts.waiting import eventually


def _states(stdout: str) -> dict[str, str]:
    return {finding["part"]: finding["state"] for finding in json.loads(stdout)["parts"]}


def test_a_product_that_runs_is_healthy(product: Product) -> None:
    def healthy() -> bool:  # beat's first task ends within seconds of the start
        result = product.flask("doctor", "--json")
        report = json.loads(result.stdout)
        assert [part for part in report["parts"] if part["state"] not in ("ok", "note")] == []
        assert result.returncode == 0, result.stderr
        return bool(report["healthy"])

    eventually(healthy, within=180)


def test_what_does_not_run_is_wrong_and_the_rest_is_looked_at(run: Run) -> None:
    result = run("doctor", "--json")
    assert result.exit_code == 1
    states = _states(result.stdout)
    idle = {"workers", "relay", "beat", "analytics work", "anticheat work"}
    assert {part for part, state in states.items() if state == "wrong"} == idle
    assert {states[part] for part in ("postgresql", "migrations", "redis", "clocks", "broker")} == {"ok"}
    printed = run("doctor").stdout
    assert "celery -A workers.app worker" in printed
    assert "python -m workers.relay" in printed


NOWHERE = {
    "redis_url": ("redis://:secret@127.0.0.1:{port}/0", {"redis"}),
    "database_url": ("postgresql+psycopg://me:secret@127.0.0.1:{port}/x", {"postgresql"}),
    "broker_url": ("amqp://me:secret@127.0.0.1:{port}//", {"broker"}),
}


def _run_with(settings: Settings, *line: str) -> tuple[int, str, str]:
    app = Flask("commands")
    built = app.extensions["fairboard"] = Container(settings)
    register(app)
    result = app.test_cli_runner().invoke(args=list(line), env={"COLUMNS": "1000"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    built.close()
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("name", NOWHERE)
def test_a_server_that_is_away_is_named_with_what_to_do(name: str, container: Container) -> None:
    url, wrong = NOWHERE[name]
    changes: dict[str, Any] = {name: url.format(port=free_port())}
    settings = container.settings.model_copy(update=changes)
    code, out, _ = _run_with(settings, "doctor", "--json")
    parts = {finding["part"]: finding for finding in json.loads(out)["parts"]}
    assert code == 1
    for part in wrong:
        assert parts[part]["state"] == "wrong"
        assert name.upper() in parts[part]["advice"]
    assert "secret" not in out


@pytest.mark.parametrize("name", ["redis_url", "database_url"])
def test_a_command_that_needs_it_fails_in_one_line(name: str, container: Container) -> None:
    changes: dict[str, Any] = {name: NOWHERE[name][0].format(port=free_port())}
    settings = container.settings.model_copy(update=changes)
    code, out, err = _run_with(settings, "leaderboard", "verify")
    progress = "Verifying main: 0 standings"  # the command waits for it
    (line,) = [line for line in err.splitlines() if not line.startswith(progress)]
    assert (code, out) == (1, "")
    assert name.upper() in line
    assert "secret" not in err


def test_a_database_that_is_behind_is_wrong(container: Container) -> None:
    container.schema.downgrade("0002")
    code, out, _ = _run_with(container.settings, "doctor", "--json")
    assert code == 1
    assert _states(out)["migrations"] == "wrong"


def test_a_primary_that_is_named_as_a_replica_is_wrong(container: Container) -> None:
    settings = container.settings.model_copy(update={"database_replica_urls": (container.settings.database_url,)})
    _, out, _ = _run_with(settings, "doctor")
    assert re.search("^WRONG +replica 1 .* not a standby$", out, re.MULTILINE)
