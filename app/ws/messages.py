"""The JSON of the WebSocket API: the messages of clients, and those to clients as ready frames."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from app.domain import json_text
from app.errors import InvalidRequest, MalformedJson
from app.ws import frames

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class OwnStanding:
    """A subscriber's own standing as it is sent: no rank before the first event that counts; `total` is ranked."""

    rank: int | None
    score: int | None
    total: int


@dataclass(frozen=True, slots=True)
class Subscribe:
    """A subscribe; `auth` is as the client sent it, or None. `me`: the player's own standing is to be sent too."""

    auth: str | None
    board: str
    me: bool = False


@dataclass(frozen=True, slots=True)
class Watch:
    """A subscribe without an account."""

    board: str


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to our ping."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A text that is no message of docs/api.md; `code` and `reason` name its error."""

    code: str
    reason: str


def parse(payload: bytes) -> Subscribe | Watch | Pong | Unreadable:
    """Return the message in the payload of a client's text message."""
    try:
        message = json_text.parse(payload)
    except MalformedJson:
        return Unreadable("malformed_json", "The message is not valid JSON.")
    except InvalidRequest:
        return Unreadable("invalid_request", "Give each field once.")
    fields = message if isinstance(message, dict) else {}
    kind = fields.get("type")
    if kind == "pong":
        return Pong()
    if kind == "subscribe":
        return _subscribe(fields)
    if kind == "watch":
        return _watch(fields)
    return Unreadable("invalid_request", "Send an object whose type is 'subscribe', 'watch' or 'pong'.")


def _subscribe(fields: Mapping[str, object]) -> Subscribe | Unreadable:
    auth, board, me = fields.get("auth"), fields.get("board", "main"), fields.get("me", False)
    if not isinstance(auth, str | None) or not isinstance(board, str):
        return Unreadable("invalid_request", "'auth' and 'board' are strings.")
    if not isinstance(me, bool):
        return Unreadable("invalid_request", "'me' is true or false.")
    return Subscribe(auth, board, me)


def _watch(fields: Mapping[str, object]) -> Watch | Unreadable:
    board = fields.get("board", "main")
    if fields.keys() - {"type", "board"}:
        return Unreadable("invalid_request", "'watch' takes a 'board' alone. For an account's own, send 'subscribe'.")
    return Watch(board) if isinstance(board, str) else Unreadable("invalid_request", "'board' is a string.")


def initial(board: str, version: int, online: int, rows: Sequence[Row]) -> bytes:
    """Return the answer to a subscribe; `online` players are on the board."""
    meta = {"code": 200, "board": board, "version": version, "online": online}
    return _frame({"type": "leaderboard.initial", "meta": meta, "data": rows})


def update(board: str, version: int, online: int, rows: Sequence[Row], changes: Sequence[Row]) -> bytes:
    """Return the broadcast of a changed board; `online` players are on it."""
    meta = {"code": 200, "board": board, "version": version, "online": online}
    return _frame({"type": "leaderboard.update", "meta": meta, "data": rows, "changeInfo": changes})


def standing(board: str, told: OwnStanding, previous_rank: int | None) -> bytes:
    """Return a subscriber's own standing; `previous_rank` is the rank in the message before."""
    data = {"rank": told.rank, "previous_rank": previous_rank, "score": told.score, "total": told.total}
    return _frame({"type": "standing.update", "meta": {"code": 200, "board": board}, "data": data})


def ping(now: float) -> bytes:
    """Return a ping; `now` is Unix time in seconds."""
    stamp = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return _frame({"type": "ping", "timestamp": stamp})


def error(status: int, code: str, message: str) -> bytes:
    """Return an error message; `status` is the HTTP status of the same refusal."""
    return _frame({"type": "error", "meta": {"code": status}, "error": {"code": code, "message": message}})


def _frame(message: Mapping[str, object]) -> bytes:
    return frames.text(json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode())
