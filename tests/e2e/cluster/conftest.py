"""One cluster for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.parts import cluster as parts
from tests.parts.client import Api
from tests.parts.cluster import ClusterProduct


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterProduct]:
    """Start the whole architecture behind nginx. A test must leave it as whole as it was."""
    if missing := parts.missing():
        pytest.skip(f"{missing} is not installed")
    with parts.running_cluster(tmp_path_factory.mktemp("cluster")) as started:
        yield started


@pytest.fixture
def api(cluster: ClusterProduct) -> Iterator[Api]:
    """Yield a client of nginx without a login."""
    api = Api(cluster.url)
    yield api
    api.close()
