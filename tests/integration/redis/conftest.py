"""A Redis Cluster that a test may break."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devstack.redis_cluster import RedisCluster
from tests.parts.waiting import eventually


@pytest.fixture(scope="module")
def _cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    folder = tmp_path_factory.mktemp("breakable")
    cluster = RedisCluster(folder, folder)
    cluster.start()
    yield cluster
    cluster.kill()  # a clean stop would first write data to disk


@pytest.fixture
def cluster(_cluster: RedisCluster) -> Iterator[RedisCluster]:
    """Yield a cluster that a test may break; it is whole again for the next test."""
    yield _cluster
    for node in _cluster.nodes:
        if not node.is_running:
            node.start()
    eventually(_cluster.is_whole, within=30)
