"""The product's app on a database and a Redis that a test may restrict."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.cli.register import register
from app.containers.container import Container
from app.domain.boards import MAIN
from app.factory import create_app
from app.settings import Settings
from app.stores.postgres import migrations
from devstack.stack import Stack
from tests.parts.client import fresh_name
from tests.parts.product import UNLIMITED

Run = Callable[..., Result]
PASSWORD = "correct horse battery"


class Caller:
    """A player that calls the app without a server between."""

    def __init__(self, client: FlaskClient, name: str) -> None:
        self._client = client
        answer = self.post("/auth/register", {"username": name, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        self.name, self.id = name, data(answer)["user"]["user_id"]
        self._token = data(answer)["access_token"]

    def get(self, path: str) -> TestResponse:
        return self._client.get(f"/api/v1{path}", headers=self._headers())

    def post(self, path: str, body: Any, **headers: str) -> TestResponse:
        return self._client.post(f"/api/v1{path}", json=body, headers={**self._headers(), **headers})

    def issue(self, slug: str = "tap") -> dict[str, Any]:
        answer = self.post("/actions", {"action_type": slug})
        assert answer.status_code == 201, answer.text
        action: dict[str, Any] = data(answer)
        return action

    def complete(self, action: Mapping[str, Any], key: str | None = None) -> TestResponse:
        headers = {"Idempotency-Key": key} if key else {}
        return self.post(f"/actions/{action['action_id']}/complete", {"token": action["token"]}, **headers)

    def every_call(self, action: Mapping[str, Any]) -> dict[str, TestResponse]:
        """Return the answers of all calls that need both servers, by path."""
        reads = ("/me", "/action-types", "/leaderboard/top", "/leaderboard/me", f"/leaderboard/users/{self.id}")
        answers = {path: self.get(path) for path in (*reads, f"/actions/{action['action_id']}")}
        named = {"username": self.name, "password": PASSWORD}
        answers |= {f"/auth/{word}": self.post(f"/auth/{word}", named) for word in ("login", "register")}
        answers["/actions"] = self.post("/actions", {"action_type": "tap"})
        answers["complete"] = self.complete(action)
        return answers

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"} if hasattr(self, "_token") else {}


def data(answer: TestResponse) -> Any:
    """Return an answer's data, without its envelope."""
    return answer.get_json()["data"]


def unavailable(answer: TestResponse) -> bool:
    """Return whether this is the API's answer for a part that is down."""
    code = answer.get_json().get("error", {}).get("code")
    return (answer.status_code, code) == (503, "unavailable") and int(answer.headers["Retry-After"]) > 0


@pytest.fixture(scope="package")
def container(servers: Stack) -> Iterator[Container]:
    """Yield one container for all tests here; each restores the servers. Claims end soon, no play is too fast."""
    servers.postgres.create_database("refusals")
    url = servers.postgres.database_url("refusals").replace("postgresql://", "postgresql+psycopg://")
    migrations.upgrade(url)
    settings = Settings.from_env({**servers.env, **UNLIMITED}).model_copy(
        update={
            "database_url": url,
            "claim_seconds": 1,
            "broadcast_seconds": 0.0,
            "anticheat_flag": 1_000_000,
            "anticheat_reject": 1_000_000,
            "anticheat_critical": 1_000_000,
        }
    )
    container = Container(settings)
    container.redis.flushdb()
    container.board_sync.repair()
    yield container
    container.close()


@pytest.fixture(scope="package")
def client(container: Container) -> Iterator[FlaskClient]:
    app = create_app(container.settings)
    yield app.test_client()
    app.extensions["fairboard"].close()


@pytest.fixture
def anna(client: FlaskClient, container: Container) -> Caller:
    """Return a player that has scored once, alone on the board."""
    with container.database.statement() as connection:
        connection.exec_driver_sql(
            "UPDATE standings SET score = 0, held = 0, achieved_at = NULL, changes = changes + 1"
        )
    container.board_sync.rebuild(container.standings.season(MAIN))
    anna = Caller(client, fresh_name())
    assert anna.complete(anna.issue()).status_code == 200
    return anna


@pytest.fixture
def run(container: Container) -> Run:
    """Return a function that runs a command in this process."""
    app = Flask("commands")
    app.extensions["fairboard"] = container
    register(app)
    return lambda *line: app.test_cli_runner().invoke(args=list(line))
