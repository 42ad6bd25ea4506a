"""A private Redis Cluster: three masters with a replica each, all on the loopback."""

from __future__ import annotations

import contextlib
import json
import random
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import redis

from devstack.child import CannotStart, is_free
from devstack.private_files import write_private
from devstack.redis_server import Redis

MASTERS = 3
NODES = 6
SLOTS = 16_384
# Redis's rule: the nodes talk to each other on the clients' port plus this number.
_BUS_OFFSET = 10_000
_START_SECONDS = 60.0


class RedisNode(Redis):
    """A node that can be killed and started again like any child, and then finds its place in the cluster."""

    # A node that is asked to stop while it writes its first file after a resync refuses. Killed, it loses nothing: the
    # writes that it has answered are in the system's hands.
    stop_seconds = 2.0

    def __init__(self, name: str, folder: Path, log: Path, *, password: str, keep_open: tuple[int, ...] = ()) -> None:
        super().__init__(folder, log, password=password, keep_open=keep_open)
        self.name = name

    def settings(self) -> dict[str, str]:
        return {
            **super().settings(),
            "masterauth": self.password,
            "cluster-enabled": "yes",
            "cluster-config-file": "nodes.conf",
            "cluster-announce-ip": "127.0.0.1",
            # A master counts as failed after 1.5 s, and its replica is elected within one more: a failover takes under
            # 4 s. With a shorter timeout, a machine that is merely busy would lose its masters.
            "cluster-node-timeout": "1500",
            # With a third of the slots down, the other two thirds go on: all keys of a script share a slot, so every
            # client that is served gets correct answers, and no client waits for a shard that it does not use.
            "cluster-require-full-coverage": "no",
            # A replica is in sync a few milliseconds after it connects, instead of after five seconds.
            "repl-diskless-sync": "yes",
            "repl-diskless-sync-delay": "0",
        }

    def ask(self, *command: Any) -> Any:
        """Return the node's answer to one command. Raises `redis.RedisError` if there is none within 2 s."""
        with redis.Redis.from_url(self.url, socket_timeout=2, decode_responses=True) as client:
            return client.execute_command(*command)

    def role(self) -> str:
        """Return `master` or `replica`."""
        return "master" if self.ask("ROLE")[0] == "master" else "replica"

    def is_in_sync(self) -> bool:
        """Return whether it sees a healthy and whole cluster and, as a replica, follows its master."""
        with contextlib.suppress(redis.RedisError):
            state, role = self.ask("CLUSTER INFO"), self.ask("ROLE")
            is_well = state["cluster_state"] == "ok" and int(state["cluster_known_nodes"]) == NODES
            covers_slots = int(state["cluster_slots_ok"]) == SLOTS
            return is_well and covers_slots and (role[0] == "master" or role[3] == "connected")
        return False


