"""Pages of other sites, in a browser: one frames a board and calls the API, another may do neither."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
import requests
from playwright.sync_api import Browser, FrameLocator, Locator, Page, expect

from devstack.child import ROOT
from tests.e2e.page.conftest import Sites, Visit
from tests.e2e.page.screen import Screen
from tests.parts.client import PASSWORD, Api, fresh_name
from tests.parts.guides import blocks
from tests.parts.product import Product
from tests.parts.waiting import eventually

Open = Callable[..., Page]
LIVE = 1_000  # ms: the API's second from the commit to every subscriber

CALL = """async ([url, options]) => {
    try {
        const answer = await fetch(url, options);
        const id = answer.headers.get("X-Request-ID");
        return { status: answer.status, id: id !== null, body: await answer.json().catch(() => null) };
    } catch {
        return { status: null };
    }
}"""
FRAME = """src => document.body.append(Object.assign(document.createElement("iframe"), { src, height: 700 }))"""
INJECT = """(css) => {
    const style = document.createElement("style");
    style.appendChild(document.createTextNode(css));
    document.querySelector("head").appendChild(style);
}"""  # as OBS does with its Custom CSS
COLOUR = """(element, name) => getComputedStyle(element)[name]"""
LISTEN = """([url, message]) => new Promise((resolve) => {
    const socket = new WebSocket(url);
    socket.onopen = () => socket.send(JSON.stringify(message));
    socket.onmessage = (event) => resolve(JSON.parse(event.data).type);
    socket.onerror = () => resolve(null);
})"""


@pytest.fixture
def site(browser: Browser) -> Iterator[Open]:
    """Yield a function that opens a page of this origin, with a frame of an address."""
    pages: list[Page] = []

    def open_page(origin: str, framed: str = "") -> Page:
        pages.append(browser.new_context().new_page())
        pages[-1].goto(f"{origin}/page")
        if framed:
            pages[-1].evaluate(FRAME, framed)
        return pages[-1]

    yield open_page
    for page in pages:
        page.context.close()


def _frame(page: Page) -> FrameLocator:
    return page.frame_locator("iframe")


def test_a_page_of_another_site_shows_a_board_live_as_in_the_how_to(
    site: Open, sites: Sites, stage: Product, prize: str, stage_api: Api
) -> None:
    (frame,) = blocks(ROOT / "docs/howto/embed.md", "html")
    sites.pages["/page"] = frame.text.replace("https://boards.example.org", stage.url)
    try:
        board = _frame(site(sites.friend))
    finally:
        del sites.pages["/page"]
    expect(board.locator("#connection")).to_have_attribute("data-state", "live", timeout=30_000)
    player = stage_api.register()
    player.score_once(prize)
    row = board.locator("#rows tr", has=board.get_by_text(player.username, exact=True))
    expect(row).to_be_visible(timeout=LIVE)
    expect(row.locator(".rank")).to_have_text("1")
    assert board.locator("#whole").get_attribute("href") == "/?board=main"
    expect(board.locator("form, input")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_stream_shows_a_board_on_its_own_scene(
    visit: Visit, stage: Product, prize: str, stage_api: Api, scheme: str
) -> None:
    (style,) = blocks(ROOT / "docs/howto/overlay.md", "css")
    screen = visit(color_scheme=scheme)
    page, player = screen.page, stage_api.register()
    player.score_once(prize)
    page.goto(f"{stage.url}/embed?board=main")
    page.evaluate(INJECT, style.text)
    row = page.locator("#rows tr", has=page.get_by_text(player.username, exact=True))
    expect(row).to_be_visible(timeout=30_000)
    for part in (page.locator("body"), row):
        expect(part).to_have_css("background-color", "rgba(0, 0, 0, 0)")
    expect(page.locator(".embed-foot")).to_be_hidden()
    expect(row).to_have_attribute("data-rank", "1")  # the leader's row has colours of its own
    grounds = [page.locator(".board"), row.locator(".lane")]
    for name in (".rank", ".name", ".score"):
        eventually(partial(_is_readable, row.locator(name), grounds))


def _is_readable(text: Locator, grounds: Sequence[Locator]) -> bool:
    """Return whether a text has WCAG AA's contrast with the shades behind it, the lowest first, over a grey scene."""
    shown = [128.0] * 3
    for ground in grounds:
        *colour, share = _numbers(ground, "backgroundColor")
        shown = [part * share + before * (1 - share) for part, before in zip(colour, shown, strict=True)]
    return (_luminance(_numbers(text, "color")) + 0.05) / (_luminance(shown) + 0.05) >= 4.5


def _numbers(element: Locator, name: str) -> list[float]:
    """Return red, green and blue, and the alpha of a shade."""
    return [float(number) for number in re.findall(r"[\d.]+", str(element.evaluate(COLOUR, name)))]


def _luminance(colour: Sequence[float]) -> float:
    """Return the relative luminance of WCAG, from 0 for black to 1 for white."""
    parts = [math.pow((value / 255 + 0.055) / 1.055, 2.4) for value in colour]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


