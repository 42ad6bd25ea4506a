"""One client to Redis, a single node or a cluster, and the Lua scripts that run there."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError
from redis.retry import Retry

from app.stores.redis.cluster import ClusterClient, ClusterLane
from app.stores.redis.cluster_slots import SCHEME
from app.stores.redis.connection import Lane
from app.stores.unavailability import PARSER

_INCLUDE = re.compile(r"^-- include (?P<file>\w+)$", re.MULTILINE)

Client = Any  # Single or ClusterClient: the same commands and a `lane`, no common type
Call = tuple[str, Sequence[str], Sequence[Any]]  # script name, keys, arguments


class Single(redis.Redis):
    """redis-py's client, with the short way beside it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        pool = self.connection_pool
        self.lane = Lane(lambda: pool.connection_class(**pool.connection_kwargs))


def connect(url: str, timeout: float) -> Client:
    """A client that answers or fails within `timeout` seconds, to a single node or a cluster; asks nobody yet.

    It never repeats a command by itself: a lost answer doesn't tell whether the command ran.
    """
    options: dict[str, Any] = {
        "decode_responses": True,
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(NoBackoff(), 0),
        "parser_class": PARSER,
    }
    if url.startswith(f"{SCHEME}://"):
        return ClusterClient(url, timeout, **options)
    return Single.from_url(url, max_connections=1000, **options)


def lane_of(client: Client) -> Lane | ClusterLane:
    """The short way to the node, or the nodes, for what every request sends."""
    lane: Lane | ClusterLane = client.lane
    return lane


class Scripts:
    """The .lua files in `scripts`, called by name. A line `-- include name` stands for the text of name.lua."""

    def __init__(self, client: Client) -> None:
        self._lane = lane_of(client)
        files = {path.stem: path.read_text() for path in (Path(__file__).parent / "scripts").glob("*.lua")}
        self._sources = {
            name: _INCLUDE.sub(lambda line: files[line["file"]].rstrip("\n"), text) for name, text in files.items()
        }
        # Redis names scripts by this digest; nothing secret hangs on it.
        self._digests = {
            name: hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest() for name, text in self._sources.items()
        }

    def run(self, name: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run one script in one round trip."""
        return self.run_together([(name, keys, args)])[0]

    def run_together(self, calls: Sequence[Call]) -> list[Any]:
        """Run several in one round trip (to each node that they need); each is atomic on its own."""
        answers = self._lane.together([self.command(*call) for call in calls])
        for index, answer in enumerate(answers):
            if isinstance(answer, NoScriptError):  # a Redis that was restarted has to be told the text again
                answers[index] = self.told(*calls[index])
            elif isinstance(answer, Exception):
                raise answer
        return answers

    def command(self, name: str, keys: Sequence[str], args: Sequence[Any]) -> list[Any]:
        """The command that runs a script which Redis knows; NoScriptError where it doesn't."""
        return ["EVALSHA", self._digests[name], len(keys), *keys, *args]

    def told(self, name: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run a script by its text, which Redis knows from then on."""
        return self._lane.call("EVAL", self._sources[name], len(keys), *keys, *args)
