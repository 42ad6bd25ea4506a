"""The depths of the broker's queues as the relay last counted them, so that a request never asks the broker."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

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
    """One text, written and expiring as a whole: queue to `{"ready", "unacked", "consumers"}` as JSON."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def put(self, counts: Mapping[str, QueueDepth]) -> None:
        """Store counts that were made just now, for `_SECONDS`. Raises redis.RedisError."""
        text = json.dumps({queue: asdict(depth) for queue, depth in counts.items()})
        self._client.set(KEY, text, ex=_SECONDS)

    def all(self) -> dict[str, QueueDepth]:
        """Return the last counts by queue; none if they are older than `_SECONDS`. Raises redis.RedisError."""
        if self._client.ttl(KEY) > _SECONDS:  # Redis's clock was set back: the counts' age is unknown
            return {}
        try:
            return _parse_depths(self._client.get(KEY))
        except WrongType:
            return {}


def _parse_depths(text: str | None) -> dict[str, QueueDepth]:
    """Return the counts; none for a text of another program."""
    try:
        queues = json.loads(text or "{}").items()
        return {queue: _parse_depth(**counts) for queue, counts in queues}
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return {}


def _parse_depth(ready: int, unacked: int | None, consumers: int) -> QueueDepth:
    return QueueDepth(int(ready), None if unacked is None else int(unacked), int(consumers))
