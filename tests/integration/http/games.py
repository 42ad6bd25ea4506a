"""A game with two boards over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask

from app.containers.container import Container
from app.factory import create_app
from app.services.accounts.player_changes import PlayerChange
from app.services.boards.outbox import BoardChange
from tests.integration.boards.test_scorings import add_board, feed, redeem

API = "/api/v1"
UNLIMITED = {"rate_limit_reads": "100000/second", "rate_limit_auth": "100000/second"}


@dataclass
class Game:
    """Five players on `main` (sum) and `fastest` (best, lower is better), where the first two are equal."""

    app: Flask
    container: Container
    players: list[UUID]

    def __post_init__(self) -> None:
        self.client = self.app.test_client()

    def restart(self) -> None:
        """Serve with a new process, which has no board in memory."""
        self.close()
        self.app = create_app(self.container.settings.model_copy(update=UNLIMITED))
        self.client = self.app.test_client()

    def close(self) -> None:
        self.app.extensions["fairboard"].close()

    def get(self, path: str, token: str | None = None, **headers: str) -> tuple[int, dict[str, Any]]:
        """Return the status and the body."""
        if token:
            headers["Authorization"] = f"Bearer {token}"
        answer = self.client.get(path if path.startswith(API) else f"{API}{path}", headers=headers)
        return answer.status_code, answer.get_json() or {}

    def data(self, path: str) -> Any:
        status, body = self.get(path)
        assert status == 200, body
        return body["data"]

    def fields(self, path: str) -> set[str]:
        """Return the fields that a refusal names."""
        status, body = self.get(path)
        assert (status, body["error"]["code"]) == (422, "invalid_request"), body
        return {detail["field"] for detail in body["error"]["details"]}

    def names(self, rows: list[dict[str, Any]]) -> list[int]:
        """Return the numbers of the players of these rows."""
        return [self.players.index(UUID(row["user_id"])) for row in rows]

    def token(self, role: str = "player") -> str:
        """Return an access token of a new account."""
        name = f"{role}-{uuid4().hex[:8]}"
        self.container.accounts.create_by("cli:tests", name, "correct horse battery", role, "r")
        body = {"username": name, "password": "correct horse battery"}
        token: str = self.client.post(f"{API}/auth/login", json=body).get_json()["data"]["access_token"]
        return token

    def deliver(self) -> None:
        def publish(changes: list[BoardChange]) -> None:
            self.container.board_sync.sync(changes)

        self.container.outbox.drain(publish)


@pytest.fixture
def game(container: Container) -> Iterator[Game]:
    app = create_app(container.settings.model_copy(update=UNLIMITED))
    feed(container, [add_board(container, "fastest", "best", "asc")])
    container.database.rows("UPDATE boards SET segments = '{country}' RETURNING id")
    game = Game(app, container, [uuid4() for _ in range(5)])
    for number, (player, result) in enumerate(zip(game.players, (50, 50, 40, 30, 20), strict=True)):
        container.players.add(player, f"p-{number}", f"p-{number}", "no password fits this", "player")
        changes = {"country": "JP" if number % 2 else "BR"}
        container.player_changes.change(player, PlayerChange(attributes=changes), by="cli:tests", request_id="r")
        redeem(container, player, result, f'{{"number":{number}}}')
    for season in container.catalog.open_seasons():
        container.board_sync.rebuild(season)
    yield game
    game.close()
