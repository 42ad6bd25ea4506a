"""A second product in which everything ends soon, for what takes minutes by default."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.parts.client import Api, fresh_name
from tests.parts.product import Product, running

BRISK = {
    "ACTION_SECONDS": "2",
    "ACCESS_TOKEN_SECONDS": "4",
    "PING_SECONDS": "0.5",
    "SUBSCRIBE_SECONDS": "1",
    "SLOW_SECONDS": "1",
    "CLAIM_SECONDS": "2",
    "BODY_SECONDS": "1",
    "RATE_LIMIT_AUTH": "6/minute",
    "RATE_LIMIT_ACTIONS": "5/minute",
    "RATE_LIMIT_READS": "40/minute",
    "RATE_LIMIT_SOCKETS": "6/minute",
    "ANTICHEAT_FLAG": "1000000",
    "ANTICHEAT_REJECT": "1000000",
    "ANTICHEAT_CRITICAL": "1000000",
}
_BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
_addresses = (f"127.0.{high}.{low}" for high, low in itertools.product(range(1, 250), range(1, 250)))


@pytest.fixture(scope="session")
def brisk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The embedded default (Redis as broker) with short lives and small limits."""
    with running(tmp_path_factory.mktemp("brisk"), BRISK, broker="redis") as started:
        yield started


@pytest.fixture
def address() -> str:
    """An address of this machine that no test has used: a limit per address starts anew."""
    return next(_addresses)


@pytest.fixture
def caller(brisk: Product) -> Iterator[Callable[[], Api]]:
    """Makes callers of the brisk product, each from an address of its own."""
    made: list[Api] = []

    def make() -> Api:
        made.append(Api(brisk.url, address=next(_addresses)))
        return made[-1]

    yield make
    for api in made:
        api.close()


@pytest.fixture(scope="session")
def extra_type(product: Product) -> Callable[..., str]:
    """Action types that take no time: `extra_type(points=50)` is a slug; with `own=True` one that nobody shares."""
    made: dict[int, str] = {}

    def add(*, points: int, own: bool = False) -> str:
        if own or points not in made:
            slug = fresh_name("extra").lower()
            done = product.flask("actions", "add", slug, "--points", str(points))
            assert done.returncode == 0, done.stdout + done.stderr
            if own:
                return slug
            made[points] = slug
        return made[points]

    return add


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium, one for all: Playwright can't be started twice in a process."""
    path = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if path is None:
        pytest.skip("there is no Chromium to show the page in")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        yield started
        started.close()
