"""Redis pub/sub between the processes that change things and those that push them. A hint, never the truth.

Pub/sub does not replay: whoever listens reads the state it cares about after every `Listening`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import redis

from app.stores.redis_store import Client

BOARD_CHANNEL = "fairboard:board"
CONTROL_CHANNEL = "fairboard:control"

_QUIET_SECONDS = 1.0  # without a word from Redis, ask whether it is there
_LOST_SECONDS = 3.0  # without an answer, it is not


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
        self._pubsub = client.pubsub()
        self._heard_at = time.monotonic()
        self._asked = False

    def open(self) -> None:
        """Ask for the channels; `Listening` follows. Raises redis.RedisError."""
        self._pubsub.subscribe(CONTROL_CHANNEL, BOARD_CHANNEL)
        self._heard_at = time.monotonic()

    def next(self, timeout: float) -> Message | None:
        """The next message, or None after `timeout` seconds. Raises redis.RedisError if Redis is lost."""
        raw = self._pubsub.get_message(timeout=timeout)
        now = time.monotonic()
        if raw is not None:
            self._heard_at, self._asked = now, False
            return _read(raw)
        if now - self._heard_at > _LOST_SECONDS:
            raise redis.ConnectionError("the subscription has gone silent")
        if now - self._heard_at > _QUIET_SECONDS and not self._asked:
            self._asked = True
            self._pubsub.ping()
        return None

    def close(self) -> None:
        """Give the connection back."""
        self._pubsub.close()


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
