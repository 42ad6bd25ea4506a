"""Redis pub/sub between the processes that change things and those that push them. A hint, never the truth.

Pub/sub does not replay: whoever listens reads the state it cares about after every `Listening`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.stores.redis.client import Client
from app.stores.redis.pubsub import Channels

BOARD_CHANNEL = "fairboard:board"
CONTROL_CHANNEL = "fairboard:control"


@dataclass(frozen=True, slots=True)
class Listening:
    """Messages published from now on arrive. Sent again after a connection was replaced on the way."""


@dataclass(frozen=True, slots=True)
class BoardChanged:
    """`data` is the top 10 at `version`; `change_info` what moved since the version before.

    `request_ids` are those of the requests that changed it, the first few; `committed_at` is when the oldest of the
    changes was made (Unix seconds), None when nobody made one, as after a repair.
    """

    board: str
    version: int
    data: list[dict[str, Any]]
    change_info: list[dict[str, Any]]
    request_ids: tuple[str, ...] = ()
    committed_at: float | None = None


@dataclass(frozen=True, slots=True)
class PlayerSuspended:
    """Every socket of the player ends."""

    player_id: UUID


@dataclass(frozen=True, slots=True)
class LoginEnded:
    """Every socket of the login ends."""

    login_id: UUID


Message = Listening | BoardChanged | PlayerSuspended | LoginEnded


def publish_board(client: Client, change: BoardChanged) -> None:
    """Tell every pushing process. Raises redis.RedisError."""
    body = {
        "board": change.board,
        "version": change.version,
        "data": change.data,
        "changeInfo": change.change_info,
        "request_ids": change.request_ids,
        "committed_at": change.committed_at,
    }
    client.publish(BOARD_CHANNEL, json.dumps(body, separators=(",", ":")))


def publish_control(client: Client, message: PlayerSuspended | LoginEnded) -> None:
    """Tell every pushing process. Raises redis.RedisError."""
    if isinstance(message, PlayerSuspended):
        body = {"kind": "player_suspended", "player_id": str(message.player_id)}
    else:
        body = {"kind": "login_ended", "login_id": str(message.login_id)}
    client.publish(CONTROL_CHANNEL, json.dumps(body, separators=(",", ":")))


class Subscription:
    """One connection that listens to both channels. Not for two greenlets or threads at once."""

    def __init__(self, client: Client) -> None:
        """Raises redis.RedisError on a cluster of which no node answers."""
        self._channels = Channels(client, CONTROL_CHANNEL, BOARD_CHANNEL)

    def open(self) -> None:
        """Ask for the channels; `Listening` follows. Raises redis.RedisError."""
        self._channels.open()

    def next(self, timeout: float) -> Message | None:
        """The next message, or None after `timeout` seconds. Raises redis.RedisError if Redis is lost."""
        raw = self._channels.next(timeout)
        return _read(raw) if raw is not None else None

    def close(self) -> None:
        """Give the connection back."""
        self._channels.close()


def _read(raw: Mapping[str, Any]) -> Message | None:
    channel = _text(raw["channel"])
    if raw["type"] == "subscribe":
        return Listening() if channel == BOARD_CHANNEL else None  # the later of the two
    if raw["type"] != "message":
        return None
    body = json.loads(raw["data"])
    if channel == BOARD_CHANNEL:
        said = tuple(body.get("request_ids", ())), body.get("committed_at")
        return BoardChanged(body["board"], body["version"], body["data"], body["changeInfo"], *said)
    if body["kind"] == "player_suspended":
        return PlayerSuspended(UUID(body["player_id"]))
    return LoginEnded(UUID(body["login_id"])) if body["kind"] == "login_ended" else None


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
