"""What several kinds of tests share: the running product and clients for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.parts.client import Api, Player
from tests.parts.product import Product, has_rabbitmq, running


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The whole product, on RabbitMQ where the system has it; limits raised, the rest as it comes."""
    broker = "rabbitmq" if has_rabbitmq() else "redis"
    with running(tmp_path_factory.mktemp("product"), {}, broker=broker) as started:
        yield started


@pytest.fixture
def api(product: Product) -> Iterator[Api]:
    """Calls to the product as nobody in particular."""
    api = Api(product.url)
    yield api
    api.close()


@pytest.fixture
def player(api: Api) -> Callable[..., Player]:
    """Makes players: `player()` has a new name, and is signed in."""
    return api.register


@pytest.fixture
def anna(api: Api) -> Player:
    """A new player."""
    return api.register()


@pytest.fixture
def ben(api: Api) -> Player:
    """Another new player."""
    return api.register()
