"""Players with actions to redeem, made through the public API before anything is timed."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any

from bench.load import Request, send

# This type has no minimum time, so that the timing rule adds nothing: the redemptions are ordinary ones.
ACTION_TYPE = "tap"
_CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class BenchPlayer:
    """A signed-in player."""

    player_id: str
    access_token: str

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers of a signed-in request."""
        return {"Authorization": f"Bearer {self.access_token}"}


def register(url: str, count: int, *, prefix: str = "bench") -> list[BenchPlayer]:
    """Register new players and return them, signed in."""
    accounts: list[Request] = [
        {
            "method": "POST",
            "path": "/api/v1/auth/register",
            "body": {"username": f"{prefix}-{number:05}", "password": f"a password of {number}"},
        }
        for number in range(count)
    ]
    load = send(url, accounts, connections=_CONNECTIONS, status=201, keep=True)
    return [_player(json.loads(body)["data"]) for body in load.bodies]


def _player(data: dict[str, Any]) -> BenchPlayer:
    return BenchPlayer(data["user"]["user_id"], data["access_token"])


def issue(
    url: str, players: list[BenchPlayer], per_player: int, *, seed: int = 1, action_type: str = ACTION_TYPE
) -> list[Request]:
    """Issue `per_player` actions of a type for every player; return the requests that redeem them.

    Every player's first action comes before any player's second, in a new order each time, so that no player's
    redemptions come in bursts or like clockwork.
    """
    order = random.Random(seed)
    turns = [player for _ in range(per_player) for player in order.sample(players, len(players))]
    requests: list[Request] = [
        {
            "method": "POST",
            "path": "/api/v1/actions",
            "headers": player.headers,
            "body": {"action_type": action_type},
        }
        for player in turns
    ]
    load = send(url, requests, connections=_CONNECTIONS, status=201, keep=True)
    return [_redeem(player, json.loads(body)["data"]) for player, body in zip(turns, load.bodies, strict=True)]


def _redeem(player: BenchPlayer, action: dict[str, Any]) -> Request:
    return {
        "method": "POST",
        "path": f"/api/v1/actions/{action['action_id']}/complete",
        "headers": player.headers,
        "body": {"token": action["token"]},
    }
