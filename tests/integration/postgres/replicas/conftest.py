"""Two real replicas of the primary, and the services of a process that may read on them."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest

from app.containers.container import Container
from devstack.replica import Replica
from devstack.stack import Stack
from tests.integration.postgres.replicas.parts import near_to, new_replica, player_in, redeem, season_of
from tests.parts.waiting import eventually


@pytest.fixture(scope="package")
def pair(servers: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Replica]]:
    """Yield two replicas of the primary."""
    folder = tmp_path_factory.mktemp("replicas")
    replicas = [new_replica(servers, folder, name) for name in ("replica-1", "replica-2")]
    try:
        for replica in replicas:
            replica.start()
        yield replicas
    finally:
        for replica in replicas:
            replica.stop()


@pytest.fixture
def replicas(pair: list[Replica]) -> Iterator[list[Replica]]:
    """Yield the replicas in good state, and restore it after the test."""
    yield pair
    for replica in pair:
        if not replica.is_running:
            replica.start()
        replica.resume()
        replica.resume_replay()
    eventually(lambda: all(replica.is_streaming() and replica.lag_bytes() == 0 for replica in pair))


@pytest.fixture
def near(container: Container, replicas: list[Replica]) -> Iterator[Container]:
    """Yield the services of a process that may read on both replicas."""
    near = near_to(container, replicas)
    eventually(lambda: all(status.lag_bytes == 0 for status in near.replicas.status()))
    yield near
    near.close()


@pytest.fixture
def ready(container: Container, near: Container) -> list[UUID]:
    """Return three players on a board that Redis and both replicas have."""
    players = [player_in(container) for _ in range(3)]
    for points, player in enumerate(players, 10):
        redeem(container, player, points)
    container.board_sync.rebuild(season_of(container))
    eventually(lambda: all(status.lag_bytes == 0 for status in near.replicas.status()))
    return players
