"""A Redis Cluster behind the interface of a single node: a direct connection for hot commands, a client for others.

Each command goes to the node that holds its key; those of one call that go to different nodes are all written before
the first answer is read. A command is retried when Redis answers that it was not run (MOVED, ASK, TRYAGAIN), but not
after a lost connection: the command may have run. A lost connection refreshes the slot map, for the next call.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import redis
from redis.client import PubSub
from redis.commands.core import CoreCommands
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import AskError, ClusterDownError, MovedError, ResponseError, TryAgainError

from app.stores.redis.cluster_slots import Nodes
from app.stores.redis.connection import Command, DirectConnection, OptionValue, RedisValue, Reply, SentCommands

NodeInfo: TypeAlias = dict[str, str | int | float]
"""INFO of a node in redis-py's form; the values that are themselves dicts are not read."""

_MAX_REDIRECTS = 5
_TRY_AGAIN_SECONDS = 0.02
_REPLICA_MS = 100  # a write that must not be lost waits this long for a replica
_EVALS = frozenset({"EVAL", "EVALSHA"})
_KEYLESS = frozenset({"PING", "PUBLISH", "TIME", "INFO", "CLUSTER", "PUBSUB"})
_CONNECTION_ERRORS = (redis.ConnectionError, redis.TimeoutError)


