"""A worker whose broker is Redis waits while it refuses; on RabbitMQ that error is a mistake, and ends the worker."""

from __future__ import annotations

import pytest

from app.settings import Settings
from workers.fairboard_celery import create_celery


@pytest.mark.parametrize(
    ("broker", "waits"),
    [("redis://localhost/1", True), ("rediss://localhost/1", True), ("amqp://localhost//", False)],
)
def test_a_refusal_of_the_broker_is_waited_out_on_redis(broker: str, waits: bool) -> None:
    app = create_celery(Settings(broker_url=broker))
    assert app.conf.broker_channel_error_retry is waits
    app.close()
