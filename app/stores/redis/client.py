"""A client to Redis, a single node or a cluster, and the Lua scripts that run there."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import redis
import structlog
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, ResponseError
from redis.retry import Retry

from app.stores.redis.cluster import ClusterClient, DirectClusterConnection
from app.stores.redis.cluster_slots import SCHEME
from app.stores.redis.connection import DirectConnection, OptionValue, RedisValue, Reply, connect_directly
from app.stores.unavailability import PARSER, RedisRefuses, WrongType

log = structlog.get_logger("fairboard.redis")

_TYPES = re.compile(r"^-- types: (?P<types>[a-z ]+)$", re.MULTILINE)
_INCLUDE = re.compile(r"^-- include (?P<file>\w+)$", re.MULTILINE)

Client = Any  # SingleClient or ClusterClient: the same commands and a `direct` connection, no common type
Call = tuple[str, Sequence[str], Sequence[RedisValue]]  # script name, keys, arguments


class SingleClient(redis.Redis):
    """redis-py's client, with a direct connection for hot commands."""

    def __init__(self, **options: OptionValue) -> None:
        super().__init__(**options)
        pool = self.connection_pool
        self.direct = connect_directly(
            lambda: pool.connection_class(**pool.connection_kwargs), pool.connection_kwargs["socket_timeout"]
        )

    def close(self) -> None:
        """Close all connections."""
        super().close()
        self.direct.close()


def connect(url: str, timeout: float) -> Client:
    """Return a client, to a single node or a cluster, that answers or fails within `timeout` seconds; connects later.

    The client never retries a command: a lost answer doesn't tell whether the command ran.
    """
    options: dict[str, OptionValue] = {
        "decode_responses": True,
        "encoding_errors": "surrogateescape",  # another program may write anything to our keys
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(NoBackoff(), 0),
        "parser_class": PARSER,
    }
    if url.startswith(f"{SCHEME}://"):
        return ClusterClient(url, timeout, **options)
    return SingleClient.from_url(url, max_connections=1000, **options)


def direct_connection(client: Client) -> DirectConnection | DirectClusterConnection:
    """Return the direct connection to the node, or the nodes, for commands that every request sends."""
    direct: DirectConnection | DirectClusterConnection = client.direct
    return direct


def _with_includes(text: str, files: Mapping[str, str]) -> str:
    """Return a script's text with the files that it includes, and those that they include."""
    return _INCLUDE.sub(lambda match: _with_includes(files[match["file"]].rstrip("\n"), files), text)


class Scripts:
    """The .lua files in `scripts`, run by name. A line `-- include name` is replaced by the text of name.lua.

    A line `-- types:` has the Redis type of each key, or `integer`. All our keys may be lost at any time, so a value of
    another program that makes a script fail is deleted: that request is refused, the next one finds the key absent.
    """

    def __init__(self, client: Client) -> None:
        self._direct = direct_connection(client)
        files = {path.stem: path.read_text() for path in (Path(__file__).parent / "scripts").glob("*.lua")}
        self._sources = {name: _with_includes(text, files) for name, text in files.items()}
        self._types = {name: match["types"].split() for name, text in files.items() if (match := _TYPES.search(text))}
        # Redis names scripts by this digest; no secret depends on it.
        self._digests = {
            name: hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest() for name, text in self._sources.items()
        }

    def run(self, name: str, keys: Sequence[str], args: Sequence[RedisValue]) -> Reply:
        """Run one script in one round trip and return its answer."""
        return self.run_together([(name, keys, args)])[0]

    def node_of(self, key: str) -> str:
        """Return a name of the node that has the key, the same in all processes; '' where there is one node."""
        return self._direct.node_of(key)

    def run_together(self, calls: Sequence[Call]) -> list[Reply]:
        """Run several scripts, in one round trip to each node, and return their answers; each script is atomic.

        Raises the first refusal.
        """
        answers = self._direct.call_together([self._command(*call) for call in calls])
        for index, answer in enumerate(answers):
            if isinstance(answer, NoScriptError):  # a restarted Redis needs the text again
                answers[index] = self._run_by_text(*calls[index])
            if isinstance(answers[index], Exception):
                raise self._mend(calls[index], answers[index])
        return answers

    def drop_foreign(self, keys: Sequence[str], types: Sequence[str]) -> list[str]:
        """Delete those of the keys that have a value of another type than we write; return their names."""
        deleted: list[str] = self.run("drop_foreign", keys, types)
        if deleted:
            log.warning("redis_keys_of_another_type", keys=deleted)
        return deleted

    def _mend(self, call: Call, error: Exception) -> Exception:
        """Delete the call's keys with values of another program; return the error, or a refusal in its place."""
        name, keys, _ = call
        if type(error) not in (ResponseError, WrongType) or name not in self._types:
            return error
        return (
            RedisRefuses("a key had a value of another program")
            if self.drop_foreign(keys, self._types[name])
            else error
        )

    def _command(self, name: str, keys: Sequence[str], args: Sequence[RedisValue]) -> list[RedisValue]:
        """Return the command that runs a script that Redis knows; Redis answers NoScriptError where it doesn't."""
        return ["EVALSHA", self._digests[name], len(keys), *keys, *args]

    def _run_by_text(self, name: str, keys: Sequence[str], args: Sequence[RedisValue]) -> Reply:
        """Run a script by its text and return its answer; Redis knows the script from then on."""
        return self._direct.call_together([("EVAL", self._sources[name], len(keys), *keys, *args)])[0]
