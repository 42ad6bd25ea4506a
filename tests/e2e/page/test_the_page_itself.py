"""The page with any board: the policy, the labels, the widths, the languages."""

from __future__ import annotations

import re

import pytest
import requests
from playwright.sync_api import expect

from tests.e2e.page.conftest import Sites, Visit
from tests.e2e.page.screen import Screen
from tests.parts.client import Api
from tests.parts.product import Product

NAMELESS = """[...document.querySelectorAll("input, button, a[href]")]
    .filter((control) => !(control.labels?.length || control.textContent.trim()))
    .map((control) => control.outerHTML)"""
PHONE = {"width": 360, "height": 740}


def _policy(response: requests.Response) -> dict[str, str]:
    parts = response.headers["Content-Security-Policy"].split("; ")
    return dict(part.split(" ", 1) for part in parts)


def _fits(screen: Screen) -> bool:
    return bool(screen.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


@pytest.mark.parametrize("path", ["/", "/static/main.js", "/static/base.css", "/static/icon.svg"])
def test_the_policy_is_strict_and_a_kept_copy_is_asked_about(stage: Product, path: str) -> None:
    answer = requests.get(stage.url + path, timeout=10)
    policy = _policy(answer)
    assert answer.status_code == 200
    assert policy["default-src"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "img-src", "connect-src")} == {"'self'"}
    assert {policy[name] for name in ("base-uri", "frame-ancestors", "form-action")} == {"'none'"}
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"] == "no-cache"
    again = requests.get(stage.url + path, headers={"If-None-Match": answer.headers["ETag"]}, timeout=10)
    assert (again.status_code, again.content) == (304, b"")


def test_the_policy_of_a_framed_board_differs_in_who_may_frame_it_and_in_styles(stage: Product, sites: Sites) -> None:
    page, embedded = (requests.get(f"{stage.url}{path}", timeout=10) for path in ("/", "/embed?board=main"))
    assert _policy(embedded) == {
        **_policy(page),
        "frame-ancestors": sites.friend,
        "style-src": "'self' 'unsafe-inline'",
    }
    assert set(page.headers) - set(embedded.headers) == {"X-Frame-Options"}


@pytest.mark.parametrize(
    "path", ["/static/../page.py", "/static/%2e%2e/page.py", "/static/none.js", "/templates/board.html"]
)
def test_nothing_but_the_files_of_the_page_is_served(stage: Product, path: str) -> None:
    request = requests.Request("GET", stage.url).prepare()
    request.url = stage.url + path
    with requests.Session() as session:
        assert session.send(request, timeout=10).status_code == 404


def test_nothing_comes_from_outside_the_server(visit: Visit, stage: Product) -> None:
    screen = visit()
    urls: list[str] = []
    screen.page.on("request", lambda request: urls.append(request.url))
    screen.page.reload()
    screen.sign_up().play("Tap")
    assert len(urls) > 10
    assert [url for url in urls if not url.startswith(stage.url)] == []


def test_a_username_is_text_whatever_it_looks_like(visit: Visit, prize: str, stage_api: Api) -> None:
    name = "<img src=x onerror=alert(1)>"
    stage_api.register(name).score_once(prize)
    screen = visit().sign_up()
    expect(screen.row(name)).to_be_visible()
    expect(screen.at("rows").locator("img")).to_have_count(0)


@pytest.mark.parametrize("name", ["W" * 32, "مريم السريعة على اللوحة"])
def test_a_long_or_right_to_left_name_leaves_the_board_in_shape(
    visit: Visit, prize: str, stage_api: Api, name: str
) -> None:
    stage_api.register(name).score_once(prize)
    screen = visit(viewport=PHONE)
    expect(screen.row(name)).to_be_visible()
    rank, label, score = (screen.row(name).locator(part).bounding_box() for part in (".rank", ".name", ".score"))
    assert rank
    assert label
    assert score
    assert rank["x"] < label["x"] < score["x"]
    assert label["x"] + label["width"] <= score["x"] + 1
    assert _fits(screen)


def test_at_phone_width_nothing_scrolls_sideways(visit: Visit) -> None:
    screen = visit(viewport=PHONE)
    assert _fits(screen)
    screen.sign_up()
    assert _fits(screen)
    screen.start("Quick match")
    expect(screen.at("track")).to_be_visible()
    assert _fits(screen)
    screen.complete()
    expect(screen.at("earned")).to_be_visible()
    assert _fits(screen)


def test_the_header_of_a_phone_has_room_for_the_name_and_one_line_for_the_button(visit: Visit) -> None:
    screen = visit(viewport={"width": 375, "height": 740}).sign_up("Marguerite")
    button = screen.at("sign-out").bounding_box()
    assert button
    assert button["height"] <= 46
    name = screen.at("who-name").locator("bdi")
    assert name.evaluate("({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth")


def test_the_largest_score_is_shown_to_the_last_digit(visit: Visit) -> None:
    text = visit().page.evaluate("import('/static/words.js').then((words) => words.number(2 ** 53 - 1))")
    assert text == "9,007,199,254,740,991"


def test_every_control_has_a_name_and_every_part_a_landmark(visit: Visit) -> None:
    screen = visit().sign_up()
    page = screen.page
    assert page.locator("html").get_attribute("lang") == "en"
    for role in ("banner", "main", "contentinfo"):
        expect(page.get_by_role(role)).to_have_count(1)
    for title in ("Top ten", "Your standing", "Play"):
        expect(page.get_by_role("region", name=title)).to_be_visible()
    for heading in ("Username", "Password"):
        expect(page.get_by_label(heading, exact=True)).to_have_count(1)
    assert page.evaluate(NAMELESS) == []
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((element) => element.id)")
    assert len(ids) == len(set(ids))


def test_the_board_is_a_table_to_a_screen_reader(visit: Visit, prize: str, stage_api: Api) -> None:
    stage_api.register("tabular").score_once(prize)
    screen = visit()
    table = screen.page.get_by_role("table", name="Top ten")
    assert table.get_by_role("columnheader").all_text_contents() == ["Rank", "Player", "Score"]
    row = table.get_by_role("row").filter(has_text="tabular")
    expect(row.get_by_role("cell")).to_have_count(3)


def test_the_focus_goes_from_top_to_bottom_and_is_visible(visit: Visit) -> None:
    screen = visit()
    order = []
    for _ in range(8):
        screen.page.keyboard.press("Tab")
        order.append(screen.page.evaluate("document.activeElement.id || document.activeElement.className"))
        assert screen.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert order == ["skip", "who-enter", "mode-up", "mode-in", "username", "password", "reveal", "account-submit"]


def test_it_is_light_by_day_and_dark_by_night(visit: Visit) -> None:
    colours = [
        visit(color_scheme=scheme).page.evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    ]
    assert colours == ["rgb(239, 243, 239)", "rgb(13, 19, 17)"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_selected_tab_is_brighter_than_its_ground(visit: Visit, scheme: str) -> None:
    screen = visit(color_scheme=scheme)
    colours = [
        screen.page.locator(part).evaluate("element => getComputedStyle(element).backgroundColor")
        for part in (".modes [aria-pressed=true]", ".modes")
    ]
    selected, ground = (sum(map(int, re.findall(r"\d+", colour))) for colour in colours)
    assert selected > ground
