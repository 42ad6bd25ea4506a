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

from app.stores.redis_lane import Lane

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


def lane_of(client: Client) -> Lane | None:
    """The short way to a single node; None for a cluster, where each key has its own node."""
    return None if isinstance(client, RedisCluster) else Lane(client)


class Scripts:
    """The .lua files beside this module, called by name."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lane = lane_of(client)
        self._sources = {path.stem: path.read_text() for path in (Path(__file__).parent / "scripts").glob("*.lua")}
        # Redis names scripts by this digest; nothing secret hangs on it.
        self._digests = {
            name: hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest() for name, text in self._sources.items()
        }

    def run(self, name: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run one script in one round trip."""
        return self.run_together([(name, keys, args)])[0]

    def run_together(self, calls: Sequence[Call]) -> list[Any]:
        """Run several in one round trip where a single node holds all keys; each is atomic on its own."""
        answers = self._send([("EVALSHA", self._digests[name], len(keys), *keys, *args) for name, keys, args in calls])
        for index, answer in enumerate(answers):
            if isinstance(answer, NoScriptError):  # a Redis that was restarted has to be told the text again
                name, keys, args = calls[index]
                answers[index] = self._client.eval(self._sources[name], len(keys), *keys, *args)
            elif isinstance(answer, Exception):
                raise answer
        return answers

    def _send(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        if self._lane:
            return self._lane.together(commands)
        return [self._one(command) for command in commands]

    def _one(self, command: Sequence[Any]) -> Any:
        try:
            return self._client.execute_command(*command)
        except NoScriptError as error:
            return error
