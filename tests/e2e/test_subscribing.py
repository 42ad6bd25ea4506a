"""The socket: subscribing, the messages after it, and the refusals."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.test_accounts import forgeries
from tests.parts.client import Api, Player
from tests.parts.product import Product
from tests.parts.subscriber import Subscriber, frame_header, refused_upgrade, subscribed
from tests.parts.waiting import eventually

CHANGE = {"user_id", "username", "score", "previous_score", "rank", "previous_rank", "action_type"}
ROW = {"rank", "user_id", "username", "score", "achieved_at"}


@pytest.fixture
def socket(product: Product) -> Iterator[Subscriber]:
    with Subscriber(product.url) as subscriber:
        yield subscriber


def _check_end(subscriber: Subscriber, status: int, code: str | None = None) -> None:
    """Check that an error with this status comes, then close 1008."""
    close, messages = subscriber.until_closed()
    errors = [message for message in messages if message["type"] == "error"]
    assert len(errors) == 1, messages
    assert errors[0]["meta"]["code"] == status, errors
    assert errors[0]["error"]["code"]
    assert errors[0]["error"]["message"]
    if code:
        assert errors[0]["error"]["code"] == code
    assert close == 1008


def test_a_subscriber_gets_the_board_at_once(socket: Subscriber, api: Api, anna: Player) -> None:
    anna.score_once()
    socket.subscribe(anna.access_token)
    first = socket.receive()
    assert first["type"] == "leaderboard.initial"
    assert set(first) == {"type", "meta", "data"}
    assert set(first["meta"]) == {"code", "board", "version", "online"}
    assert (first["meta"]["code"], first["meta"]["board"]) == (200, "main")
    assert isinstance(first["meta"]["version"], int)
    assert 1 <= len(first["data"]) <= 10
    assert all(set(row) == ROW for row in first["data"])
    eventually(lambda: api.get("/leaderboard/top").data)


def test_a_board_may_be_named(socket: Subscriber, anna: Player) -> None:
    socket.subscribe(anna.access_token, "main")
    assert socket.receive()["type"] == "leaderboard.initial"


def test_a_redemption_is_pushed_with_what_changed(
    product: Product, api: Api, anna: Player, ben: Player, extra_type: Callable[..., str]
) -> None:
    slug = extra_type(points=950_000_000)
    with subscribed(product.url, ben.access_token) as socket:
        scored = anna.score_once(slug)
        update = socket.until_change(anna.user_id, 950_000_000, within=5)
        assert update["type"] == "leaderboard.update"
        assert set(update) == {"type", "meta", "data", "changeInfo"}
        assert (update["meta"]["code"], update["meta"]["board"]) == (200, "main")
        (change,) = [entry for entry in update["changeInfo"] if entry["user_id"] == anna.user_id]
        assert change == {
            "user_id": anna.user_id,
            "username": anna.username,
            "score": 950_000_000,
            "previous_score": 0,
            "rank": scored["rank"]["current"],
            "previous_rank": None,
            "action_type": slug,
        }
    eventually(lambda: api.get("/leaderboard/top").data == update["data"])


def test_a_change_below_the_top_ten_is_told_too(product: Product, anna: Player, ben: Player) -> None:
    with subscribed(product.url, ben.access_token) as socket:
        anna.score_once()
        changes = socket.until_change(anna.user_id, 1)["changeInfo"]
    (change,) = [entry for entry in changes if entry["user_id"] == anna.user_id]
    assert set(change) == CHANGE
    assert change["previous_score"] == 0


def test_versions_grow_with_every_change(product: Product, anna: Player, ben: Player) -> None:
    with subscribed(product.url, ben.access_token) as socket:
        versions = []
        for score in (1, 2, 3, 4):
            anna.score_once()
            versions.append(socket.until_change(anna.user_id, score)["meta"]["version"])
    assert versions == sorted(set(versions))
    with Subscriber(product.url) as again:
        again.subscribe(ben.access_token)
        assert again.receive()["meta"]["version"] >= versions[-1]


def test_a_further_subscribe_is_answered_with_the_board(socket: Subscriber, api: Api, anna: Player) -> None:
    for token in (anna.access_token, api.login(anna.username).access_token, api.register().access_token):
        socket.subscribe(token)
        assert socket.next("leaderboard.initial")["meta"]["board"] == "main"


def test_a_further_subscribe_with_a_bad_token_ends_the_socket(socket: Subscriber, anna: Player) -> None:
    socket.subscribe(anna.access_token)
    socket.next("leaderboard.initial")
    socket.subscribe("nonsense")
    _check_end(socket, 401, "unauthorized")


def test_no_forged_token_subscribes(product: Product, anna: Player) -> None:
    for description, token in forgeries(product, anna).items():
        with Subscriber(product.url) as socket:
            socket.subscribe(token)
            close, messages = socket.until_closed()
            assert (close, [message["meta"]["code"] for message in messages]) == (1008, [401]), description


@pytest.mark.parametrize("auth", [None, "", "Bearer", "Bearer ", "Bearer x", "Basic YTpi", "Bearer \u00e9"])
def test_a_missing_or_malformed_token_is_a_401(socket: Subscriber, auth: str | None) -> None:
    socket.send({"type": "subscribe"} if auth is None else {"type": "subscribe", "auth": auth})
    _check_end(socket, 401, "unauthorized")


@pytest.mark.parametrize("auth", [None, "", " ", "Bearer", "bearer ", "only-the-token", "Basic YTpi", "Bearer\tx"])
def test_what_is_wrong_is_said_of_the_field_of_the_message(socket: Subscriber, auth: str | None) -> None:
    socket.send({"type": "subscribe", "auth": auth})
    text = socket.next("error")["error"]["message"]
    assert "'auth'" in text
    assert "Authorization" not in text


def test_the_word_bearer_may_be_in_any_case(socket: Subscriber, anna: Player) -> None:
    socket.send({"type": "subscribe", "auth": f"bEARER  {anna.access_token} "})
    assert socket.next("leaderboard.initial")["meta"]["code"] == 200


@pytest.mark.parametrize("auth", [1, ["Bearer x"], {"a": 1}, True])
def test_a_token_that_is_no_text_is_an_error(socket: Subscriber, auth: Any) -> None:
    socket.send({"type": "subscribe", "auth": auth})
    assert socket.receive()["meta"]["code"] in (400, 401)


def test_a_refresh_token_does_not_subscribe(socket: Subscriber, anna: Player) -> None:
    socket.subscribe(anna.refresh_token)
    _check_end(socket, 401, "unauthorized")


def test_a_revoked_token_does_not_subscribe(socket: Subscriber, anna: Player) -> None:
    anna.post("/auth/logout")
    socket.subscribe(anna.access_token)
    _check_end(socket, 401, "unauthorized")


def test_a_suspended_player_does_not_subscribe(product: Product, socket: Subscriber, anna: Player) -> None:
    product.flask("users", "suspend", anna.username, "--yes")
    socket.subscribe(anna.access_token)
    _check_end(socket, 403, "account_suspended")


@pytest.mark.parametrize("board", ["nowhere", "MAIN", "x" * 500])
def test_an_unknown_board_is_a_404(socket: Subscriber, anna: Player, board: str) -> None:
    socket.subscribe(anna.access_token, board)
    _check_end(socket, 404)


def test_an_origin_that_is_not_allowed_is_refused_before_the_upgrade(product: Product) -> None:
    for evil in ("http://evil.example", "https://evil.example", "null", product.url + ".evil.example", "file://"):
        assert refused_upgrade(product.url, origin=evil) == 403, evil


def test_ones_own_origin_and_none_at_all_are_allowed(product: Product) -> None:
    assert refused_upgrade(product.url, origin=product.url) == 101
    assert refused_upgrade(product.url) == 101


def test_a_plain_get_of_the_socket_is_refused_in_the_envelope(api: Api) -> None:
    answer = api.get("/ws/leaderboard")
    assert 400 <= answer.status < 500


@pytest.mark.parametrize("nonsense", ["", "{", "[]", "null", "1", '"x"', '{"type": 5}', '{"type": "dance"}', "{}"])
def test_the_third_unknown_message_closes_and_each_gets_an_error(product: Product, anna: Player, nonsense: str) -> None:
    with subscribed(product.url, anna.access_token) as socket:
        for _ in range(3):
            socket.send(nonsense)
        close, messages = socket.until_closed()
    codes = [message["meta"]["code"] for message in messages if message["type"] == "error"]
    assert (codes, close) == ([400, 400, 400], 1008)


def test_binary_messages_are_errors_too(product: Product, anna: Player) -> None:
    with subscribed(product.url, anna.access_token) as socket:
        socket.send_binary(b"\x00\xff")
        assert socket.next("error")["meta"]["code"] == 400
        socket.send_binary(json.dumps({"type": "pong"}).encode())
        assert socket.next("error")["meta"]["code"] == 400
        socket.send("nonsense")
        assert socket.until_closed()[0] == 1008


def test_two_bad_messages_are_forgiven(product: Product, anna: Player, ben: Player) -> None:
    with subscribed(product.url, anna.access_token) as socket:
        for _ in range(2):
            socket.send("nonsense")
            assert socket.next("error")["meta"]["code"] == 400
        ben.score_once()
        assert socket.next()


def test_a_message_of_4_kib_is_read_and_a_longer_one_closes_with_1009(product: Product, anna: Player) -> None:
    with subscribed(product.url, anna.access_token) as socket:
        socket.send("x" * 4096)
        assert socket.next("error")["meta"]["code"] == 400
        socket.send("x" * 4097)
        assert socket.until_closed()[0] == 1009


def test_a_huge_message_closes_with_1009_long_before_its_end(product: Product, anna: Player) -> None:
    with subscribed(product.url, anna.access_token) as socket:
        socket.raw.sendall(frame_header(1, 1 << 40) + b"x" * 5000)
        assert socket.until_closed()[0] == 1009


def test_fragments_that_add_up_close_with_1009(product: Product, anna: Player) -> None:
    with subscribed(product.url, anna.access_token) as socket:
        socket.raw.sendall(frame_header(1, 2000, final=False) + b"x" * 2000)
        for _ in range(2):
            socket.raw.sendall(frame_header(0, 2000, final=False) + b"x" * 2000)
        assert socket.until_closed()[0] == 1009


def test_a_message_in_fragments_is_one_message(product: Product, anna: Player) -> None:
    text = json.dumps({"type": "subscribe", "auth": f"Bearer {anna.access_token}"}).encode()
    with Subscriber(product.url) as socket:
        half = len(text) // 2
        socket.raw.sendall(frame_header(1, half, final=False) + text[:half])
        socket.raw.sendall(frame_header(0, len(text) - half) + text[half:])
        assert socket.receive()["type"] == "leaderboard.initial"


def test_a_frame_without_a_mask_is_a_protocol_error(product: Product, anna: Player) -> None:
    with subscribed(product.url, anna.access_token) as socket:
        socket.raw.sendall(b"\x81\x02{}")
        assert socket.until_closed()[0] in (1002, None)


def test_a_close_is_answered(product: Product, anna: Player) -> None:
    with subscribed(product.url, anna.access_token) as socket:
        socket.raw.sendall(frame_header(8, 2) + b"\x03\xe8")
        assert socket.until_closed()[0] in (1000, None)


def test_clients_that_vanish_harm_nobody(product: Product, anna: Player, ben: Player) -> None:
    vanishing = [subscribed(product.url, anna.access_token) for _ in range(20)]
    with subscribed(product.url, anna.access_token) as remaining:
        for socket in vanishing:
            socket.vanish()
        ben.score_once()
        assert remaining.next()
