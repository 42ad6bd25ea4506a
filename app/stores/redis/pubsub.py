"""Listening to Redis's channels, and noticing that nobody speaks any more."""

from __future__ import annotations

import time
from typing import Any

import redis

from app.stores.redis.client import Client

_QUIET_SECONDS = 1.0  # without a word from Redis, ask whether it is there
_LOST_SECONDS = 3.0  # without an answer, it is not


class Channels:
    """One connection that listens to some channels; on a cluster, at some node that answers.

    Once it has raised, it is of no use: close it and make another. Not for two greenlets or threads at once.
    """

    def __init__(self, client: Client, *names: str) -> None:
        """Raises redis.RedisError on a cluster of which no node answers."""
        self._names = names
        self._pubsub = client.pubsub()
        self._heard_at = time.monotonic()
        self._asked = False

    def open(self) -> None:
        """Ask for the channels. Raises redis.RedisError."""
        self._pubsub.subscribe(*self._names)
        self._heard_at = time.monotonic()

    def next(self, timeout: float) -> dict[str, Any] | None:
        """The next message as redis-py has it, or None after `timeout` seconds. Raises redis.RedisError when lost."""
        raw: dict[str, Any] | None = self._pubsub.get_message(timeout=timeout)
        now = time.monotonic()
        if raw is not None:
            self._heard_at, self._asked = now, False
            return raw
        if now - self._heard_at > _LOST_SECONDS:
            raise redis.ConnectionError("the subscription has gone silent")
        if now - self._heard_at > _QUIET_SECONDS and not self._asked:
            self._asked = True
            self._pubsub.ping()
        return None

    def close(self) -> None:
        """Give the connection back."""
        self._pubsub.close()
