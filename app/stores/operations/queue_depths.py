"""The depths of the broker's queues as the relay last counted them, so that a request never asks the broker."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from app.stores.redis.client import Client
from app.stores.unavailability import WrongType

KEY = "fairboard:queues"
_SECONDS = 30  # the last counts of a stopped relay expire, instead of passing for current ones


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """Messages that wait, messages that workers hold (`None`: unknown), and the number of consumers."""

    ready: int
    unacked: int | None
    consumers: int


class QueueDepthStore:
    """A hash: queue to `{"ready", "unacked", "consumers"}` as JSON."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def put(self, counts: Mapping[str, QueueDepth]) -> None:
        """Store counts that were made just now, for `_SECONDS`. Raises redis.RedisError."""
        for queue, count in counts.items():
            fields = {"ready": count.ready, "unacked": count.unacked, "consumers": count.consumers}
            try:
                self._client.hset(KEY, queue, json.dumps(fields))
            except WrongType:
                self._client.delete(KEY)  # for the next counts
                raise
        self._client.expire(KEY, _SECONDS)

    def all(self) -> dict[str, QueueDepth]:
        """Return the last counts by queue; none if they are older than `_SECONDS`. Raises redis.RedisError."""
        if self._client.ttl(KEY) > _SECONDS:  # Redis's clock was set back: the counts' age is unknown
            return {}
        try:
            texts = self._client.hgetall(KEY)
        except WrongType:
            return {}
        depths = {queue: _parse_depth(text) for queue, text in texts.items()}
        return {queue: depth for queue, depth in depths.items() if depth}


def _parse_depth(text: str) -> QueueDepth | None:
    """Return the counts; None for a text of another program."""
    try:
        fields = json.loads(text)
        ready, unacked, consumers = fields["ready"], fields["unacked"], fields["consumers"]
        return QueueDepth(int(ready), None if unacked is None else int(unacked), int(consumers))
    except (ValueError, TypeError, LookupError):
        return None
