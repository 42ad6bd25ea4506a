"""The scene that a fault may act on, and the parts of a fault."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import redis

from bench.faults.check import Books
from bench.faults.load import Phase
from devstack.apps import Web
from devstack.child import Child
from devstack.cluster import Cluster
from devstack.redis_cluster import RedisNode

_ESTABLISHED = "01"


@dataclass(slots=True)
class Scene:
    """The cluster and its books. `short`: the form that fits into the tests."""

    cluster: Cluster
    books: Books
    folder: Path
    short: bool
    expected_dead_letters: Counter[str]
    """The expected dead letters."""

    def child(self, name: str) -> Child:
        """Return a process of the cluster."""
        return self.cluster.process(name)

    def wait_out(self, full: float, short: float) -> None:
        """Wait as long as the fault lasts, in seconds."""
        time.sleep(short if self.short else full)

    def masters(self) -> list[RedisNode]:
        """Return the nodes of the Redis Cluster that are masters now, without nodes that do not answer."""
        nodes = [child for child in self.cluster.processes.values() if isinstance(child, RedisNode)]
        return [node for node in nodes if _is_master(node)]

    def busiest_socket_server(self) -> Web:
        """Return the WebSocket server with most connections."""
        servers = [child for name, child in self.cluster.processes.items() if name.startswith("ws-")]
        return max((server for server in servers if isinstance(server, Web)), key=connections)


@dataclass(frozen=True, slots=True)
class Touch:
    """The effect that a fault must have had, or its drill proves nothing, with the name of its unit.

    `begin` is called right before the fault, and returns a function that counts once the load is at rest. The load goes
    on until some client's socket was cut off, if the fault `cuts_sockets`.
    """

    unit: str
    begin: Callable[[Scene], Callable[[Phase], int]]
    cuts_sockets: bool = False

    def missing(self, count: int) -> list[str]:
        """Return the reason why a drill with this count has failed; empty when the count is not 0."""
        return [] if count > 0 else [f"had no effect: no {self.unit}"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: `name` is for the table, `slug` to choose it by."""

    slug: str
    name: str
    strike: Callable[[Scene], None]
    touch: Touch


def connections(server: Web) -> int:
    """Return the number of open connections to the server's port, as the kernel counts them."""
    local = f":{server.address[1]:04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(fields[1].endswith(local) and fields[3] == _ESTABLISHED for fields in map(str.split, lines))


def _is_master(node: RedisNode) -> bool:
    with contextlib.suppress(redis.RedisError):
        return node.role() == "master"
    return False
