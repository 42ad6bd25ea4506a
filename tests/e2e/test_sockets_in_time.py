"""The reasons for which a server ends a socket, in a product whose heartbeat is half a second."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.parts.client import Api, Player
from tests.parts.product import Product
from tests.parts.subscriber import Closed, Subscriber, subscribed

Caller = Callable[[], Api]


@pytest.fixture
def anna(caller: Caller) -> Player:
    return caller().register()


@pytest.fixture
def socket(brisk: Product, anna: Player, address: str) -> Iterator[Subscriber]:
    with subscribed(brisk.url, anna.access_token, address=address) as subscriber:
        yield subscriber


def test_who_does_not_subscribe_in_time_is_told_and_closed(brisk: Product, address: str) -> None:
    with Subscriber(brisk.url, address=address) as socket:
        close, messages = socket.until_closed()
    assert close == 1008
    assert [(message["type"], message["meta"]["code"]) for message in messages] == [("error", 401)]


def test_a_pong_is_no_subscription(brisk: Product, address: str) -> None:
    with Subscriber(brisk.url, address=address) as socket:
        socket.pong()
        close, messages = socket.until_closed()
    assert close == 1008
    assert messages[-1]["meta"]["code"] == 401


def test_pings_come_with_the_time(socket: Subscriber) -> None:
    ping = socket.next("ping")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", ping["timestamp"])


def test_who_answers_pings_stays(socket: Subscriber) -> None:
    while len(socket.pings) < 5:
        socket.receive()


def test_two_unanswered_pings_in_a_row_close_with_4408(socket: Subscriber) -> None:
    socket.answers_pings = False
    close, messages = socket.until_closed()
    assert close == 4408
    assert [message["type"] for message in messages].count("ping") == 2


def test_one_unanswered_ping_is_forgiven(socket: Subscriber) -> None:
    for _ in range(2):
        socket.answers_pings = False
        socket.next("ping")
        socket.answers_pings = True
        socket.next("ping")


def _reason(socket: Subscriber) -> tuple[int | None, list[tuple[int, str]]]:
    close, messages = socket.until_closed(within=40)
    return close, [
        (message["meta"]["code"], message["error"]["code"]) for message in messages if message["type"] == "error"
    ]


def test_a_token_that_expires_ends_the_socket(socket: Subscriber) -> None:
    assert _reason(socket) == (1008, [(401, "unauthorized")])


def test_signing_out_ends_the_socket(socket: Subscriber, anna: Player) -> None:
    assert anna.post("/auth/logout").status == 204
    assert _reason(socket) == (1008, [(401, "unauthorized")])


def test_reusing_a_refresh_token_ends_the_socket(socket: Subscriber, anna: Player) -> None:
    anna.api.post("/auth/refresh", token=anna.refresh_token)
    assert anna.api.post("/auth/refresh", token=anna.refresh_token).status == 401
    assert _reason(socket) == (1008, [(401, "unauthorized")])


def test_being_suspended_ends_the_socket(brisk: Product, socket: Subscriber, anna: Player) -> None:
    with ThreadPoolExecutor() as pool:
        suspended = pool.submit(brisk.flask, "users", "suspend", anna.username, "--yes")
        close, errors = _reason(socket)  # this answers pings while the command starts
        assert suspended.result().returncode == 0
    # The token may expire while the command is still starting up on a slow machine.
    assert close == 1008
    assert errors in ([(403, "account_suspended")], [(401, "unauthorized")])


def test_a_renewed_token_keeps_the_socket_open(socket: Subscriber, anna: Player) -> None:
    token, began = anna.refresh_token, time.monotonic()
    while time.monotonic() - began < 20:
        try:
            socket.receive()
        except Closed as closed:
            pytest.fail(str(closed))
        if len(socket.pings) % 4 == 3:
            renewed = anna.api.post("/auth/refresh", token=token).data
            token = renewed["refresh_token"]
            socket.subscribe(renewed["access_token"])
            socket.next("leaderboard.initial")
        if len(socket.pings) > 17:  # twice as long as a token lives
            return


def _closed_for_slowness(api: Api) -> float:
    (count,) = re.findall(r"^fairboard_slow_closed_total (\S+)", api.get("//metrics").text, re.M) or ["0"]
    return float(count)


def test_a_subscriber_that_cannot_read_is_closed(brisk: Product, anna: Player, caller: Caller, address: str) -> None:
    """Go on sending pongs and renewing the token without reading any board."""
    api, ended = caller(), threading.Event()
    before = _closed_for_slowness(api)

    def move_the_board() -> None:
        while not ended.is_set():
            player = caller().register()
            for _ in range(4):
                player.score_once()

    with (
        ThreadPoolExecutor() as pool,
        subscribed(brisk.url, anna.access_token, address=address, receive_buffer=2048) as socket,
    ):
        moves = pool.submit(move_the_board)
        began, token = time.monotonic(), anna.refresh_token
        renew_at = began + 5
        while _closed_for_slowness(api) == before and time.monotonic() < began + 25:
            socket.pong()
            if time.monotonic() > renew_at:
                renew_at += 5
                renewed = anna.api.post("/auth/refresh", token=token).data
                token = renewed["refresh_token"]
                socket.subscribe(renewed["access_token"])
            ended.wait(0.25)  # sooner, a quick machine gets 1008 for sending too much
        ended.set()
        close, _ = socket.until_closed()
        moves.result()
    # The reason may not get through to a client that does not read.
    assert close in (4409, None)
    assert _closed_for_slowness(api) == before + 1
