"""The fixtures that several kinds of tests share: the running product and clients for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from devstack import surroundings
from tests.parts import template
from tests.parts.client import Api, Player
from tests.parts.described import DescribedClient
from tests.parts.memory import place
from tests.parts.product import Product, has_rabbitmq, running

# Tests run in five processes on two cores, since most wait more than they work. The tests below the paths of a line use
# the same servers, so they run in the same process; elsewhere the tests of one file do. The longest groups come first:
# then all processes end at about the same time.
_GROUPS = (
    ("tests/e2e/page",),
    ("tests/e2e", "tests/integration/cli/test_doctor.py"),
    ("tests/faults",),
    ("tests/faults/test_every_fault.py",),
    ("tests/e2e/test_make_run.py",),
    ("tests/e2e/edge",),
    ("tests/e2e/cluster",),
    ("tests/e2e/test_guides.py",),
    ("tests/e2e/reference",),
    ("tests/e2e/page/test_boards.py",),
    ("tests/integration/postgres/replicas",),
    ("tests/integration/workers",),
    ("tests/integration/boards/test_replays.py",),
    ("tests/integration/boards/test_foreign_orders.py",),
    ("tests/e2e/test_surroundings.py",),
    ("tests/e2e/test_presence.py",),
    ("tests/e2e/test_hidden_boards.py",),
    ("tests/e2e/test_docs_site.py",),
    ("tests/faults/test_redis_cluster.py",),
    ("tests/e2e/test_seasons.py",),
    ("tests/integration/boards/test_any_order.py",),
    ("tests/integration/moderation/test_model_training.py",),
    ("tests/integration/boards/machine",),
    ("tests/integration/redeeming",),
)
_FOLDERS_BYTES = 6_000_000_000  # data of the servers that run at the same time, and a fresh clone with its packages
_GROUP_OF_PATH = {path: group for group in _GROUPS for path in group}


def _group(nodeid: str) -> str:
    """Return the first path of the test's group, or its file; the longest path above it decides."""
    path = nodeid.partition("::")[0]
    paths = [group_path for group_path in _GROUP_OF_PATH if f"{path}/".startswith(f"{group_path}/")]
    return _GROUP_OF_PATH[max(paths, key=len)][0] if paths else path


class _Scheduler(LoadScopeScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Scheduler:
    """Return the scheduler for `-n`. `--dist loadgroup` renames tests to group them, in vain since pytest 9.2."""
    config.option.loadscopereorder = False
    return _Scheduler(config, log)


def pytest_configure(config: pytest.Config) -> None:
    """Prepare this process: other projects' variables stay away from it and from those that it starts."""
    surroundings.enter(surroundings.for_tools(os.environ))
    # Folders of tests are in memory where there is room: on a disk each commit waits for it, for 7 ms and more.
    if memory := place(_FOLDERS_BYTES):
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(memory)
    if template.prepare():
        config.add_cleanup(template.remove)
    Flask.test_client_class = DescribedClient
    # No test of ours fails because the machine was busy.
    settings.register_profile("fairboard", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("fairboard")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest groups first."""
    order = {group[0]: place for place, group in enumerate(_GROUPS)}
    items.sort(key=lambda item: order.get(_group(item.nodeid), len(order)))


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Start the whole product, on RabbitMQ if the system has it; rate limits are raised, the rest is the default."""
    broker = "rabbitmq" if has_rabbitmq() else "redis"
    with running(tmp_path_factory.mktemp("product"), {}, broker=broker) as started:
        yield started


@pytest.fixture
def api(product: Product) -> Iterator[Api]:
    """Yield a client of the product without a login."""
    api = Api(product.url)
    yield api
    api.close()


@pytest.fixture
def player(api: Api) -> Callable[..., Player]:
    """Return a function that registers a player: `player()` has a new name and is signed in."""
    return api.register


@pytest.fixture
def anna(api: Api) -> Player:
    """Register a new player."""
    return api.register()


@pytest.fixture
def ben(api: Api) -> Player:
    """Register another new player."""
    return api.register()
