"""The routes by which a game's server creates, changes and signs in its players."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from flask import Blueprint, Response
from pydantic import AfterValidator, Field

from app.domain.player_names import EXTERNAL, PlayerName, check_external_id
from app.http.bodies import Nothing, Strict, Username, body, optional_body
from app.http.envelope import answer, request_id
from app.http.identity import container, keyed, login_data
from app.http.limits import RateLimits

_PLAYERS = "/api/v1/players"


class GamePlayerBody(Strict):
    """The body of `POST /players`."""

    external_id: Annotated[str, AfterValidator(check_external_id)]
    username: Username | None = None
    attributes: Annotated[dict[str, str | None], Field(default_factory=dict)]


def blueprint(limits: RateLimits) -> Blueprint:
    """Return the routes, each with its limit."""
    routes = Blueprint("game_players", __name__)

    @routes.post("/players")
    @keyed(limits, "players")
    def put() -> Response:
        params = body(GamePlayerBody)
        result = container().game_players.put(
            params.external_id, params.username, params.attributes, request_id=request_id()
        )
        player = result.player
        data = {
            "user_id": str(player.id),
            "external_id": params.external_id,
            "username": player.username,
            "status": player.status,
            "attributes": dict(result.attributes),
        }
        address = f"{_PLAYERS}/{player.id}"
        by_external_id = f"{_PLAYERS}/{EXTERNAL}{quote(params.external_id, safe='')}"
        links = {"self": address, "by_external_id": by_external_id, "tokens": f"{address}/tokens"}
        response = answer(data, 201 if result.is_new else 200, links)
        if result.is_new:
            response.headers["Location"] = address
        return response

    @routes.post("/players/<player:name>/tokens")
    @keyed(limits, "players")
    def sign_in(name: PlayerName) -> Response:
        optional_body(Nothing)
        return answer(login_data(container().game_players.sign_in(name)), links={"me": "/api/v1/me"})

    return routes
