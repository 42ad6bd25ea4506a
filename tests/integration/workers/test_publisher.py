"""Publishing: confirmed or an error, in seconds, in every state of the broker."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
import redis
from celery import Celery
from kombu.exceptions import OperationalError

from devstack.rabbitmq import RabbitMQ
from devstack.stack import Stack
from workers.broker import broker_connection, plain_app
from workers.publisher import Publisher

TASK = "leaderboard.refresh"


@pytest.fixture
def publisher(celery: Celery) -> Iterator[Publisher]:
    publisher = Publisher(celery)
    yield publisher
    publisher.drop()


def _numbers(rabbitmq: RabbitMQ) -> list[int]:
    """Take all tasks from the queue, and return their numbers."""
    numbers = []
    with broker_connection(rabbitmq.url, 10) as connection, connection.channel() as channel:
        while message := channel.basic_get("leaderboard", no_ack=True):
            numbers.append(json.loads(message.body)[1]["number"])
    return numbers


def test_a_stalled_broker_is_an_error_and_what_is_sent_afterwards_is_there(
    publisher: Publisher, rabbitmq: RabbitMQ
) -> None:
    publisher.send(TASK, {"number": 1})
    rabbitmq.pause()
    try:
        with pytest.raises(OperationalError):
            publisher.send(TASK, {"number": 2})
    finally:
        rabbitmq.resume()
    publisher.send(TASK, {"number": 3})
    assert [number for number in _numbers(rabbitmq) if number != 2] == [1, 3], "what became of the second is unknown"


def test_a_queue_that_was_deleted_under_us_loses_nothing_without_a_word(
    publisher: Publisher, rabbitmq: RabbitMQ, ready: Callable[[str], int]
) -> None:
    publisher.send(TASK, {"number": 1})
    with broker_connection(rabbitmq.url, 10) as connection, connection.channel() as channel:
        channel.queue_delete("leaderboard")
    with pytest.raises(Exception, match="NO_ROUTE"):
        publisher.send(TASK, {"number": 2})
    publisher.send(TASK, {"number": 2})
    assert ready("leaderboard") == 1


def test_a_redis_broker_that_was_emptied_gets_its_queues_back(servers: Stack) -> None:
    """Redis as a broker silently drops a task that belongs to no queue."""
    broker = redis.Redis.from_url(servers.env["BROKER_URL"])
    with plain_app(servers.env["BROKER_URL"]) as app:
        publisher = Publisher(app, declare_seconds=0)
        publisher.send(TASK, {"number": 1})
        broker.flushdb()
        publisher.send(TASK, {"number": 2})
        assert broker.llen("leaderboard") == 1
        publisher.drop()
    broker.flushdb()
