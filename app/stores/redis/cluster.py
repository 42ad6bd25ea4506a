"""A Redis Cluster behind the same interface as a single node: a lane for hot commands, a client for the others.

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
from app.stores.redis.connection import Command, Lane, NodeConnection, OptionValue, RedisValue, Reply

NodeInfo: TypeAlias = dict[str, str | int | float]
"""INFO of a node in redis-py's form; the values that are themselves dicts are not read."""

_MAX_REDIRECTS = 5
_TRY_AGAIN_SECONDS = 0.02
_REPLICA_MS = 100  # a write that must not be lost waits this long for a replica
_EVALS = frozenset({"EVAL", "EVALSHA"})
_KEYLESS = frozenset({"PING", "PUBLISH", "TIME", "INFO", "CLUSTER", "PUBSUB"})
_CONNECTION_ERRORS = (redis.ConnectionError, redis.TimeoutError)


class ClusterLane:
    """A `Lane` to all nodes of a cluster. The keys of one command share a hash tag, or Redis refuses the command."""

    def __init__(self, nodes: Nodes, timeout: float) -> None:
        self._nodes, self._timeout = nodes, timeout

    def call(self, *command: RedisValue) -> Reply:
        """Send one command and return its answer. Raises redis-py's errors."""
        answer = self.together([command])[0]
        if isinstance(answer, ResponseError):
            raise answer
        return answer

    def kept(self, *command: RedisValue) -> Reply:
        """Send one write and wait a moment for a replica to have it too, so that a failover does not lose it."""
        lane = self._lane_for(command)
        wait = min(_REPLICA_MS, int(self._timeout * 500))
        answer = self._send(lane, [command, ("WAIT", 1, wait)])[0]
        if isinstance(answer, ResponseError):
            answer = self._redirect(command, lane, answer)
        if isinstance(answer, ResponseError):
            raise answer
        return answer

    def together(self, commands: Sequence[Command]) -> list[Reply]:
        """Send several commands, in one round trip to each node; a refused command has its ResponseError as the answer.

        Raises redis-py's errors. The commands of a node that failed may have run or not; those of the others have run.
        """
        groups: dict[Lane, list[int]] = {}
        for index, command in enumerate(commands):
            groups.setdefault(self._lane_for(command), []).append(index)
        answers = self._send(next(iter(groups)), commands) if len(groups) == 1 else self._send_to_all(groups, commands)
        for index, answer in enumerate(answers):
            if isinstance(answer, ResponseError):
                answers[index] = self._redirect(commands[index], self._lane_for(commands[index]), answer)
        return answers

    def everywhere(self, *command: RedisValue) -> list[Reply]:
        """Send a command to every master; return the answers in no order. Raises the error of the first that fails."""
        self._nodes.any()
        return [self._send(lane, [command])[0] for lane in self._nodes.masters]

    def _lane_for(self, command: Command) -> Lane:
        name: Any = command[0]  # always a str, which a test on every command would only confirm
        if name in _EVALS:
            key = command[3]
        elif name in _KEYLESS or name.partition(" ")[0] in _KEYLESS:
            return self._nodes.any()
        else:
            key = command[1]
        return self._nodes.holding(key_slot(key if isinstance(key, bytes) else str(key).encode()))

    def _send(self, lane: Lane, commands: Sequence[Command]) -> list[Reply]:
        try:
            return lane.together(commands)
        except _CONNECTION_ERRORS:
            self._nodes.failed(lane)
            raise

    def _send_to_all(self, groups: dict[Lane, list[int]], commands: Sequence[Command]) -> list[Reply]:
        """Write to all nodes, then read from all; the first error is raised after the other nodes were read."""
        deadline = time.monotonic() + self._timeout
        answers: list[Reply] = [None] * len(commands)
        failures: list[tuple[Lane, Exception]] = []
        pending: list[tuple[Lane, list[int], NodeConnection]] = []
        try:
            for lane, indexes in groups.items():
                try:
                    pending.append((lane, indexes, lane.send([commands[index] for index in indexes])))
                except _CONNECTION_ERRORS as error:
                    failures.append((lane, error))
            while pending:
                lane, indexes, connection = pending[0]
                try:
                    if failures and not connection.can_read(timeout=max(0.0, deadline - time.monotonic())):
                        raise redis.TimeoutError("one node of the Redis Cluster kept the others waiting")
                    for index, answer in zip(indexes, lane.receive(connection, len(indexes)), strict=True):
                        answers[index] = answer
                except _CONNECTION_ERRORS as error:
                    failures.append((lane, error))
                    lane.drop(connection)
                del pending[0]
        finally:
            for _, _, connection in pending:
                connection.disconnect()  # its answer is still to come; the lane's other connections stay usable
        for lane, _ in failures:
            self._nodes.failed(lane)
        if failures:
            raise failures[0][1]
        return answers

    def _redirect(self, command: Command, lane: Lane, refusal: ResponseError) -> Reply:
        """Send a command that was not run to the node that Redis names. Any other refusal is returned as the answer."""
        for _ in range(_MAX_REDIRECTS):
            commands: list[Command] = [command]
            if isinstance(refusal, AskError):
                lane = self._nodes.lane((refusal.host or lane.address[0], refusal.port))
                if isinstance(refusal, MovedError):
                    self._nodes.look()
                else:
                    commands = [("ASKING",), command]
            elif isinstance(refusal, TryAgainError):
                time.sleep(_TRY_AGAIN_SECONDS)
            else:
                if isinstance(refusal, ClusterDownError):
                    self._nodes.failed(lane)
                return refusal
            answer = self._send(lane, commands)[-1]
            if not isinstance(answer, ResponseError):
                return answer
            refusal = answer
        raise redis.ConnectionError("the Redis Cluster is moving this key about")


