"""The whole cluster, started for the tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis.cluster

from devstack.cluster import Cluster
from tests.parts.product import UNLIMITED, Product, has_nginx, has_rabbitmq


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


@contextmanager
def running_cluster(folder: Path, env: Mapping[str, str] | None = None) -> Iterator[ClusterProduct]:
    """Start a cluster and discard it at the end; rate limits are raised, the rest is as in production."""
    cluster = Cluster(folder, {**UNLIMITED, **(env or {})})
    cluster.start(lambda line: None)
    try:
        yield ClusterProduct(cluster)
    finally:
        cluster.discard()
