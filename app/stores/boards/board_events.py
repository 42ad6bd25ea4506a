"""Redis pub/sub from the processes that change boards to the processes that broadcast them. A hint, never the truth.

Pub/sub does not replay: a subscriber reads the state that it needs after every `Listening`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.domain.boards import StandingRow
from app.stores.redis.client import Client
from app.stores.redis.pubsub import Channels

BOARD_CHANNEL = "fairboard:board"
CONTROL_CHANNEL = "fairboard:control"


@dataclass(frozen=True, slots=True)
class Listening:
    """Messages that are published from now on arrive. Comes again after each replacement of a lost connection."""


@dataclass(frozen=True, slots=True)
class BoardChanged:
    """A new version of a board: `data` is its top 10, `change_info` the movements since the version before.

    `request_ids` are the ids of the first few requests that changed it; `committed_at` is the time of the oldest
    change (Unix seconds), None when no request made one, as after a repair.
    """

    board: str
    version: int
    data: Sequence[StandingRow]
    change_info: Sequence[Mapping[str, object]]
    request_ids: tuple[str, ...] = ()
    committed_at: float | None = None


@dataclass(frozen=True, slots=True)
class PlayerSuspended:
    """A suspension: every socket of the player closes."""

    player_id: UUID


@dataclass(frozen=True, slots=True)
class LoginEnded:
    """The end of a login: every socket of the login closes."""

    login_id: UUID


Message = Listening | BoardChanged | PlayerSuspended | LoginEnded


def publish_board(client: Client, change: BoardChanged) -> None:
    """Publish a board's change to every broadcasting process. Raises redis.RedisError."""
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
    """Publish a suspension or an ended login to every broadcasting process. Raises redis.RedisError."""
    if isinstance(message, PlayerSuspended):
        body = {"kind": "player_suspended", "player_id": str(message.player_id)}
    else:
        body = {"kind": "login_ended", "login_id": str(message.login_id)}
    client.publish(CONTROL_CHANNEL, json.dumps(body, separators=(",", ":")))


class Subscription:
    """One connection that is subscribed to both channels. Not for two greenlets or threads at once."""

    def __init__(self, client: Client) -> None:
        """Choose a node that answers, on a cluster. Raises redis.RedisError if none does."""
        self._channels = Channels(client, CONTROL_CHANNEL, BOARD_CHANNEL)

    def open(self) -> None:
        """Subscribe to the channels; `Listening` follows. Raises redis.RedisError."""
        self._channels.open()

    def next(self, timeout: float) -> Message | None:
        """Return the next message, or None after `timeout` seconds. Raises redis.RedisError if Redis is lost."""
        raw = self._channels.next(timeout)
        return _read(raw) if raw is not None else None

    def close(self) -> None:
        """Return the connection to its pool."""
        self._channels.close()


def _read(raw: Mapping[str, object]) -> Message | None:
    channel = _text(raw["channel"])
    if raw["type"] == "subscribe":
        return Listening() if channel == BOARD_CHANNEL else None  # confirmed after the control channel
    if raw["type"] != "message":
        return None
    try:
        return _parse(channel, json.loads(_text(raw["data"])))
    except (ValueError, TypeError, AttributeError, LookupError):
        return None  # of another program


def _parse(channel: str, body: Mapping[str, Any]) -> Message | None:
    if channel == BOARD_CHANNEL:
        origin = tuple(body.get("request_ids", ())), body.get("committed_at")
        return BoardChanged(body["board"], body["version"], body["data"], body["changeInfo"], *origin)
    if body["kind"] == "player_suspended":
        return PlayerSuspended(UUID(body["player_id"]))
    return LoginEnded(UUID(body["login_id"])) if body["kind"] == "login_ended" else None


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