class ClusterClient(CoreCommands):
    """redis-py's commands, those on keys of one slot and the few below, sent on a ClusterLane."""

    _event_dispatcher: Any = None  # redis-py's mixin declares it and never reads it

    def __init__(self, url: str, timeout: float, **options: OptionValue) -> None:
        """Prepare redis-py connections with `options`. Raises ValueError for an invalid URL."""
        self._nodes = Nodes(url, timeout, **options)
        self.lane = ClusterLane(self._nodes, timeout)
        client_options = {name: value for name, value in options.items() if name != "parser_class"}
        commands = redis.Redis(**client_options)  # opens no connection
        self._callbacks: Mapping[RedisValue, Callable[..., Reply]] = commands.response_callbacks

    def execute_command(self, *command: RedisValue, **options: object) -> Reply:
        """Send one command and return its answer in redis-py's form."""
        return self.formed(command, self.lane.call(*command), options)

    def formed(self, command: Command, answer: Reply, options: dict[str, object]) -> Reply:
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
        return PubSub(self._nodes.pool(self._nodes.answering()), **options)

    def key_on_each(self, name: str) -> list[str]:
        """Return keys that begin with `name`, one on each master. Raises redis.ConnectionError when no node answers."""
        self._nodes.any()
        masters, keys = list(self._nodes.masters), dict[Lane, str]()
        for number in range(REDIS_CLUSTER_HASH_SLOTS):
            key = f"{name}:{number}"
            keys.setdefault(self._nodes.holding(key_slot(key.encode())), key)
            if len(keys) == len(masters):
                break
        return list(keys.values())

    def ping(self, **_: object) -> bool:  # type: ignore[override]
        """Return True when every master answers. Raises redis.RedisError when one does not."""
        return bool(self.lane.everywhere("PING"))

    def flushdb(self, **_: object) -> bool:  # type: ignore[override]
        """Empty the whole cluster."""
        return bool(self.lane.everywhere("FLUSHDB"))

    def keys(self, pattern: str = "*", **_: object) -> list[str]:  # type: ignore[override]
        """Return all keys of the cluster that match `pattern`."""
        return [key for names in self.lane.everywhere("KEYS", pattern) for key in names]

    def pubsub_numsub(self, *channels: str, **_: object) -> list[tuple[str, int]]:  # type: ignore[override]
        """Return the number of subscribers of each channel on all nodes, except nodes that do not answer."""
        self._nodes.any()
        counts = dict.fromkeys(channels, 0)
        for address in self._nodes.addresses:
            try:
                reply = self._nodes.lane(address).call("PUBSUB", "NUMSUB", *channels)
            except _CONNECTION_ERRORS:
                continue
            for name, count in dict(zip(reply[::2], reply[1::2], strict=True)).items():
                counts[name] += int(count)
        return list(counts.items())

    def infos(self) -> dict[str, NodeInfo]:
        """Return INFO of every master, by `host:port`. Raises redis.RedisError for one that does not answer."""
        self._nodes.any()
        return {
            f"{lane.address[0]}:{lane.address[1]}": self.formed(["INFO"], lane.call("INFO"), {})
            for lane in self._nodes.masters
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
        answers = self._client.lane.together([command for command, _ in queued])
        for answer in answers:
            if raise_on_error and isinstance(answer, ResponseError):
                raise answer
        return [
            answer if isinstance(answer, ResponseError) else self._client.formed(command, answer, options)
            for (command, options), answer in zip(queued, answers, strict=True)
        ]
