"""A message that one process publishes over Redis reaches another."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import redis

from app.stores.boards.board_events import (
    BoardChanged,
    Listening,
    LoginEnded,
    Message,
    PlayerSuspended,
    Subscription,
    publish_board,
    publish_control,
)
from app.stores.redis.client import Client, connect
from devstack.redis_server import Redis

CHANGE = BoardChanged(
    "main",
    7,
    [{"rank": 1, "user_id": "u", "username": "Zoë", "score": 3, "achieved_at": None}],
    [{"user_id": "u"}],
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Redis]:
    """Yield a Redis that a test may break."""
    server = Redis(tmp_path / "redis", tmp_path / "log")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def client(server: Redis) -> Iterator[Client]:
    client = connect(server.url, 0.4)
    yield client
    client.close()


@pytest.fixture
def subscription(client: Client) -> Iterator[Subscription]:
    subscription = Subscription(client)
    subscription.open()
    assert hear(subscription) == Listening()
    yield subscription
    subscription.close()


def hear(subscription: Subscription) -> Message:
    """Return the next message; fail if none comes within 10 s."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        message = subscription.next(0.2)
        if message is not None:
            return message
    raise AssertionError("nothing was heard")


@pytest.mark.parametrize(
    ("publish", "message"),
    [
        (publish_board, CHANGE),
        (publish_control, PlayerSuspended(uuid4())),
        (publish_control, LoginEnded(uuid4())),
    ],
)
def test_what_is_published_arrives_as_it_was(
    client: Client, subscription: Subscription, publish: Callable[..., None], message: Message
) -> None:
    publish(client, message)
    assert hear(subscription) == message


def test_a_quiet_redis_is_not_a_lost_one(client: Client, subscription: Subscription) -> None:
    until = time.monotonic() + 5
    while time.monotonic() < until:
        assert subscription.next(0.2) is None
    publish_board(client, CHANGE)
    assert hear(subscription) == CHANGE


def test_a_redis_that_went_away_is_noticed(server: Redis, subscription: Subscription) -> None:
    server.kill()
    with pytest.raises(redis.RedisError):
        hear(subscription)


def test_a_redis_that_stands_still_is_noticed(server: Redis, subscription: Subscription) -> None:
    server.pause()
    try:
        with pytest.raises(redis.RedisError):
            hear(subscription)
    finally:
        server.resume()


def test_after_a_lost_connection_the_next_one_says_that_it_listens(client: Client, subscription: Subscription) -> None:
    client.client_kill_filter(_type="pubsub")
    with pytest.raises(redis.RedisError):
        hear(subscription)
    again = Subscription(client)
    again.open()
    assert hear(again) == Listening()
    publish_board(client, CHANGE)
    assert hear(again) == CHANGE
    again.close()
