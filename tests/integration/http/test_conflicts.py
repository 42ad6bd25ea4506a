"""Deadlocks that PostgreSQL ends: a decision is repeated, then refused for now, over HTTP and on the command line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from app.cli.register import register
from app.containers.container import Container
from app.factory import create_app
from tests.integration.moderation.cases.parts import Field

_PASSWORD = "a good password"


@pytest.fixture
def app(container: Container) -> Iterator[Flask]:
    app = create_app(container.settings)
    register(app)
    yield app
    app.extensions["fairboard"].close()


@pytest.fixture
def case_id(container: Container) -> str:
    field = Field(container)
    return str(field.suspect(field.player("anna")))


def _let_decisions_deadlock(container: Container, times: int) -> None:
    """Let PostgreSQL end so many transactions with a decision. A sequence goes on in spite of that."""
    with container.database.transaction() as connection:
        for statement in (
            "CREATE SEQUENCE deadlocks",
            f"""
            CREATE FUNCTION deadlock() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF nextval('deadlocks') <= {times} THEN
                    RAISE EXCEPTION 'deadlock detected' USING ERRCODE = 'deadlock_detected';
                END IF;
                RETURN NEW;
            END $$
            """,
            "CREATE TRIGGER deadlock BEFORE INSERT ON decisions FOR EACH ROW EXECUTE FUNCTION deadlock()",
        ):
            connection.exec_driver_sql(statement)


@pytest.mark.parametrize(("times", "status"), [(3, 200), (4, 503)])
def test_a_decision_over_http(container: Container, app: Flask, case_id: str, times: int, status: int) -> None:
    container.accounts.create("alice", _PASSWORD, "admin")
    client = app.test_client()
    login = client.post("/api/v1/auth/login", json={"username": "alice", "password": _PASSWORD})
    headers = {"Authorization": f"Bearer {login.get_json()['data']['access_token']}"}
    _let_decisions_deadlock(container, times)
    body = {"decision": "cleared", "reason": "a fast hand"}
    answer = client.post(f"/api/v1/admin/cases/{case_id}/decision", json=body, headers=headers)
    assert (answer.status_code, answer.headers.get("Retry-After")) == (status, "2" if status == 503 else None)
    acts = [row.act for row in container.database.rows("SELECT act FROM audit_log WHERE act LIKE 'case.%'")]
    assert acts == (["case.cleared"] if status == 200 else [])


def test_a_decision_on_the_command_line(container: Container, app: Flask, case_id: str) -> None:
    _let_decisions_deadlock(container, 4)
    line = ["anticheat", "clear", case_id, "--reason", "a fast hand"]
    result = app.test_cli_runner().invoke(args=line)
    assert result.exit_code == 1
    assert "was busy with other work: deadlock detected. Run the command again." in result.stderr
    assert app.test_cli_runner().invoke(args=line).exit_code == 0
