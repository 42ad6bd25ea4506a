"""The whole cluster, started for the tests."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis.cluster

from devstack.cluster import Cluster
from tests.parts import ready_python, template
from tests.parts.product import UNLIMITED, Product, has_nginx, has_rabbitmq, remove_data


def missing() -> str:
    """Return the programs that a cluster needs and this machine lacks, separated by commas; empty if it has all."""
    programs = {"rabbitmq-server": has_rabbitmq(), "nginx": has_nginx()}
    return ", ".join(name for name, is_installed in programs.items() if not is_installed)


class ClusterProduct(Product):
    """One running cluster; calls go through nginx."""

    def __init__(self, stack: Cluster) -> None:
        super().__init__(stack)
        self.cluster = stack

    def redis(self) -> Any:
        """Return a client of the whole Redis Cluster."""
        running_node = next(node for node in self.cluster.redis.nodes if node.is_running)
        return redis.cluster.RedisCluster.from_url(running_node.url)

    def web_workers(self) -> list[int]:
        """Return the pids of the processes that serve requests, on all API servers."""
        names = [name for name in self.stack.processes if name.startswith("api-")]
        return [pid for name in names for pid in self.process(name).pids()[1:]]


class _QuickCluster(Cluster):
    """A cluster whose PostgreSQL is a copy, and whose commands run in forks of a ready process."""

    def _run_flask(self, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return ready_python.flask(self.env, arguments)


@contextmanager
def running_cluster(folder: Path, env: Mapping[str, str] | None = None) -> Iterator[ClusterProduct]:
    """Start a cluster and discard it at the end; rate limits are raised, the rest is as in production."""
    template.copy_postgres(folder / "postgres")
    cluster = _QuickCluster(folder, {**UNLIMITED, **(env or {})})
    cluster.start(lambda line: None)
    try:
        yield ClusterProduct(cluster)
    finally:
        cluster.discard()
        remove_data(cluster)
