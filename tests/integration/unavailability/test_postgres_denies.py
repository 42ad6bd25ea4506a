"""A PostgreSQL that lacks a part of the schema, or denies the role a right or a connection."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from app.containers.container import Container
from app.factory import create_app
from devstack.roles import APPLICATION
from devstack.stack import Stack
from tests.integration.unavailability.conftest import Caller, unavailable
from tests.parts.client import fresh_name
from tests.parts.waiting import eventually

DATABASE = "refusals"


@pytest.fixture
def clerk(servers: Stack, container: Container) -> Iterator[str]:
    """Yield the database's URL for a role that is no superuser but may do all that play needs."""
    with psycopg.connect(servers.postgres.admin_url(DATABASE), autocommit=True) as connection:
        connection.execute("CREATE ROLE clerk LOGIN")
        connection.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO clerk")
        connection.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO clerk")
        url = servers.postgres.database_url(DATABASE).replace("postgresql://", "postgresql+psycopg://")
        yield url.replace(f"{APPLICATION}@", "clerk@")
        connection.execute("DROP OWNED BY clerk; DROP ROLE clerk")


@pytest.mark.parametrize(
    ("change", "undo", "reason"),
    [
        (
            "ALTER TABLE standings ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE standings DISABLE ROW LEVEL SECURITY",
            "row-level security (standings)",
        ),
        (
            "ALTER TABLE players ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE players DISABLE ROW LEVEL SECURITY",
            "row-level security (players)",
        ),
        ("REVOKE INSERT ON score_events FROM clerk", "GRANT INSERT ON score_events TO clerk", "insert on score_events"),
        (
            "ALTER TABLE outbox RENAME TO gone",
            "ALTER TABLE gone RENAME TO outbox",
            "lacks tables or sequences (outbox)",
        ),
        (
            "ALTER TABLE standings RENAME COLUMN held TO gone",
            "ALTER TABLE standings RENAME COLUMN gone TO held",
            "lacks columns (standings.held)",
        ),
    ],
)
def test_a_right_or_a_table_that_is_missing_is_503_and_named(
    change: str, undo: str, reason: str, container: Container, clerk: str, anna: Caller, servers: Stack
) -> None:
    app = create_app(container.settings.model_copy(update={"database_url": clerk}))
    player = Caller(app.test_client(), fresh_name())
    assert app.test_client().get("/readyz").status_code == 200
    action = player.issue()
    with psycopg.connect(servers.postgres.admin_url(DATABASE), autocommit=True) as connection:
        connection.execute(change)
        answer, ready = player.complete(action), app.test_client().get("/readyz")
        connection.execute(undo)
    assert unavailable(answer), answer.text
    assert unavailable(ready)
    assert reason in ready.get_json()["error"]["message"]
    assert player.complete(action).status_code == 200
    app.extensions["fairboard"].close()


def test_an_export_that_the_server_refuses_is_503_and_no_cut_answer(
    container: Container, clerk: str, servers: Stack
) -> None:
    app = create_app(container.settings.model_copy(update={"database_url": clerk}))
    player = Caller(app.test_client(), fresh_name())
    with psycopg.connect(servers.postgres.admin_url(DATABASE), autocommit=True) as connection:
        connection.execute("REVOKE SELECT ON score_events FROM clerk")
        answer = player.get("/me/export")
        connection.execute("GRANT SELECT ON score_events TO clerk")
    assert unavailable(answer), answer.text
    assert player.get("/me/export").status_code == 200
    app.extensions["fairboard"].close()


@pytest.mark.parametrize(
    ("change", "undo", "reason"),
    [
        (
            "REVOKE USAGE ON SEQUENCE board_version FROM clerk",
            "GRANT USAGE ON SEQUENCE board_version TO clerk",
            "denies its role rights that it needs (usage on board_version)",
        ),
        (
            "ALTER SEQUENCE board_version RENAME TO gone",
            "ALTER SEQUENCE gone RENAME TO board_version",
            "lacks tables or sequences (board_version)",
        ),
        ("ALTER ROLE clerk NOLOGIN", "ALTER ROLE clerk LOGIN", 'refuses the connection: role "clerk" is not permitted'),
        (
            "ALTER ROLE clerk CONNECTION LIMIT 0",
            "ALTER ROLE clerk CONNECTION LIMIT -1",
            "too many connections for role",
        ),
    ],
)
def test_readyz_names_what_the_server_denies(
    change: str, undo: str, reason: str, container: Container, clerk: str, servers: Stack
) -> None:
    app = create_app(container.settings.model_copy(update={"database_url": clerk}))
    with psycopg.connect(servers.postgres.admin_url(DATABASE), autocommit=True) as connection:
        connection.execute(change)
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'clerk'")
        ready = app.test_client().get("/readyz")
        connection.execute(undo)
    assert unavailable(ready)
    assert reason in ready.get_json()["error"]["message"]
    assert eventually(lambda: app.test_client().get("/readyz").status_code == 200)
    app.extensions["fairboard"].close()
