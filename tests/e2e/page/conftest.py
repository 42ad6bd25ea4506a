"""A product with a board of its own, and people with browsers in front of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.e2e.page.screen import Screen, open_screen
from tests.parts.client import Api, fresh_name
from tests.parts.product import Product, running


@pytest.fixture(scope="package")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A product that only these tests play on, so that they know who is on its board; the embedded default.

    A player who does no more than a test asks of the page stays far below its one limit.
    """
    limit = {"RATE_LIMIT_ACTIONS": "30/minute"}
    with running(tmp_path_factory.mktemp("stage"), limit, broker="redis") as started:
        yield started


Visit = Callable[..., Screen]


@pytest.fixture
def visit(browser: Browser, stage: Product) -> Iterator[Visit]:
    """Opens the page for one more person. At the end no page may have met an error or broken its policy."""
    opened: list[Screen] = []

    def open_one(url: str | None = None, **how: object) -> Screen:
        opened.append(open_screen(browser, url or stage.url, **how))
        return opened[-1]

    yield open_one
    for screen in opened:
        screen.page.context.close()
    assert [complaint for screen in opened for complaint in screen.complaints] == []


@pytest.fixture
def stage_api(stage: Product) -> Iterator[Api]:
    """Calls to the stage, past the page."""
    api = Api(stage.url)
    yield api
    api.close()


@pytest.fixture
def prize(stage: Product) -> str:
    """An action type, done at once, that is worth more than the best score: its slug. Its name is the same."""
    slug = fresh_name("prize")
    best = stage.one("SELECT coalesce(max(score), 0) FROM standings")
    stage.told("actions", "add", slug, "--points", str(best + 1000), "--name", slug)
    return slug
