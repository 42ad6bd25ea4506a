"""A product with a board of its own, and browsers that show its page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest
from playwright.sync_api import Browser, Page

from devstack.child import ROOT
from tests.e2e.page.screen import Screen, open_screen
from tests.parts.client import PASSWORD, Api, fresh_name
from tests.parts.product import Product, running

_OPEN = """async (url) => {
    const { Fairboard } = await import("/clients/fairboard.js");
    const Socket = window.WebSocket;
    window.sockets = [];
    window.WebSocket = class extends Socket { constructor(...given) { super(...given); window.sockets.push(this); } };
    window.game = new Fairboard(url);
    window.boards = [], window.standings = [], window.states = [];
}"""


@dataclass(frozen=True)
class Sites:
    """The origins of two other sites, which one small server has: only the friend's may frame boards and call."""

    friend: str
    stranger: str
    pages: dict[str, str]  # by path; every other path has a page too


@pytest.fixture(scope="package")
def sites() -> Iterator[Sites]:
    """Serve a page of other sites."""
    server, pages = ThreadingHTTPServer(("127.0.0.1", 0), _AnyPage), _AnyPage.pages
    Thread(target=server.serve_forever, daemon=True).start()
    yield Sites(f"http://127.0.0.1:{server.server_port}", f"http://localhost:{server.server_port}", pages)
    server.shutdown()
    server.server_close()


class _AnyPage(BaseHTTPRequestHandler):
    """Any page, and the client for browsers, which a game's site serves itself."""

    pages: ClassVar[dict[str, str]] = {}

    def do_GET(self) -> None:
        script = ROOT / "clients" / "js" / Path(self.path).name
        is_script = script.suffix == ".js"
        self.send_response(200)
        self.send_header("Content-Type", f"text/{'javascript' if is_script else 'html'}; charset=utf-8")
        self.end_headers()
        page = self.pages.get(self.path, "<!doctype html><title>A site</title><h1>A site</h1>")
        self.wfile.write(script.read_bytes() if is_script else page.encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture(scope="package")
def stage(tmp_path_factory: pytest.TempPathFactory, sites: Sites) -> Iterator[Product]:
    """Start a product that only these tests play on, so that they know its board's players; the embedded default.

    A player that does no more than a test asks of the page stays far below its one limit.
    """
    settings = {"RATE_LIMIT_ACTIONS": "30/minute", "EMBED_ANCESTORS": sites.friend, "ALLOWED_ORIGINS": sites.friend}
    with running(tmp_path_factory.mktemp("stage"), settings, broker="redis") as started:
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


@pytest.fixture
def game(browser: Browser, sites: Sites, stage: Product) -> Iterator[Page]:
    """Yield a page of an allowed site with a client in `game`; its sockets, boards, standings and states are kept."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{sites.friend}/game")
    page.evaluate(_OPEN, stage.url)
    yield page
    context.close()


def register(game: Page) -> str:
    """Sign a new player up with the client of a game. Returns the username."""
    name = fresh_name("js")
    game.evaluate("([name, password]) => game.register(name, password)", [name, PASSWORD])
    return name