class DirectClusterConnection:
    """A `DirectConnection` to all nodes of a cluster. All keys of a command share a hash tag, or Redis refuses it."""

    def __init__(self, nodes: Nodes, timeout: float, *, is_separate: bool = False) -> None:
        self._nodes, self._timeout, self._is_separate = nodes, timeout, is_separate
        self.separate = self if is_separate else DirectClusterConnection(nodes, timeout, is_separate=True)
        """The nodes on connections that one caller at a time has, for large answers and for commands that wait."""

    def call(self, *command: RedisValue) -> Reply:
        """Send one command and return its answer. Raises redis-py's errors."""
        answer = self.call_together([command])[0]
        if isinstance(answer, ResponseError):
            raise answer
        return answer

    def node_of(self, key: str) -> str:
        """Return the address of the node that has the key, as far as this process knows."""
        host, port = self._nodes.direct_to_slot(key_slot(key.encode())).address
        return f"{host}:{port}"

    def write_durably(self, *command: RedisValue) -> Reply:
        """Send one write and wait a moment for a replica to have it too, so that a failover does not lose it."""
        if not self._is_separate:
            return self.separate.write_durably(*command)
        direct = self._direct_for(command)
        wait = min(_REPLICA_MS, int(self._timeout * 500))
        answer = self._send(direct, [command, ("WAIT", 1, wait)])[0]
        if isinstance(answer, ResponseError):
            answer = self._redirect(command, direct, answer)
        if isinstance(answer, ResponseError):
            raise answer
        return answer

    def call_together(self, commands: Sequence[Command]) -> list[Reply]:
        """Send several commands, in one round trip to each node; a refused command has its ResponseError as the answer.

        Raises redis-py's errors. The commands of a node that failed may have run or not; those of the others have run.
        """
        groups: dict[DirectConnection, list[int]] = {}
        for index, command in enumerate(commands):
            groups.setdefault(self._direct_for(command), []).append(index)
        answers = self._send(next(iter(groups)), commands) if len(groups) == 1 else self._send_to_all(groups, commands)
        for index, answer in enumerate(answers):
            if isinstance(answer, ResponseError):
                answers[index] = self._redirect(commands[index], self._direct_for(commands[index]), answer)
        return answers

    def call_all_masters(self, *command: RedisValue) -> list[Reply]:
        """Send a command to every master; return the answers in no order. Raises the error of the first that fails."""
        self._nodes.any()
        return [self._send(direct, [command])[0] for direct in self._nodes.masters]

    def _direct_for(self, command: Command) -> DirectConnection:
        name: Any = command[0]  # always a str, which a test on every command would only confirm
        if name in _EVALS:
            key = command[3]
        elif name in _KEYLESS or name.partition(" ")[0] in _KEYLESS:
            return self._nodes.any()
        else:
            key = command[1]
        return self._nodes.direct_to_slot(key_slot(key if isinstance(key, bytes) else str(key).encode()))

    def _way(self, direct: DirectConnection) -> DirectConnection:
        return direct.separate if self._is_separate else direct

    def _send(self, direct: DirectConnection, commands: Sequence[Command]) -> list[Reply]:
        try:
            return self._way(direct).call_together(commands)
        except _CONNECTION_ERRORS:
            self._nodes.note_failure(direct)
            raise

    def _send_to_all(self, groups: dict[DirectConnection, list[int]], commands: Sequence[Command]) -> list[Reply]:
        """Write to all nodes, then read from all; the first error is raised after the other nodes were read."""
        deadline = time.monotonic() + self._timeout
        answers: list[Reply] = [None] * len(commands)
        failures: list[tuple[DirectConnection, Exception]] = []
        pending: list[tuple[DirectConnection, list[int], SentCommands]] = []
        try:
            for direct, indexes in groups.items():
                try:
                    pending.append((direct, indexes, self._way(direct).send([commands[index] for index in indexes])))
                except _CONNECTION_ERRORS as error:
                    failures.append((direct, error))
            while pending:
                direct, indexes, sent = pending.pop(0)
                try:
                    for index, answer in zip(indexes, sent.receive(deadline if failures else None), strict=True):
                        answers[index] = answer
                except _CONNECTION_ERRORS as error:
                    failures.append((direct, error))
        finally:
            for _, _, sent in pending:
                sent.abandon()
        for direct, _ in failures:
            self._nodes.note_failure(direct)
        if failures:
            raise failures[0][1]
        return answers

    def _redirect(self, command: Command, direct: DirectConnection, refusal: ResponseError) -> Reply:
        """Send a command that was not run to the node that Redis names. Any other refusal is returned as the answer."""
        for _ in range(_MAX_REDIRECTS):
            commands: list[Command] = [command]
            if isinstance(refusal, AskError):
                direct = self._nodes.direct((refusal.host or direct.address[0], refusal.port))
                if isinstance(refusal, MovedError):
                    self._nodes.refresh()
                else:
                    commands = [("ASKING",), command]
            elif isinstance(refusal, TryAgainError):
                time.sleep(_TRY_AGAIN_SECONDS)
            else:
                if isinstance(refusal, ClusterDownError):
                    self._nodes.note_failure(direct)
                return refusal
            answer = self._send(direct, commands)[-1]
            if not isinstance(answer, ResponseError):
                return answer
            refusal = answer
        raise redis.ConnectionError("the Redis Cluster is moving this key to another node")


