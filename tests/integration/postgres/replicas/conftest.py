"""Two real replicas of the primary, and what a process has that may read on them."""

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
    """Two replicas of the primary."""
    folder = tmp_path_factory.mktemp("replicas")
    made = [new_replica(servers, folder, name) for name in ("replica-1", "replica-2")]
    try:
        for each in made:
            each.start()
        yield made
    finally:
        for each in made:
            each.stop()


@pytest.fixture
def replicas(pair: list[Replica]) -> Iterator[list[Replica]]:
    """As they should be, before and after whatever a test does to them."""
    yield pair
    for each in pair:
        if not each.running:
            each.start()
        each.resume()
        each.resume_replay()
    eventually(lambda: all(each.streaming() and each.lag_bytes() == 0 for each in pair))


@pytest.fixture
def near(container: Container, replicas: list[Replica]) -> Iterator[Container]:
    """What a process has that may read on both replicas."""
    made = near_to(container, replicas)
    eventually(lambda: all(status.lag_bytes == 0 for status in made.replicas.status()))
    yield made
    made.close()


@pytest.fixture
def ready(container: Container, near: Container) -> list[UUID]:
    """Three players on a board that Redis and both replicas have."""
    players = [player_in(container) for _ in range(3)]
    for points, player in enumerate(players, 10):
        redeem(container, player, points)
    container.refresh.rebuild(season_of(container))
    eventually(lambda: all(status.lag_bytes == 0 for status in near.replicas.status()))
    return players
