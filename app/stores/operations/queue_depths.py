"""What waits in the broker's queues, as the relay last saw it: a request never asks the broker."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from app.stores.redis.client import Client

KEY = "fairboard:queues"
_SECONDS = 30  # a relay that is gone tells nothing, instead of what was true once


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """Messages that wait, messages in a worker's hands (None: nobody says), and how many take from the queue."""

    ready: int
    unacked: int | None
    consumers: int


class QueueDepthStore:
    """A hash: queue to `{"ready", "unacked", "consumers"}` as JSON."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def put(self, counts: Mapping[str, QueueDepth]) -> None:
        """Keep what was counted just now, for `_SECONDS`. Raises redis.RedisError."""
        for queue, count in counts.items():
            told = {"ready": count.ready, "unacked": count.unacked, "consumers": count.consumers}
            self._client.hset(KEY, queue, json.dumps(told))
        self._client.expire(KEY, _SECONDS)

    def all(self) -> dict[str, QueueDepth]:
        """What was counted last; nothing if that was long ago. Raises redis.RedisError."""
        if self._client.ttl(KEY) > _SECONDS:  # Redis's clock was set back: nobody knows how long ago
            return {}
        found = {queue: json.loads(text) for queue, text in self._client.hgetall(KEY).items()}
        return {queue: QueueDepth(told["ready"], told["unacked"], told["consumers"]) for queue, told in found.items()}
