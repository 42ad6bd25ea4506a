"""What runs where in a cluster: for the person who started it, and for commands in another terminal."""

from __future__ import annotations

import contextlib
import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from devstack.apps import Web
from devstack.child import ROOT, Child
from devstack.cluster import Cluster
from devstack.nginx import Nginx
from devstack.postgres import Postgres
from devstack.rabbitmq import Epmd, RabbitMQ
from devstack.redis_server import Redis
from devstack.server import write_private

FOLDER = ROOT / "var" / "cluster"
_FILE = "map.json"
_ROLES = {
    "postgres": "PostgreSQL, the primary",
    "replica": "PostgreSQL, a read replica",
    "redis": "Redis Cluster, a node",
    "epmd": "RabbitMQ's port mapper",
    "rabbitmq": "the broker",
    "nginx": "the load balancer",
    "api": "API server",
    "ws": "WebSocket server",
    "worker": "takes tasks from queue {}",
    "beat": "sends the tasks that are due",
    "relay": "brings the outbox to the broker",
}


@dataclass(frozen=True)
class Part:
    """One process of the cluster, with those it starts itself counted as part of it."""

    name: str
    pid: int | None
    address: str
    """`host:port`, or the folder of a socket, or empty."""
    role: str

    @property
    def kind(self) -> str:
        """Such as `redis` for `redis-4`."""
        return self.name.partition("-")[0]


def parts_of(cluster: Cluster) -> list[Part]:
    """All of them, in the order of their start."""
    found = []
    for name, child in cluster.processes.items():
        kind, _, which = name.partition("-")
        role = _ROLES.get(kind, kind).format(which)
        found.append(Part(name, child.pid if child.running else None, _address(child), role))
    return found


def write(cluster: Cluster) -> None:
    """Note it down for other terminals; call it again when something was started again."""
    write_private(
        cluster.folder.path / _FILE,
        json.dumps({"url": cluster.url, "parts": [asdict(part) for part in parts_of(cluster)]}, indent=1) + "\n",
    )


def forget(folder: Path) -> None:
    """Nothing runs there any more."""
    (folder / _FILE).unlink(missing_ok=True)


def read(folder: Path) -> tuple[str, list[Part]] | None:
    """The address of the whole and its parts as last noted down; None if nothing is."""
    with contextlib.suppress(FileNotFoundError):
        found = json.loads((folder / _FILE).read_text())
        return found["url"], [Part(**part) for part in found["parts"]]
    return None


def environment(folder: Path) -> dict[str, str]:
    """The settings that the cluster runs with."""
    # Not line by line: a value may have more than one line.
    assignments = shlex.split((folder / "env").read_text())
    return dict(assignment.split("=", 1) for assignment in assignments)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with their columns under each other."""
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [heads, *rows])
    return [line.rstrip() for line in lines]


def _address(child: Child) -> str:
    if isinstance(child, Web | Nginx):
        host, port = child.address
        return f"{host}:{port}"
    if isinstance(child, Postgres):
        with contextlib.suppress(ValueError):
            return str(child.sockets.relative_to(ROOT))
        return str(child.sockets)
    if isinstance(child, Redis | RabbitMQ | Epmd):
        return f"127.0.0.1:{child.port}"
    return ""
