"""A primary that has become a standby: it answers, refuses writes, and is named."""

from __future__ import annotations

from uuid import UUID

from app.containers.container import Container
from app.factory import create_app
from devstack.replica import Replica
from tests.integration.postgres.replicas.parts import database_of
from tests.integration.unavailability.conftest import PASSWORD, unavailable


def test_a_standby_as_the_primary_is_503_and_named(
    container: Container, ready: list[UUID], replicas: list[Replica]
) -> None:
    url = replicas[0].database_url(database_of(container)).replace("postgresql:", "postgresql+psycopg:")
    app = create_app(container.settings.model_copy(update={"database_url": url}))
    client = app.test_client()
    answers = [
        client.post("/api/v1/auth/register", json={"username": "anna", "password": PASSWORD}),
        client.get("/api/v1/leaderboard/top?limit=7"),
        client.get("/readyz"),
    ]
    app.extensions["fairboard"].close()
    assert [unavailable(answer) for answer in answers] == [True] * 3
    assert "postgresql is a standby" in answers[2].get_json()["error"]["message"]
