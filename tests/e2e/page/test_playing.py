"""Sign up, play, earn: the steps of a visitor who sees the page for the first time."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.e2e.page.conftest import Visit
from tests.parts.client import PASSWORD, Api, fresh_name


def test_a_visitor_signs_up_plays_and_finds_their_own_row_marked(visit: Visit, prize: str) -> None:
    screen = visit().sign_up()
    screen.play(prize)
    row = screen.row(screen.username)
    expect(row).to_have_class(re.compile("mine"))
    expect(row.locator(".you")).to_be_visible()
    expect(screen.at("standing-rank")).to_have_text("1")


def test_what_an_action_earned_is_told_with_score_and_rank_before_and_after(visit: Visit, prize: str) -> None:
    screen = visit().sign_up()
    screen.play(prize)
    first = int(screen.at("earned-points").inner_text().strip("+").replace(",", ""))
    expect(screen.at("earned-score")).to_have_text(f"0 → {first:,}")
    expect(screen.at("earned-rank")).to_have_text("unranked → 1")
    screen.play("Tap")
    expect(screen.at("earned-points")).to_have_text("+1")
    expect(screen.at("earned-score")).to_have_text(f"{first:,} → {first + 1:,}")
    expect(screen.at("earned-rank")).to_have_text("1 → 1")


def test_the_wait_is_visible_and_completing_has_to_wait_for_it(visit: Visit) -> None:
    screen = visit().sign_up()
    screen.start("Quick match")
    expect(screen.at("track")).to_be_visible()
    expect(screen.at("play-button")).to_have_text(re.compile(r"Complete in [123] s"))
    expect(screen.at("play-button")).to_have_attribute("aria-disabled", "true")
    expect(screen.at("wait-left")).to_have_text(re.compile(r"\d\.\d s"))
    screen.at("play-button").press("Enter")  # too early: nothing happens
    expect(screen.at("wait")).to_be_visible()
    screen.complete()
    expect(screen.at("earned-points")).to_have_text("+10")


def test_a_clock_that_is_set_back_makes_nobody_wait_until_it_has_caught_up(visit: Visit) -> None:
    screen = visit().sign_up()
    screen.start("Quick match")
    screen.page.evaluate("() => { const real = Date.now; Date.now = () => real() - 3_600_000; }")
    screen.complete()
    expect(screen.at("earned-points")).to_have_text("+10")


def test_an_open_action_survives_a_reload_of_the_page(visit: Visit) -> None:
    screen = visit().sign_up()
    screen.start("Tap")
    expect(screen.at("play-button")).to_contain_text("Complete for")
    opened = screen.stored("sessionStorage", "fairboard.action")["id"]
    screen.page.reload()
    expect(screen.at("play-button")).to_contain_text("Complete for")
    assert screen.stored("sessionStorage", "fairboard.action")["id"] == opened
    screen.complete()
    expect(screen.at("earned")).to_be_visible()


def test_an_action_that_the_player_leaves_is_no_error(visit: Visit) -> None:
    screen = visit().sign_up()
    screen.start("Boss fight")
    screen.at("play-leave").click()
    expect(screen.at("play-remark")).to_have_text("Left. It expires by itself and costs nothing.")
    expect(screen.at("play-error")).to_be_hidden()


def test_after_a_reload_the_choice_is_the_action_under_way(visit: Visit) -> None:
    screen = visit().sign_up()
    screen.start("Boss fight")
    expect(screen.at("track")).to_be_visible()
    screen.page.reload()
    expect(screen.page.get_by_role("radio", name="Boss fight")).to_be_checked()
    expect(screen.at("wait-words")).to_have_text("Boss fight")


def test_a_player_below_the_top_ten_sees_their_rank_and_row_under_it(visit: Visit, prize: str, stage_api: Api) -> None:
    for _ in range(10):
        stage_api.register().score_once(prize)
    screen = visit().sign_up()
    screen.play("Tap")
    place = screen.at("own-row").locator("tr")
    expect(place).to_contain_text(screen.username)
    expect(place).to_have_class(re.compile("mine"))
    expect(screen.row(screen.username)).to_have_count(0)
    rank = int(screen.at("standing-rank").inner_text())
    assert rank > 10
    expect(place.locator(".rank")).to_have_text(str(rank))
    expect(screen.at("standing-note")).to_contain_text("to pass the last of the top ten")
    screen.play(prize)
    expect(screen.row(screen.username).locator(".chip")).to_contain_text(f"▲ {rank - 1}")
    expect(screen.row(screen.username).locator(".chip")).not_to_contain_text("new")


def test_signing_out_ends_the_login_and_signing_in_finds_the_score_again(visit: Visit, stage_api: Api) -> None:
    screen = visit().sign_up()
    screen.play("Tap")
    token = screen.token()
    screen.at("sign-out").click()
    expect(screen.at("account")).to_be_visible()
    expect(screen.at("play")).to_be_hidden()
    screen.live()
    screen.at("who-enter").click()
    screen.fill(screen.username, PASSWORD)
    expect(screen.at("standing-score")).to_have_text("1")
    assert stage_api.get("/me", token=token).refusal == (401, "unauthorized")


def test_everything_can_be_done_with_the_keyboard_alone(visit: Visit) -> None:
    screen = visit()
    keyboard = screen.page.keyboard
    screen.at("username").focus()
    keyboard.type(fresh_name("keys"))
    keyboard.press("Tab")
    keyboard.type(PASSWORD)
    keyboard.press("Enter")
    quick = screen.page.get_by_role("radio", name="Quick match")
    expect(quick).to_be_visible()
    expect(screen.page.locator("#play :focus")).to_have_count(1)  # the focus has moved to the new part
    quick.focus()
    keyboard.press("ArrowUp")
    expect(screen.page.get_by_role("radio", name="Tap")).to_be_checked()
    keyboard.press("Tab")
    expect(screen.at("play-button")).to_be_focused()
    keyboard.press("Enter")
    expect(screen.at("play-button")).to_contain_text("Complete for")
    expect(screen.at("play-button")).to_be_focused()
    keyboard.press("Enter")
    expect(screen.at("earned")).to_be_visible()
    expect(screen.at("play-button")).to_be_focused()