class RedisCluster:
    """Six nodes in `folder`, logs in `logs`; a second start on the same folder is the same cluster with its data.

        cluster = RedisCluster(folder, folder / "log")
        cluster.start()
        cluster.masters()[0].kill()  # its replica takes over; .start() brings it back as a replica
        cluster.stop()

    `nodes` are `redis-1` to `redis-6`; the first three begin as masters, and any may be one later.
    """

    def __init__(
        self, folder: Path, logs: Path, *, password: str | None = None, keep_open: tuple[int, ...] = ()
    ) -> None:
        self.data = folder.absolute()
        self.password = password or self._stored_password() or secrets.token_hex(24)
        self.nodes = [
            RedisNode(name, self.data / name, logs / f"{name}.log", password=self.password, keep_open=keep_open)
            for name in (f"redis-{number}" for number in range(1, NODES + 1))
        ]

    @property
    def url(self) -> str:
        """Return a URL with all nodes, so that any of them may be down when a client starts."""
        return f"redis+cluster://:{self.password}@{','.join(f'127.0.0.1:{node.port}' for node in self.nodes)}"

    def start(self) -> None:
        """Start all nodes and wait until the cluster is whole. Raises `CannotStart` if it does not get there."""
        self.launch()
        self.wait_until_whole()

    def launch(self) -> None:
        """Start all nodes without waiting."""
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self._formed_file.exists():  # it was never formed, or only in part: its data were never used
            for node in self.nodes:
                shutil.rmtree(node.data, ignore_errors=True)
        self._settle_ports()
        for node in self.nodes:
            node.launch()

    def wait_until_whole(self) -> None:
        """Create the cluster if it is new; wait until every node sees it healthy and every replica is in sync."""
        for node in self.nodes:
            node.wait_until_answers()
        if not self._formed_file.exists():
            self._form()
        self._wait(self.is_whole, "does not become healthy")
        write_private(self._formed_file, "")

    def stop(self) -> None:
        """Stop every node, all at the same time."""
        for node in self.nodes:
            node.ask_to_stop()
        for node in self.nodes:
            node.stop()

    def kill(self) -> None:
        """Kill -9 every node."""
        for node in self.nodes:
            node.kill()

    def __enter__(self) -> RedisCluster:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def is_whole(self) -> bool:
        """Return whether all nodes run, agree on the state `ok`, and each replica is in sync with its master."""
        return all(node.is_running and node.is_in_sync() for node in self.nodes)

    def masters(self) -> list[RedisNode]:
        """Return the nodes that are masters now, out of those that answer."""
        return self._with_role("master")

    def replicas(self) -> list[RedisNode]:
        """Return the nodes that are replicas now, out of those that answer."""
        return self._with_role("replica")

    @property
    def _formed_file(self) -> Path:
        return self.data / "formed"

    def _stored_password(self) -> str | None:
        with contextlib.suppress(OSError):
            return str(json.loads((self.data / "nodes.json").read_text())["password"])
        return None

    def _with_role(self, role: str) -> list[RedisNode]:
        nodes = []
        for node in self.nodes:
            with contextlib.suppress(redis.RedisError):
                if node.is_running and node.role() == role:
                    nodes.append(node)
        return nodes

    def _settle_ports(self) -> None:
        """Choose the last run's ports where they are free; otherwise write the new ones into each node's peer file."""
        file = self.data / "nodes.json"
        old_ports: list[int] = json.loads(file.read_text())["ports"] if file.exists() else []
        used_ports: set[int] = set()
        for index, node in enumerate(self.nodes):
            old_port = old_ports[index] if index < len(old_ports) else 0
            node.port = old_port if old_port and _pair_is_free(old_port) else _free_pair(used_ports)
            used_ports |= {node.port, node.port + _BUS_OFFSET}
        ports = [node.port for node in self.nodes]
        if old_ports and old_ports != ports:
            for node in self.nodes:
                _replace_ports(node.data / "nodes.conf", dict(zip(old_ports, ports, strict=True)))
        write_private(file, json.dumps({"ports": ports, "password": self.password}) + "\n")

    def _form(self) -> None:
        first = self.nodes[0]
        for number, node in enumerate(self.nodes, 1):
            node.ask("CLUSTER SET-CONFIG-EPOCH", number)  # equal epochs would be conflicts to resolve first
            if node is not first:
                node.ask("CLUSTER MEET", "127.0.0.1", first.port)
        bounds = [SLOTS * number // MASTERS for number in range(MASTERS + 1)]
        for node, start, end in zip(self.nodes[:MASTERS], bounds, bounds[1:], strict=False):
            node.ask("CLUSTER ADDSLOTS", *range(start, end))
        self._wait(lambda: all(_count_named_peers(node) == NODES for node in self.nodes), "does not connect its nodes")
        for index, node in enumerate(self.nodes[MASTERS:]):
            node.ask("CLUSTER REPLICATE", self.nodes[index].ask("CLUSTER", "MYID"))

    def _wait(self, check: Callable[[], bool], failure: str) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not check():
            for node in self.nodes:
                if not node.is_running:
                    raise CannotStart(f"{node.name} has ended ({node.last_words()}); all of it is in {node.log}")
            if time.monotonic() > deadline:
                raise CannotStart(f"the Redis Cluster {failure} within {_START_SECONDS:.0f} s; see {self.nodes[0].log}")
            time.sleep(0.02)


def _count_named_peers(node: RedisNode) -> int:
    """Count the nodes that it knows and can name: a node that it still shakes hands with has no id yet."""
    lines: dict[str, dict[str, str]] = node.ask("CLUSTER NODES")
    return sum("handshake" not in facts["flags"] for facts in lines.values())


def _pair_is_free(port: int) -> bool:
    return is_free("127.0.0.1", port) and is_free("127.0.0.1", port + _BUS_OFFSET)


def _free_pair(used_ports: set[int]) -> int:
    # Stay below the ports of outgoing connections, like free_port, with the bus port as well.
    for _ in range(500):
        port = random.randrange(15_000, 22_000)
        if port not in used_ports and _pair_is_free(port):
            return port
    raise CannotStart("no free ports between 15000 and 32000 on 127.0.0.1")


def _replace_ports(file: Path, new_ports: Mapping[int, int]) -> None:
    """Write the new ports into a node's file of its peers."""
    if not file.exists():
        return
    text = file.read_text()
    # Replace by way of a mark, since one node's new port may be another's old one.
    for old in new_ports:
        text = text.replace(f"127.0.0.1:{old}@{old + _BUS_OFFSET} ", f"127.0.0.1:<{old}> ")
    for old, new in new_ports.items():
        text = text.replace(f"127.0.0.1:<{old}> ", f"127.0.0.1:{new}@{new + _BUS_OFFSET} ")
    write_private(file, text)
