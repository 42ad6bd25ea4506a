"""The disk under Redis is full: it answers reads and refuses writes, until there is room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app.containers.container import Container
from app.factory import create_app
from bench.faults import disk
from devstack.redis_server import Redis
from tests.integration.unavailability.conftest import Caller, data, unavailable
from tests.parts.client import fresh_name
from tests.parts.waiting import eventually


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Redis]:
    if not disk.may_mount():
        pytest.skip("only root may mount a small disk")
    with disk.small(tmp_path / "redis", "4m"):
        server = Redis(tmp_path / "redis", tmp_path / "redis.log")
        server.start()
        yield server
        server.kill()


@pytest.fixture
def client(container: Container, server: Redis) -> Iterator[FlaskClient]:
    app = create_app(container.settings.model_copy(update={"redis_url": server.url}))
    app.extensions["fairboard"].board_sync.repair()
    yield app.test_client()
    app.extensions["fairboard"].close()


def test_every_call_is_503_readyz_names_redis_and_it_comes_back_with_the_room(
    server: Redis, client: FlaskClient
) -> None:
    anna = Caller(client, fresh_name())
    assert anna.complete(anna.issue()).status_code == 200
    action = anna.issue()
    with disk.full(server.data):
        ready = eventually(lambda: unavailable(answer := client.get("/readyz")) and answer)
        answers = anna.every_call(action)
        assert client.get("/healthz").status_code == 200
    assert {path: answer.status_code for path, answer in answers.items() if not unavailable(answer)} == {}
    assert [detail["part"] for detail in ready.get_json()["error"]["details"]] == ["redis"]
    assert "MISCONF" in ready.get_json()["error"]["message"]

    eventually(lambda: client.get("/readyz").status_code == 200)
    assert data(anna.complete(action))["score"] == {"previous": 1, "current": 2}
    assert data(anna.get("/me"))["score"] == 2
