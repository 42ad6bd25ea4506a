"""A product with a board of its own, and browsers that show its page."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.e2e.page.screen import Screen, open_screen
from tests.parts.client import Api, fresh_name
from tests.parts.product import Product, running


@pytest.fixture(scope="package")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Start a product that only these tests play on, so that they know its board's players; the embedded default.

    A player that does no more than a test asks of the page stays far below its one limit.
    """
    limit = {"RATE_LIMIT_ACTIONS": "30/minute"}
    with running(tmp_path_factory.mktemp("stage"), limit, broker="redis") as started:
        yield started


Visit = Callable[..., Screen]


@pytest.fixture
def visit(browser: Browser, stage: Product) -> Iterator[Visit]:
    """Yield a function that opens the page for one more person. No page may meet an error or break its policy."""
    opened: list[Screen] = []

    def open_page(url: str | None = None, **options: object) -> Screen:
        opened.append(open_screen(browser, url or stage.url, **options))
        return opened[-1]

    yield open_page
    for screen in opened:
        screen.page.context.close()
    assert [complaint for screen in opened for complaint in screen.complaints] == []


@pytest.fixture
def stage_api(stage: Product) -> Iterator[Api]:
    """Yield a client of the stage that bypasses the page."""
    api = Api(stage.url)
    yield api
    api.close()


@pytest.fixture
def prize(stage: Product) -> str:
    """Add an action type, done at once, worth more than the best score. Returns its slug, which is also its name."""
    slug = fresh_name("prize")
    best = stage.query_value("SELECT coalesce(max(score), 0) FROM standings")
    stage.run_json("actions", "add", slug, "--points", str(best + 1000), "--name", slug)
    return slug
