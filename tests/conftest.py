"""What several kinds of tests share: the running product and clients for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from deploy.local import surroundings
from tests.parts.client import Api, Player
from tests.parts.product import Product, has_rabbitmq, running

# Tests run in two processes. What stands in one of these folders shares servers, and goes to one of them together;
# elsewhere the same holds for each file. The longest first, so that both end at about the same time.
_TOGETHER = (
    "tests/faults",
    "tests/e2e",
    "tests/e2e/cluster",
    "tests/e2e/page",
    "tests/e2e/edge",
    "tests/integration/replicas",
)
# These start servers of their own, and share none.
_APART = ("tests/e2e/test_make_run.py", "tests/e2e/test_surroundings.py", "tests/e2e/test_presence.py")


def _group(item: pytest.Item) -> str:
    path = item.path.relative_to(item.config.rootpath).as_posix()
    folders = [folder for folder in _TOGETHER if path.startswith(f"{folder}/")]
    return path if path in _APART or not folders else max(folders, key=len)


def pytest_configure() -> None:
    """Keep other projects' variables away from the libraries in this process, and from what it starts."""
    surroundings.enter(surroundings.for_tools(os.environ))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests belong together."""
    groups = {item: _group(item) for item in items}
    items.sort(key=lambda item: _TOGETHER.index(groups[item]) if groups[item] in _TOGETHER else len(_TOGETHER))
    for item in items:
        item.add_marker(pytest.mark.xdist_group(groups[item]))


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
