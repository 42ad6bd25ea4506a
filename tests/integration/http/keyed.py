"""A game's server that calls the API with keys, over HTTP in the test's own process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask

from app.containers.container import Container
from app.domain.api_keys import Scope
from app.factory import create_app
from app.services.accounts.api_keys import ShownKey

API = "/api/v1"
PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Reply:
    """One answer: its status, headers and parsed body."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def data(self) -> Any:
        assert self.status < 400, self.body
        return self.body["data"]

    @property
    def refusal(self) -> tuple[int, str]:
        assert self.status >= 400, self.body
        return self.status, self.body["error"]["code"]

    @property
    def details(self) -> Any:
        return self.body["error"].get("details")

    @property
    def fields(self) -> set[str]:
        return {detail["field"] for detail in self.details}


@dataclass
class GameServer:
    """A process of ours, and the calls of a game's server to it."""

    app: Flask
    container: Container

    def __post_init__(self) -> None:
        self.client = self.app.test_client()

    def key(self, *scopes: Scope, name: str = "", per_minute: int | None = None) -> ShownKey:
        """Create a key."""
        name = name or f"key-{len(self.container.api_keys.all())}"
        return self.container.api_keys.create(name, scopes, per_minute, by="cli:tests", request_id="r")

    def call(self, method: str, path: str, body: object = None, *, key: str | None = None, **headers: str) -> Reply:
        """Send a request with a key, or another bearer token; an underscore in a header's name is a hyphen."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            named["Authorization"] = f"Bearer {key}"
        answer = self.client.open(f"{API}{path}", method=method, headers=named, json=body)
        return Reply(answer.status_code, dict(answer.headers), answer.get_json(silent=True))

    def token(self, role: str = "player") -> str:
        """Return the access token of a new account with this role, which is its name too."""
        self.container.accounts.create_by("cli:tests", f"the-{role}", PASSWORD, role, "r")
        body = {"username": f"the-{role}", "password": PASSWORD}
        token: str = self.client.post(f"{API}/auth/login", json=body).get_json()["data"]["access_token"]
        return token

    def add_player(self, name: str) -> UUID:
        """Add a player without a password, and return the id."""
        player_id = uuid4()
        self.container.players.add(player_id, name, name.casefold(), "no password fits this", "player")
        return player_id

    def audited(self, act: str) -> list[tuple[str, str]]:
        """Return (actor, subject) of each such act, the newest first."""
        return [(row.actor, row.subject) for row in self.container.audit.page(limit=100, act=act)]


def start(container: Container, **settings: str) -> GameServer:
    """Start a further process of ours on the container's servers, for `close`."""
    unlimited = {"rate_limit_reads": "100000/second", "rate_limit_auth": "100000/second", **settings}
    return GameServer(create_app(container.settings.model_copy(update=unlimited)), container)


def close(server: GameServer) -> None:
    server.app.extensions["fairboard"].close()


@pytest.fixture
def game(container: Container) -> Iterator[GameServer]:
    server = start(container)
    yield server
    close(server)


def block(server: GameServer, *words: str) -> None:
    """Make these the blocked words of all processes."""
    Path(server.container.settings.blocked_names_file).write_text("\n".join(words))
