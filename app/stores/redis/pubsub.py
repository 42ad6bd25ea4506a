"""Subscriptions to Redis's channels that notice when Redis has gone silent."""

from __future__ import annotations

import time

import redis

from app.stores.redis.client import Client

_PING_SECONDS = 1.0  # send a PING after this long without a message
_LOST_SECONDS = 3.0  # the subscription is lost after this long without an answer


class Channels:
    """One connection that listens to some channels; on a cluster, at some node that answers.

    After an error it is of no use: close it and create a new one. Not for two greenlets or threads at once.
    """

    def __init__(self, client: Client, *names: str) -> None:
        """Prepare a subscription to the channels. Raises redis.RedisError on a cluster when no node answers."""
        self._names = names
        self._pubsub = client.pubsub()
        self._last_message_at = time.monotonic()
        self._has_pinged = False

    def open(self) -> None:
        """Subscribe to the channels. Raises redis.RedisError."""
        self._pubsub.subscribe(*self._names)
        self._last_message_at = time.monotonic()

    def next(self, timeout: float) -> dict[str, object] | None:
        """Return the next message in redis-py's form, or `None` after `timeout` seconds.

        Raises redis.RedisError when the subscription is lost.
        """
        message: dict[str, object] | None = self._pubsub.get_message(timeout=timeout)
        now = time.monotonic()
        if message is not None:
            self._last_message_at, self._has_pinged = now, False
            return message
        if now - self._last_message_at > _LOST_SECONDS:
            raise redis.ConnectionError("the subscription has gone silent")
        if now - self._last_message_at > _PING_SECONDS and not self._has_pinged:
            self._has_pinged = True
            self._pubsub.ping()
        return None

    def close(self) -> None:
        """Close the connection."""
        self._pubsub.close()
