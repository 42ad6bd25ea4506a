"""One client to Redis, a single node or a cluster, and the Lua scripts that run there."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.exceptions import NoScriptError
from redis.retry import Retry

Client = Any  # redis.Redis or redis.cluster.RedisCluster: the same commands, no common type
Call = tuple[str, Sequence[str], Sequence[Any]]  # script name, keys, arguments


def connect(url: str, timeout: float) -> Client:
    """A client that answers or fails within `timeout` seconds.

    It never repeats a command by itself: a lost answer doesn't tell whether the command ran.
    """
    options: dict[str, Any] = {
        "decode_responses": True,
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(NoBackoff(), 0),
    }
    if url.startswith("redis+cluster://"):
        return RedisCluster.from_url(url.replace("redis+cluster", "redis", 1), **options)
    return redis.Redis.from_url(url, max_connections=1000, **options)


class Scripts:
    """The .lua files beside this module, called by name."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._sources = {path.stem: path.read_text() for path in (Path(__file__).parent / "scripts").glob("*.lua")}
        # Redis names scripts by this digest; nothing secret hangs on it.
        self._digests = {
            name: hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest() for name, text in self._sources.items()
        }

    def run(self, name: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run one script in one round trip."""
        try:
            return self._client.evalsha(self._digests[name], len(keys), *keys, *args)
        except NoScriptError:  # a Redis that was restarted or flushed has to be told the text again
            return self._client.eval(self._sources[name], len(keys), *keys, *args)

    def run_together(self, calls: Sequence[Call]) -> list[Any]:
        """Run several in one round trip where a single node holds all keys; each is atomic on its own."""
        if isinstance(self._client, RedisCluster):
            return [self.run(*call) for call in calls]
        pipeline = self._client.pipeline(transaction=False)
        for name, keys, args in calls:
            pipeline.evalsha(self._digests[name], len(keys), *keys, *args)
        answers = pipeline.execute(raise_on_error=False)
        for index, answer in enumerate(answers):
            if isinstance(answer, NoScriptError):
                answers[index] = self.run(*calls[index])
            elif isinstance(answer, Exception):
                raise answer
        return list(answers)
