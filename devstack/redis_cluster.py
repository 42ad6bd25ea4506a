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
from devstack.redis_server import Redis
from devstack.server import write_private

MASTERS = 3
NODES = 6
SLOTS = 16_384
# Redis's own rule: the nodes talk to each other on a port that much above the clients' one.
_BUS = 10_000
_START_SECONDS = 60.0


class RedisNode(Redis):
    """One node. It can be killed and started again like any child, and finds its place in the cluster by itself."""

    # Asked while it writes its first file after a resync, it refuses to end. Killed, it loses nothing: what it has
    # answered is in the system's hands.
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
            # A master is given up after 1.5 s and its replica elected within one more: a failover takes under 4 s.
            # Shorter, and a machine that is merely busy would lose its masters.
            "cluster-node-timeout": "1500",
            # With one third of the slots down the other two go on: every script's keys share a slot, so whoever is
            # served at all is served right, and nobody waits for a shard that is not theirs.
            "cluster-require-full-coverage": "no",
            # A replica is in step a few milliseconds after it connects, instead of after five seconds.
            "repl-diskless-sync": "yes",
            "repl-diskless-sync-delay": "0",
        }

    def asked(self, *command: Any) -> Any:
        """What this node answers to one command; redis.RedisError if it doesn't within 2 s."""
        with redis.Redis.from_url(self.url, socket_timeout=2, decode_responses=True) as client:
            return client.execute_command(*command)

    def role(self) -> str:
        """`master` or `replica`."""
        return "master" if self.asked("ROLE")[0] == "master" else "replica"

    def in_step(self) -> bool:
        """True when it sees the whole cluster well and, as a replica, follows its master."""
        with contextlib.suppress(redis.RedisError):
            state, role = self.asked("CLUSTER INFO"), self.asked("ROLE")
            well = state["cluster_state"] == "ok" and int(state["cluster_known_nodes"]) == NODES
            covers = int(state["cluster_slots_ok"]) == SLOTS
            return well and covers and (role[0] == "master" or role[3] == "connected")
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
        self.password = password or self._kept_password() or secrets.token_hex(24)
        self.nodes = [
            RedisNode(name, self.data / name, logs / f"{name}.log", password=self.password, keep_open=keep_open)
            for name in (f"redis-{number}" for number in range(1, NODES + 1))
        ]

    @property
    def url(self) -> str:
        """All nodes, so that any of them may be down when a client starts."""
        return f"redis+cluster://:{self.password}@{','.join(f'127.0.0.1:{node.port}' for node in self.nodes)}"

    def start(self) -> None:
        """Start all nodes and wait until the cluster is whole; CannotStart if it does not get there."""
        self.launch()
        self.wait_until_whole()

    def launch(self) -> None:
        """Start all nodes without waiting."""
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self._formed.exists():  # never was, or was cut short: nothing in it was ever used
            for node in self.nodes:
                shutil.rmtree(node.data, ignore_errors=True)
        self._settle_ports()
        for node in self.nodes:
            node.launch()

    def wait_until_whole(self) -> None:
        """Form the cluster if it is new; then wait until every node sees it well and every replica is in step."""
        for node in self.nodes:
            node.wait_until_answers()
        if not self._formed.exists():
            self._form()
        self._wait(self.whole, "is not whole")
        write_private(self._formed, "")

    def stop(self) -> None:
        """Stop every node, all at the same time."""
        for node in self.nodes:
            node.ask_to_stop()
        for node in self.nodes:
            node.stop()

    def kill(self) -> None:
        """kill -9 to every node."""
        for node in self.nodes:
            node.kill()

    def __enter__(self) -> RedisCluster:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def whole(self) -> bool:
        """True when all nodes run, agree on the state `ok`, and each replica is in step with its master."""
        return all(node.running and node.in_step() for node in self.nodes)

    def masters(self) -> list[RedisNode]:
        """The nodes that are masters now, out of those that answer."""
        return self._with_role("master")

    def replicas(self) -> list[RedisNode]:
        """The nodes that are replicas now, out of those that answer."""
        return self._with_role("replica")

    @property
    def _formed(self) -> Path:
        return self.data / "formed"

    def _kept_password(self) -> str | None:
        with contextlib.suppress(OSError):
            return str(json.loads((self.data / "nodes.json").read_text())["password"])
        return None

    def _with_role(self, role: str) -> list[RedisNode]:
        found = []
        for node in self.nodes:
            with contextlib.suppress(redis.RedisError):
                if node.running and node.role() == role:
                    found.append(node)
        return found

    def _settle_ports(self) -> None:
        """The ports of the last time where they are free; where not, every node is told where its peers went."""
        file = self.data / "nodes.json"
        before: list[int] = json.loads(file.read_text())["ports"] if file.exists() else []
        taken: set[int] = set()
        for index, node in enumerate(self.nodes):
            kept = before[index] if index < len(before) else 0
            node.port = kept if kept and _pair_is_free(kept) else _free_pair(taken)
            taken |= {node.port, node.port + _BUS}
        ports = [node.port for node in self.nodes]
        if before and before != ports:
            for node in self.nodes:
                _move(node.data / "nodes.conf", dict(zip(before, ports, strict=True)))
        write_private(file, json.dumps({"ports": ports, "password": self.password}) + "\n")

    def _form(self) -> None:
        first = self.nodes[0]
        for number, node in enumerate(self.nodes, 1):
            node.asked("CLUSTER SET-CONFIG-EPOCH", number)  # all different, or the nodes would have to argue
            if node is not first:
                node.asked("CLUSTER MEET", "127.0.0.1", first.port)
        bounds = [SLOTS * number // MASTERS for number in range(MASTERS + 1)]
        for node, start, end in zip(self.nodes[:MASTERS], bounds, bounds[1:], strict=False):
            node.asked("CLUSTER ADDSLOTS", *range(start, end))
        self._wait(lambda: all(_known(node) == NODES for node in self.nodes), "do not meet")
        for index, node in enumerate(self.nodes[MASTERS:]):
            node.asked("CLUSTER REPLICATE", self.nodes[index].asked("CLUSTER", "MYID"))

    def _wait(self, check: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not check():
            for node in self.nodes:
                if not node.running:
                    raise CannotStart(f"{node.name} has ended ({node.last_words()}); all of it is in {node.log}")
            if time.monotonic() > deadline:
                raise CannotStart(f"the Redis Cluster {what} within {_START_SECONDS:.0f} s; see {self.nodes[0].log}")
            time.sleep(0.02)


def _known(node: RedisNode) -> int:
    """How many nodes it knows and can name: one that it is still shaking hands with has no id yet."""
    lines: dict[str, dict[str, str]] = node.asked("CLUSTER NODES")
    return sum("handshake" not in each["flags"] for each in lines.values())


def _pair_is_free(port: int) -> bool:
    return is_free("127.0.0.1", port) and is_free("127.0.0.1", port + _BUS)


def _free_pair(taken: set[int]) -> int:
    # Below the ports of outgoing connections, like free_port, and with the bus port as well.
    for _ in range(500):
        port = random.randrange(15_000, 22_000)
        if port not in taken and _pair_is_free(port):
            return port
    raise CannotStart("no free ports between 15000 and 32000 on 127.0.0.1")


def _move(file: Path, moved: Mapping[int, int]) -> None:
    """Put the new ports into what a node remembers of its peers."""
    if not file.exists():
        return
    text = file.read_text()
    # By way of a mark, since one node's new port may be another's old one.
    for old in moved:
        text = text.replace(f"127.0.0.1:{old}@{old + _BUS} ", f"127.0.0.1:<{old}> ")
    for old, new in moved.items():
        text = text.replace(f"127.0.0.1:<{old}> ", f"127.0.0.1:{new}@{new + _BUS} ")
    write_private(file, text)
