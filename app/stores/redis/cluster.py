"""A Redis Cluster behind the same interface as a single node: a lane for hot commands, a client for the others.

Each command goes to the node that holds its key; those of one call that go to different nodes are all written before
the first answer is read. Redis's own word that a command was not run (MOVED, ASK, TRYAGAIN) is followed. A lost
connection is not: the answer might have been lost alone. It makes the cluster be looked at again, for the next call.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import redis
from redis.client import PubSub
from redis.commands.core import CoreCommands
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import AskError, ClusterDownError, MovedError, ResponseError, TryAgainError

from app.stores.redis.cluster_slots import Nodes
from app.stores.redis.connection import Command, Lane

_HOPS = 5
_TRY_AGAIN_SECONDS = 0.02
_REPLICA_MS = 100  # so long a write that must not be lost waits for a replica
_EVALS = frozenset({"EVAL", "EVALSHA"})
_KEYLESS = frozenset({"PING", "PUBLISH", "TIME", "INFO", "CLUSTER", "PUBSUB"})
_DOWN = (redis.ConnectionError, redis.TimeoutError)


class ClusterLane:
    """As `Lane`, for all nodes of a cluster. The keys of one command share a hash tag, or Redis refuses it."""

    def __init__(self, nodes: Nodes, timeout: float) -> None:
        self._nodes, self._timeout = nodes, timeout

    def call(self, *command: Any) -> Any:
        """Send one command and return its answer. Raises what redis-py raises."""
        answer = self.together([command])[0]
        if isinstance(answer, ResponseError):
            raise answer
        return answer

    def kept(self, *command: Any) -> Any:
        """Send one write, and give a replica a moment to have it too: then a failover does not lose it."""
        lane = self._lane(command)
        wait = min(_REPLICA_MS, int(self._timeout * 500))
        answer = self._on(lane, [command, ("WAIT", 1, wait)])[0]
        if isinstance(answer, ResponseError):
            answer = self._again(command, lane, answer)
        if isinstance(answer, ResponseError):
            raise answer
        return answer

    def together(self, commands: Sequence[Command]) -> list[Any]:
        """Send several, in one round trip to each node; one that Redis refused has its ResponseError as the answer.

        What a node that failed was asked may have been done or not; what the others were asked has been done.
        """
        groups: dict[Lane, list[int]] = {}
        for index, command in enumerate(commands):
            groups.setdefault(self._lane(command), []).append(index)
        answers = self._on(next(iter(groups)), commands) if len(groups) == 1 else self._spread(groups, commands)
        for index, answer in enumerate(answers):
            if isinstance(answer, ResponseError):
                answers[index] = self._again(commands[index], self._lane(commands[index]), answer)
        return answers

    def everywhere(self, *command: Any) -> list[Any]:
        """Ask every master; the answers in no order. Raises what the first one to fail raised."""
        self._nodes.any()
        return [self._on(lane, [command])[0] for lane in self._nodes.masters]

    def _lane(self, command: Command) -> Lane:
        name = command[0]
        if name in _EVALS:
            key = command[3]
        elif name in _KEYLESS or name.partition(" ")[0] in _KEYLESS:
            return self._nodes.any()
        else:
            key = command[1]
        return self._nodes.holding(key_slot(key if isinstance(key, bytes) else str(key).encode()))

    def _on(self, lane: Lane, commands: Sequence[Command]) -> list[Any]:
        try:
            return lane.together(commands)
        except _DOWN:
            self._nodes.failed(lane)
            raise

    def _spread(self, groups: dict[Lane, list[int]], commands: Sequence[Command]) -> list[Any]:
        """Write to all nodes, then read from all; the first one to fail is told of when the others were read."""
        until = time.monotonic() + self._timeout
        answers: list[Any] = [None] * len(commands)
        wrong: list[tuple[Lane, Exception]] = []
        waiting: list[tuple[Lane, list[int], Any]] = []
        try:
            for lane, indexes in groups.items():
                try:
                    waiting.append((lane, indexes, lane.send([commands[index] for index in indexes])))
                except _DOWN as error:
                    wrong.append((lane, error))
            while waiting:
                lane, indexes, connection = waiting[0]
                try:
                    if wrong and not connection.can_read(timeout=max(0.0, until - time.monotonic())):
                        raise redis.TimeoutError("one node of the Redis Cluster kept the others waiting")
                    for index, answer in zip(indexes, lane.receive(connection, len(indexes)), strict=True):
                        answers[index] = answer
                except _DOWN as error:
                    wrong.append((lane, error))
                    lane.drop(connection)
                del waiting[0]
        finally:
            for _, _, connection in waiting:
                connection.disconnect()  # its answer is still to come; its lane's others are as good as before
        for lane, _ in wrong:
            self._nodes.failed(lane)
        if wrong:
            raise wrong[0][1]
        return answers

    def _again(self, command: Command, lane: Lane, refusal: ResponseError) -> Any:
        """The command was not run: send it where Redis says it belongs. What else Redis says is the answer."""
        for _ in range(_HOPS):
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
            answer = self._on(lane, commands)[-1]
            if not isinstance(answer, ResponseError):
                return answer
            refusal = answer
        raise redis.ConnectionError("the Redis Cluster is moving this key about")


class ClusterClient(CoreCommands):
    """redis-py's commands, those on keys of one slot and the few below, sent on a ClusterLane."""

    _event_dispatcher: Any = None  # redis-py's mixin names it and never asks for it

    def __init__(self, url: str, timeout: float, **options: Any) -> None:
        """`options`: for every redis-py connection. Raises ValueError for a URL that makes no sense."""
        self._nodes = Nodes(url, timeout, **options)
        self.lane = ClusterLane(self._nodes, timeout)
        plain = {name: value for name, value in options.items() if name != "parser_class"}
        self._callbacks: Any = redis.Redis(**plain).response_callbacks  # builds no connection

    def execute_command(self, *command: Any, **options: Any) -> Any:
        """Send one command, and give its answer the form that redis-py gives it."""
        return self.formed(command, self.lane.call(*command), options)

    def formed(self, command: Command, answer: Any, options: dict[str, Any]) -> Any:
        """An answer in redis-py's form."""
        shape: Callable[..., Any] | None = self._callbacks.get(command[0])
        options.pop("keys", None)  # for a cache on the client's side, which this has not
        return shape(answer, **options) if shape else answer

    def pipeline(self, transaction: bool = False) -> Batch:
        """Commands that are sent together; no transaction, for which there are scripts."""
        if transaction:
            raise ValueError("no transactions on a cluster: write a script")
        return Batch(self)

    def pubsub(self, **options: Any) -> PubSub:
        """A subscription at some node that answers; PUBLISH at any node reaches all. Raises redis.RedisError."""
        return PubSub(self._nodes.pool(self._nodes.answering()), **options)

    def key_on_each(self, name: str) -> list[str]:
        """Keys that begin with `name`, one on each master. Raises redis.ConnectionError when no node answers."""
        self._nodes.any()
        masters, keys = list(self._nodes.masters), dict[Lane, str]()
        for number in range(REDIS_CLUSTER_HASH_SLOTS):
            key = f"{name}:{number}"
            keys.setdefault(self._nodes.holding(key_slot(key.encode())), key)
            if len(keys) == len(masters):
                break
        return list(keys.values())

    def ping(self, **_: Any) -> bool:  # type: ignore[override]
        """Whether every master answers."""
        return bool(self.lane.everywhere("PING"))

    def flushdb(self, **_: Any) -> bool:  # type: ignore[override]
        """Empty the whole cluster."""
        return bool(self.lane.everywhere("FLUSHDB"))

    def keys(self, pattern: str = "*", **_: Any) -> list[str]:  # type: ignore[override]
        """All keys of the cluster that match."""
        return [key for found in self.lane.everywhere("KEYS", pattern) for key in found]

    def pubsub_numsub(self, *channels: str, **_: Any) -> list[tuple[str, int]]:  # type: ignore[override]
        """How many listen to each channel, at whichever node; those at one that does not answer are not counted."""
        self._nodes.any()
        counts = dict.fromkeys(channels, 0)
        for address in self._nodes.addresses:
            try:
                found = self._nodes.lane(address).call("PUBSUB", "NUMSUB", *channels)
            except _DOWN:
                continue
            for name, count in dict(zip(found[::2], found[1::2], strict=True)).items():
                counts[name] += int(count)
        return list(counts.items())

    def infos(self) -> dict[str, dict[str, Any]]:
        """INFO of every master, by its address. Raises redis.RedisError for one that does not answer."""
        self._nodes.any()
        return {
            f"{lane.address[0]}:{lane.address[1]}": self.formed(["INFO"], lane.call("INFO"), {})
            for lane in self._nodes.masters
        }

    def close(self) -> None:
        """Give all connections back."""
        self._nodes.close()


class Batch(CoreCommands):
    """As redis-py's pipeline: each command is kept until `execute`."""

    _event_dispatcher: Any = None

    def __init__(self, client: ClusterClient) -> None:
        self._client = client
        self._kept: list[tuple[Command, dict[str, Any]]] = []

    def execute_command(self, *command: Any, **options: Any) -> Batch:
        """Keep one command."""
        self._kept.append((command, options))
        return self

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Send them all; the answers in the order of the commands."""
        kept, self._kept = self._kept, []
        if not kept:
            return []
        answers = self._client.lane.together([command for command, _ in kept])
        for answer in answers:
            if raise_on_error and isinstance(answer, ResponseError):
                raise answer
        return [
            answer if isinstance(answer, ResponseError) else self._client.formed(command, answer, options)
            for (command, options), answer in zip(kept, answers, strict=True)
        ]
