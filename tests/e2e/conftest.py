"""A second product, in which actions, tokens and waits end within seconds instead of minutes."""

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
    "ACCESS_TOKEN_SECONDS": "10",
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
    "GAIN_WATCH": "off",
    "ANONYMOUS_SOCKETS": "off",
}
_BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
_addresses = (f"127.0.{high}.{low}" for high, low in itertools.product(range(1, 250), range(1, 250)))


@pytest.fixture(scope="session")
def brisk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Start the embedded default (Redis as broker) with short lifetimes and small limits."""
    with running(tmp_path_factory.mktemp("brisk"), BRISK, broker="redis") as started:
        yield started


@pytest.fixture
def address() -> str:
    """Return an address of this machine that no test has used: a limit per address starts anew."""
    return next(_addresses)


@pytest.fixture
def caller(brisk: Product) -> Iterator[Callable[[], Api]]:
    """Yield a function that makes clients of the brisk product, each from an address of its own."""
    clients: list[Api] = []

    def make() -> Api:
        clients.append(Api(brisk.url, address=next(_addresses)))
        return clients[-1]

    yield make
    for api in clients:
        api.close()


@pytest.fixture(scope="session")
def extra_type(product: Product) -> Callable[..., str]:
    """Return a function that adds an action type that takes no time and returns its slug: `extra_type(points=50)`.

    Calls with the same points share a type; with `own=True` the type is new.
    """
    slugs: dict[int, str] = {}

    def add(*, points: int, own: bool = False) -> str:
        if own or points not in slugs:
            slug = fresh_name("extra").lower()
            result = product.flask("actions", "add", slug, "--points", str(points))
            assert result.returncode == 0, result.stdout + result.stderr
            if own:
                return slug
            slugs[points] = slug
        return slugs[points]

    return add


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start the system's Chromium once for all tests: Playwright can't be started twice in a process."""
    path = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if path is None:
        pytest.skip("there is no Chromium to show the page in")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        yield started
        started.close()
