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
    """What of the system's programs a cluster needs and this machine has not; empty when it has all."""
    there = {"rabbitmq-server": has_rabbitmq(), "nginx": has_nginx()}
    return ", ".join(name for name, found in there.items() if not found)


class ClusterProduct(Product):
    """One running cluster; calls go through nginx."""

    def __init__(self, stack: Cluster) -> None:
        super().__init__(stack)
        self.cluster = stack

    def redis(self) -> Any:
        """A client to the whole Redis Cluster."""
        known = next(node for node in self.cluster.redis.nodes if node.running)
        return redis.cluster.RedisCluster.from_url(known.url)

    def web_workers(self) -> list[int]:
        """The pids that serve requests, on all API servers."""
        names = [name for name in self.stack.processes if name.startswith("api-")]
        return [pid for name in names for pid in self.process(name).pids()[1:]]


@contextmanager
def running_cluster(folder: Path, env: Mapping[str, str] | None = None) -> Iterator[ClusterProduct]:
    """A cluster of its own, gone at the end; limits raised, the rest as in production."""
    cluster = Cluster(folder, {**UNLIMITED, **(env or {})})
    cluster.start(lambda line: None)
    try:
        yield ClusterProduct(cluster)
    finally:
        cluster.discard()