class ClusterClient(CoreCommands):
    """redis-py's commands, those on keys of one slot and the few below, sent on a DirectClusterConnection."""

    _event_dispatcher: Any = None  # redis-py's mixin declares it and never reads it

    def __init__(self, url: str, timeout: float, **options: OptionValue) -> None:
        """Prepare redis-py connections with `options`. Raises ValueError for an invalid URL."""
        self._nodes = Nodes(url, timeout, **options)
        self.direct = DirectClusterConnection(self._nodes, timeout)
        client_options = {name: value for name, value in options.items() if name != "parser_class"}
        commands = redis.Redis(**client_options)  # opens no connection
        self._callbacks: Mapping[RedisValue, Callable[..., Reply]] = commands.response_callbacks

    def execute_command(self, *command: RedisValue, **options: object) -> Reply:
        """Send one command and return its answer in redis-py's form."""
        return self.parse_answer(command, self.direct.separate.call(*command), options)

    def parse_answer(self, command: Command, answer: Reply, options: dict[str, object]) -> Reply:
        """Return an answer in redis-py's form."""
        callback = self._callbacks.get(command[0])
        options.pop("keys", None)  # for a client-side cache, which this client lacks
        return callback(answer, **options) if callback else answer

    def pipeline(self, transaction: bool = False) -> Batch:
        """Return a batch of commands that are sent together. Raises ValueError for a transaction: scripts do that."""
        if transaction:
            raise ValueError("no transactions on a cluster: write a script")
        return Batch(self)

    def pubsub(self, **options: OptionValue) -> PubSub:
        """Return a subscription at some node that answers; PUBLISH at any node reaches all. Raises redis.RedisError."""
        return PubSub(self._nodes.pool(self._nodes.find_answering()), **options)

    def key_on_each(self, name: str) -> list[str]:
        """Return keys that begin with `name`, one on each master. Raises redis.ConnectionError when no node answers."""
        self._nodes.any()
        masters, keys = list(self._nodes.masters), dict[DirectConnection, str]()
        for number in range(REDIS_CLUSTER_HASH_SLOTS):
            key = f"{name}:{number}"
            keys.setdefault(self._nodes.direct_to_slot(key_slot(key.encode())), key)
            if len(keys) == len(masters):
                break
        return list(keys.values())

    def ping(self, **_: object) -> bool:  # type: ignore[override]
        """Return True when every master answers. Raises redis.RedisError when one does not."""
        return bool(self.direct.call_all_masters("PING"))

    def flushdb(self, **_: object) -> bool:  # type: ignore[override]
        """Empty the whole cluster."""
        return bool(self.direct.call_all_masters("FLUSHDB"))

    def keys(self, pattern: str = "*", **_: object) -> list[str]:  # type: ignore[override]
        """Return all keys of the cluster that match `pattern`."""
        return [key for names in self.direct.call_all_masters("KEYS", pattern) for key in names]

    def pubsub_numsub(self, *channels: str, **_: object) -> list[tuple[str, int]]:  # type: ignore[override]
        """Return the number of subscribers of each channel on all nodes, except nodes that do not answer."""
        self._nodes.any()
        counts = dict.fromkeys(channels, 0)
        for address in self._nodes.addresses:
            try:
                reply = self._nodes.direct(address).call("PUBSUB", "NUMSUB", *channels)
            except _CONNECTION_ERRORS:
                continue
            for name, count in dict(zip(reply[::2], reply[1::2], strict=True)).items():
                counts[name] += int(count)
        return list(counts.items())

    def infos(self) -> dict[str, NodeInfo]:
        """Return INFO of every master, by `host:port`. Raises redis.RedisError for one that does not answer."""
        self._nodes.any()
        return {
            f"{direct.address[0]}:{direct.address[1]}": self.parse_answer(["INFO"], direct.call("INFO"), {})
            for direct in self._nodes.masters
        }

    def close(self) -> None:
        """Close all connections."""
        self._nodes.close()


class Batch(CoreCommands):
    """A batch like redis-py's pipeline: each command is queued until `execute`."""

    _event_dispatcher: Any = None

    def __init__(self, client: ClusterClient) -> None:
        self._client = client
        self._queue: list[tuple[Command, dict[str, object]]] = []

    def execute_command(self, *command: RedisValue, **options: object) -> Batch:
        """Queue one command."""
        self._queue.append((command, options))
        return self

    def execute(self, raise_on_error: bool = True) -> list[Reply]:
        """Send all queued commands and return the answers in their order, or raise the first ResponseError."""
        queued, self._queue = self._queue, []
        if not queued:
            return []
        answers = self._client.direct.separate.call_together([command for command, _ in queued])
        for answer in answers:
            if raise_on_error and isinstance(answer, ResponseError):
                raise answer
        return [
            answer if isinstance(answer, ResponseError) else self._client.parse_answer(command, answer, options)
            for (command, options), answer in zip(queued, answers, strict=True)
        ]
