"""The JSON of the WebSocket API."""

import json

import pytest

from app.ws import messages
from app.ws.messages import OwnStanding, Pong, Subscribe, Unreadable, Watch


def _body(frame: bytes) -> object:
    return json.loads(frame[2 if frame[1] < 126 else 4 :])


def test_a_subscribe_names_a_token_and_a_board() -> None:
    raw = b'{"type": "subscribe", "auth": "Bearer x", "board": "weekly"}'
    assert messages.parse(raw) == Subscribe("Bearer x", "weekly")


def test_the_board_is_main_unless_named() -> None:
    assert messages.parse(b'{"type": "subscribe", "auth": "Bearer x"}') == Subscribe("Bearer x", "main")


def test_a_missing_token_is_for_the_door_to_refuse() -> None:
    assert messages.parse(b'{"type": "subscribe"}') == Subscribe(None, "main")


@pytest.mark.parametrize(("raw", "me"), [(b"true", True), (b"false", False)])
def test_a_subscribe_may_ask_for_the_players_own_standing(raw: bytes, me: bool) -> None:
    assert messages.parse(b'{"type": "subscribe", "auth": "x", "me": %s}' % raw) == Subscribe("x", "main", me)


def test_a_watch_names_a_board_or_means_main() -> None:
    assert messages.parse(b'{"type": "watch", "board": "weekly"}') == Watch("weekly")
    assert messages.parse(b'{"type": "watch"}') == Watch("main")


@pytest.mark.parametrize("raw", [b'{"type":"pong","timestamp":"2026-01-01T00:00:00Z"}', b'{"type":"pong"}'])
def test_a_pong_is_a_pong_with_or_without_its_time(raw: bytes) -> None:
    assert messages.parse(raw) == Pong()


@pytest.mark.parametrize(
    "raw", [b"", b"hello", b"\xff", b"{", b'{"type": NaN}', b"[" * 4000, b"1" * 4096], ids=lambda raw: raw[:12]
)
def test_what_is_no_json_is_malformed(raw: bytes) -> None:
    message = messages.parse(raw)
    assert isinstance(message, Unreadable)
    assert message.code in ("malformed_json", "invalid_request")


@pytest.mark.parametrize(
    "raw",
    [
        b"null",
        b"7",
        b'"pong"',
        b"[]",
        b"{}",
        b'{"type": "unsubscribe"}',
        b'{"type": ["pong"]}',
        b'{"type": "subscribe", "auth": 7}',
        b'{"type": "subscribe", "auth": "Bearer x", "board": null}',
        b'{"type": "subscribe", "auth": "Bearer x", "me": 1}',
        b'{"type": "subscribe", "auth": "Bearer x", "me": "true"}',
        b'{"type": "subscribe", "auth": "Bearer x", "me": null}',
        b'{"type": "watch", "board": null}',
        b'{"type": "watch", "board": ["main"]}',
        b'{"type": "watch", "me": false}',
        b'{"type": "watch", "auth": "Bearer x"}',
        b'{"type": "watch", "baord": "weekly"}',
        b'{"type": "Watch"}',
        b'{"type": "subscribe", "auth": "Bearer x", "auth": "Bearer y"}',
        b'{"type": "pong", "type": "subscribe", "auth": "Bearer x"}',
    ],
)
def test_what_the_contract_does_not_know_is_invalid(raw: bytes) -> None:
    message = messages.parse(raw)
    assert isinstance(message, Unreadable)
    assert message.code == "invalid_request"


def test_messages_look_as_the_contract_says() -> None:
    rows = [{"rank": 1, "user_id": "u", "username": "Zoë", "score": 5, "achieved_at": "t"}]
    meta = {"code": 200, "board": "main", "version": 7, "online": 3}
    assert _body(messages.initial("main", 7, 3, rows)) == {"type": "leaderboard.initial", "meta": meta, "data": rows}
    assert _body(messages.update("main", 7, 3, rows, [{"user_id": "u"}])) == {
        "type": "leaderboard.update",
        "meta": meta,
        "data": rows,
        "changeInfo": [{"user_id": "u"}],
    }
    assert _body(messages.standing("main", OwnStanding(3, 7, 9), 4)) == {
        "type": "standing.update",
        "meta": {"code": 200, "board": "main"},
        "data": {"rank": 3, "previous_rank": 4, "score": 7, "total": 9},
    }
    assert _body(messages.ping(0.5)) == {"type": "ping", "timestamp": "1970-01-01T00:00:00.500Z"}
    assert _body(messages.error(401, "unauthorized", "No.")) == {
        "type": "error",
        "meta": {"code": 401},
        "error": {"code": "unauthorized", "message": "No."},
    }