@pytest.mark.parametrize(("who", "path"), [("stranger", "/embed?board=main"), ("friend", "/"), ("stranger", "/")])
def test_nothing_else_can_be_framed(site: Open, sites: Sites, stage: Product, who: str, path: str) -> None:
    """Frame a page that may be framed too, so that it is not the browser that can't."""
    origin = getattr(sites, who)
    expect(_frame(site(origin, f"{sites.friend}/page")).locator("h1")).to_have_text("A site")
    page = site(origin)
    refusals: list[str] = []
    page.on("console", lambda message: refusals.append(message.text))
    page.evaluate(FRAME, f"{stage.url}{path}")

    def is_refused() -> bool:
        page.wait_for_timeout(50)  # lets the messages arrive
        return any("frame-ancestors" in text for text in refusals)

    eventually(is_refused)
    expect(_frame(page).locator("#rows")).to_have_count(0)


def test_a_board_that_does_not_exist_or_is_hidden_is_said_in_a_sentence(visit: Visit, stage: Product) -> None:
    for board in ("nowhere", "..", "a/b", "<b>x</b>"):
        screen = _open_embedded(visit, stage, board)
        expect(screen.at("board-note")).to_have_text(f"There is no public board “{board}” here.")
        expect(screen.at("connection")).to_be_hidden()


def _open_embedded(visit: Visit, stage: Product, board: str) -> Screen:
    """Open the page by itself; the browser's complaints about it fail the test."""
    screen = visit()
    screen.page.goto(f"{stage.url}/embed?{requests.compat.urlencode({'board': board})}")
    return screen


@pytest.mark.parametrize(("path", "words"), [("/embed", ""), ("/", "; sign in to watch live")])
def test_a_board_follows_when_nobody_may_watch_without_an_account(
    visit: Visit, stage: Product, path: str, words: str
) -> None:
    """Refuse the watch as a server with ANONYMOUS_SOCKETS=off does; the page then reads every two seconds."""
    screen = visit()
    refusal = '{"type": "error", "meta": {"code": 401}, "error": {"code": "unauthorized", "message": "No."}}'

    def refuse(socket: Any) -> None:
        socket.on_message(lambda _: (socket.send(refusal), socket.close(code=1008)))

    screen.page.route_web_socket("**/ws/leaderboard**", refuse)
    screen.page.goto(f"{stage.url}{path}")
    expect(screen.at("connection-words")).to_have_text(f"Updates every 2 seconds{words}")
    expect(screen.at("rows").locator("tr").first.or_(screen.at("empty")).first).to_be_visible()


def _call(page: Page, stage: Product, path: str, **options: object) -> Any:
    return page.evaluate(CALL, [f"{stage.url}/api/v1{path}", options])


def test_a_page_of_any_site_reads_what_is_public_and_why_it_is_refused(
    site: Open, sites: Sites, stage: Product
) -> None:
    page = site(sites.stranger)
    own = {"X-Request-ID": "mine"}  # a header that needs a preflight
    for path, status in (("/leaderboard/top", 200), ("/players/no-id", 404), ("/leaderboard/top?limit=0", 422)):
        answer = _call(page, stage, path, headers=own)
        assert (answer["status"], answer["id"]) == (status, True)
        assert answer["body"]["meta"]["request_id"] == "mine"
    json, body = {"Content-Type": "application/json"}, f'{{"user_ids": ["{uuid4()}"]}}'
    lookup = _call(page, stage, "/leaderboard/lookup", method="POST", body=body, headers=json)
    assert (lookup["status"], lookup["body"]["data"]) == (200, [])


@pytest.mark.parametrize(("who", "is_allowed"), [("friend", True), ("stranger", False)])
def test_a_page_of_an_allowed_site_signs_in_plays_and_opens_a_socket(
    site: Open, sites: Sites, stage: Product, who: str, is_allowed: bool
) -> None:
    page = site(getattr(sites, who))
    account = f'{{"username": "{fresh_name("site")}", "password": "{PASSWORD}"}}'
    json = {"Content-Type": "application/json"}
    entered = _call(page, stage, "/auth/register", method="POST", body=account, headers=json)
    assert entered["status"] == (201 if is_allowed else None)
    refused = _call(page, stage, "/me", headers={"Authorization": "Bearer nonsense"})
    assert refused["status"] == (401 if is_allowed else None)
    with_cookies = _call(page, stage, "/me", credentials="include")
    assert with_cookies["status"] is None, "no call with credentials is allowed"
    url = f"ws{stage.url.removeprefix('http')}/api/v1/ws/leaderboard"
    if is_allowed:
        token = entered["body"]["data"]["access_token"]
        assert _call(page, stage, "/me", headers={"Authorization": f"Bearer {token}"})["status"] == 200
        message = {"type": "subscribe", "auth": f"Bearer {token}"}
    else:
        message = {"type": "watch"}
    assert page.evaluate(LISTEN, [url, message]) == ("leaderboard.initial" if is_allowed else None)
