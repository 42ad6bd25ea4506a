"""Sockets without an account, and the players' own standings on sockets with one."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.parts.client import Api, Player
from tests.parts.product import Product
from tests.parts.subscriber import Subscriber, subscribed

OWN = {"rank", "previous_rank", "score", "total"}


@pytest.fixture
def socket(product: Product) -> Iterator[Subscriber]:
    with Subscriber(product.url) as subscriber:
        yield subscriber


def _own(socket: Subscriber, **expected: Any) -> dict[str, Any]:
    """Return the first own standing that has these values, and check the form of each before it."""
    while True:
        message = socket.receive()
        if message["type"] != "standing.update":
            continue
        assert set(message) == {"type", "meta", "data"}
        assert message["meta"] == {"code": 200, "board": "main"}
        assert set(message["data"]) == OWN
        if expected.items() <= message["data"].items():
            data: dict[str, Any] = message["data"]
            return data


def _subscribe_me(socket: Subscriber, player: Player) -> None:
    socket.send({"type": "subscribe", "auth": f"Bearer {player.access_token}", "me": True})


def test_whoever_watches_gets_the_board_and_its_changes(socket: Subscriber, anna: Player) -> None:
    socket.send({"type": "watch", "board": "main"})
    first = socket.receive()
    assert first["type"] == "leaderboard.initial"
    assert (first["meta"]["code"], first["meta"]["board"]) == (200, "main")
    assert 0 <= len(first["data"]) <= 10
    anna.score_once()
    update = socket.until_change(anna.user_id, 1)
    assert update["type"] == "leaderboard.update"
    assert update["meta"]["version"] > first["meta"]["version"]


def test_main_is_the_board_that_is_watched_unless_another_is_named(socket: Subscriber) -> None:
    socket.send({"type": "watch"})
    assert socket.receive()["meta"]["board"] == "main"


@pytest.mark.parametrize("board", ["nowhere", "MAIN", "x" * 500, ""])
def test_an_unknown_board_can_not_be_watched(socket: Subscriber, board: str) -> None:
    socket.send({"type": "watch", "board": board})
    close, messages = socket.until_closed()
    assert [(message["meta"]["code"], message["error"]["code"]) for message in messages] == [(404, "not_found")]
    assert close == 1008


def test_a_socket_that_watches_signs_in_by_a_subscribe_and_out_by_a_watch(socket: Subscriber, anna: Player) -> None:
    for message in ({"type": "watch"}, {"type": "watch", "board": "main"}):
        socket.send(message)
        assert socket.next("leaderboard.initial")
    _subscribe_me(socket, anna)
    assert _own(socket)["rank"] is None
    socket.send({"type": "watch"})
    assert socket.next("leaderboard.initial")
    anna.post("/auth/logout")
    socket.send({"type": "watch"})
    assert socket.next("leaderboard.initial"), "the end of the login is none of this socket's any more"


def test_a_message_that_watches_says_nothing_else(socket: Subscriber, anna: Player) -> None:
    for more in ({"auth": f"Bearer {anna.access_token}"}, {"me": True}):
        socket.send({"type": "watch", **more})
        assert socket.next("error")["meta"] == {"code": 400}
    socket.send({"type": "watch"})
    assert socket.next("leaderboard.initial")


def test_a_server_may_refuse_sockets_without_an_account(brisk: Product, caller: Callable[[], Api]) -> None:
    player = caller().register()
    with Subscriber(brisk.url, address="127.9.9.1") as socket:
        socket.send({"type": "watch"})
        close, messages = socket.until_closed()
        assert [(message["meta"]["code"], message["error"]["code"]) for message in messages] == [(401, "unauthorized")]
        assert close == 1008
    with subscribed(brisk.url, player.access_token, address="127.9.9.1"):
        pass


def test_a_token_is_accepted_with_and_without_the_word_bearer(socket: Subscriber, anna: Player) -> None:
    for auth in (anna.access_token, f" {anna.access_token} ", f"Bearer {anna.access_token}"):
        socket.send({"type": "subscribe", "auth": auth})
        assert socket.next("leaderboard.initial")["meta"]["code"] == 200


@pytest.mark.parametrize("auth", [None, "", "Bearer", "only-the-token", "Basic YTpi", "Token a.b.c", "Bearer\ta.b"])
def test_an_auth_that_has_no_token_is_told_what_to_send(socket: Subscriber, auth: str | None) -> None:
    socket.send({"type": "subscribe", "auth": auth})
    assert "Send 'auth': 'Bearer <access token>'" in socket.next("error")["error"]["message"]
    assert socket.until_closed()[0] == 1008


def test_a_token_without_the_word_is_checked_like_any_other(product: Product, anna: Player) -> None:
    header, claims, _ = anna.access_token.split(".")
    forged = f"{header}.{claims}.{base64.urlsafe_b64encode(b'x' * 32).decode().rstrip('=')}"
    for auth in (forged, anna.refresh_token, "fbk_" + "x" * 40):
        with Subscriber(product.url) as socket:
            socket.send({"type": "subscribe", "auth": auth})
            close, messages = socket.until_closed()
            assert (close, [message["meta"]["code"] for message in messages]) == (1008, [401]), auth


def test_a_player_is_told_their_own_standing_whoever_changed_it(
    product: Product, api: Api, anna: Player, extra_type: Callable[..., str]
) -> None:
    slug = extra_type(points=700_000_000)
    with Subscriber(product.url) as socket:
        _subscribe_me(socket, anna)
        assert socket.receive()["type"] == "leaderboard.initial"
        first = _own(socket)
        assert first == {"rank": None, "previous_rank": None, "score": 0, "total": first["total"]}
        anna.score_once(slug)
        scored = _own(socket, score=700_000_000)
        assert scored["previous_rank"] is None
        assert (scored["rank"], scored["score"]) == (anna.me()["rank"], anna.me()["score"])
        ben = api.register()
        ben.score_once()
        more = _own(socket, total=scored["total"] + 1)
        assert more == {**scored, "previous_rank": scored["rank"], "total": scored["total"] + 1}
        for _ in range(2):
            ben.score_once(slug)
        overtaken = _own(socket, rank=scored["rank"] + 1)
        assert overtaken == {**more, "previous_rank": scored["rank"], "rank": scored["rank"] + 1}


def test_only_who_asks_is_told(product: Product, anna: Player, ben: Player) -> None:
    with Subscriber(product.url) as asking, Subscriber(product.url) as silent:
        _subscribe_me(asking, anna)
        silent.send({"type": "subscribe", "auth": f"Bearer {anna.access_token}", "me": False})
        anna.score_once()
        _own(asking, score=1)
        ben.score_once()
        messages: list[dict[str, Any]] = []
        while not messages or not any(row["user_id"] == ben.user_id for row in messages[-1].get("changeInfo", [])):
            messages.append(silent.receive())
        assert {message["type"] for message in messages} <= {"leaderboard.initial", "leaderboard.update", "ping"}


@pytest.mark.parametrize("me", ["true", 1, None, [], {}])
def test_me_is_true_or_false(socket: Subscriber, anna: Player, me: object) -> None:
    socket.send({"type": "subscribe", "auth": f"Bearer {anna.access_token}", "me": me})
    error = socket.next("error")
    assert (error["meta"], error["error"]["code"]) == ({"code": 400}, "invalid_request")
    assert "'me'" in error["error"]["message"]


def test_points_that_are_held_are_the_players_own(product: Product, anna: Player, ben: Player) -> None:
    """Read the standing as `GET /me` does: the public board does not have these points."""
    anna.score_once()
    case = product.query_value(
        "INSERT INTO cases (id, player_id) VALUES (gen_random_uuid(), %s) RETURNING id", anna.user_id
    )
    product.query_value(
        "UPDATE players SET held_under = %s, held_since = now(), held_from = now() WHERE id = %s RETURNING id",
        case,
        anna.user_id,
    )
    with Subscriber(product.url) as socket:
        _subscribe_me(socket, anna)
        _own(socket, score=1)
        anna.score_once()
        own = _own(socket, score=2)
        assert (own["rank"], own["score"]) == (anna.me()["rank"], anna.me()["score"])
        assert ben.get(f"/leaderboard/users/{anna.user_id}").data["score"] == 1
