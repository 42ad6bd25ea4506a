"""The map of a running cluster, for the person that started it and for commands in another terminal."""

from __future__ import annotations

import contextlib
import json
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path

from devstack.apps import Web
from devstack.child import ROOT, Child
from devstack.cluster import Cluster
from devstack.nginx import Nginx
from devstack.postgres import Postgres
from devstack.private_files import write_private
from devstack.rabbitmq import Epmd, RabbitMQ
from devstack.redis_server import Redis

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
    """One process of the cluster; the processes that it starts itself count as part of it."""

    name: str
    pid: int | None
    address: str
    """`host:port`, or the folder of a socket, or empty."""
    role: str

    @property
    def kind(self) -> str:
        """Return the kind of part, such as `redis` for `redis-4`."""
        return self.name.partition("-")[0]


def parts_of(cluster: Cluster) -> list[Part]:
    """Return all parts, in the order of their start."""
    parts = []
    for name, child in cluster.processes.items():
        kind, _, suffix = name.partition("-")
        role = _ROLES.get(kind, kind).format(suffix)
        parts.append(Part(name, child.pid if child.is_running else None, _address(child), role))
    return parts


def write(cluster: Cluster) -> None:
    """Write the map for other terminals; call it again after a process was restarted."""
    write_private(
        cluster.folder.path / _FILE,
        json.dumps({"url": cluster.url, "parts": [asdict(part) for part in parts_of(cluster)]}, indent=1) + "\n",
    )


def forget(folder: Path) -> None:
    """Delete the map, since nothing runs in the folder any more."""
    (folder / _FILE).unlink(missing_ok=True)


def read(folder: Path) -> tuple[str, list[Part]] | None:
    """Return the cluster's URL and its parts as last written, or `None` if there is no map."""
    with contextlib.suppress(FileNotFoundError):
        content = json.loads((folder / _FILE).read_text())
        return content["url"], [Part(**part) for part in content["parts"]]
    return None


def environment(folder: Path) -> dict[str, str]:
    """Return the settings that the cluster runs with."""
    # Do not split by lines: a value may have more than one line.
    assignments = shlex.split((folder / "env").read_text())
    return dict(assignment.split("=", 1) for assignment in assignments)


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
