"""A product that may be broken: its parts are killed, stalled and emptied, and must come back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults import gates
from tests.parts.client import Api, Player
from tests.parts.product import Product, has_rabbitmq, running, wait_until_settled

ENV = {
    "CLAIM_SECONDS": "2",
    "BROADCAST_SECONDS": "0",
    # A slow machine may take long over the 200 updates that a slow reader misses.
    "SLOW_SECONDS": "300",
    # These tests are about faults: players may be as quick and as regular as a test needs.
    "ANTICHEAT_FLAG": "1000000",
    "ANTICHEAT_REJECT": "1000000",
    "ANTICHEAT_CRITICAL": "1000000",
    "GAIN_WATCH": "off",
}


@pytest.fixture(scope="package")
def _fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    broker = "rabbitmq" if has_rabbitmq() else "redis"
    with running(tmp_path_factory.mktemp("fragile"), ENV, broker=broker) as product:
        gates.build(product)
        yield product


@pytest.fixture
def fragile(_fragile: Product) -> Iterator[Product]:
    """Yield the product. After each test the books agree, Redis with them, and nothing waits to be delivered."""
    yield _fragile
    wait_until_settled(_fragile)


@pytest.fixture
def api(fragile: Product) -> Iterator[Api]:
    api = Api(fragile.url)
    yield api
    api.close()


@pytest.fixture
def anna(api: Api) -> Player:
    """Register a player who has scored once."""
    anna = api.register()
    anna.score_once()
    return anna


@pytest.fixture
def watcher(api: Api) -> Player:
    """Register a player who only watches."""
    return api.register()
