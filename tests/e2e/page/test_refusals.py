"""The page puts every refusal into words, and an answer that is lost loses no points."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Route, WebSocketRoute, expect

from app.errors import Refusal
from tests.e2e.page.conftest import Visit
from tests.e2e.page.screen import Screen
from tests.parts.client import PASSWORD, Api, fresh_name
from tests.parts.product import Product
from tests.parts.waiting import eventually

ACTION = "fairboard.action"


def _codes(kind: type[Refusal]) -> set[str]:
    return {kind.code}.union(*map(_codes, kind.__subclasses__()))


def _complete_elsewhere(api: Api, screen: Screen) -> None:
    opened = screen.stored("sessionStorage", ACTION)
    answer = api.post(f"/actions/{opened['id']}/complete", {"token": opened["token"]}, token=screen.token())
    assert answer.status == 200


def test_every_code_of_the_product_has_words_of_its_own(visit: Visit) -> None:
    known_codes = visit().page.evaluate("import('/static/words.js').then((words) => words.knownCodes())")
    assert _codes(Refusal) - {Refusal.code} <= set(known_codes)
    assert {"internal_error", "method_not_allowed", "network"} <= set(known_codes)


def test_a_wrong_password_is_said_in_words(visit: Visit, stage_api: Api) -> None:
    player = stage_api.register()
    screen = visit()
    screen.at("mode-in").click()
    screen.fill(player.username, "not the password")
    expect(screen.at("account-error")).to_have_text("The username or the password is wrong.")
    expect(screen.at("account-error")).to_have_attribute("role", "alert")
    screen.fill(player.username, PASSWORD)
    expect(screen.at("who-name")).to_contain_text(player.username)


def test_a_taken_name_is_said_at_the_name(visit: Visit, stage_api: Api) -> None:
    screen = visit()
    screen.fill(stage_api.register().username.upper(), PASSWORD)
    expect(screen.at("username-error")).to_have_text("This username is taken. Try another one.")
    expect(screen.at("username")).to_have_attribute("aria-invalid", "true")
    expect(screen.at("username")).to_be_focused()


@pytest.mark.parametrize(
    ("username", "password", "field", "words"),
    [
        ("ab", PASSWORD, "username", "A username has 3 to 32 characters."),
        ("long enough", "short", "password", "A password has 8 to 256 characters."),
        (
            "long enough",
            "iloveyou1",
            "password",
            "It is too common and easy to guess; choose another one, for example several words.",
        ),
        ("  spaces  ", PASSWORD, "username", "It must not begin or end with a space."),
    ],
)
def test_a_field_that_will_not_do_is_named(visit: Visit, username: str, password: str, field: str, words: str) -> None:
    screen = visit()
    screen.fill(username, password)
    expect(screen.at(f"{field}-error")).to_have_text(words)
    expect(screen.at(field)).to_be_focused()


def test_too_many_open_actions_are_explained(visit: Visit, stage_api: Api) -> None:
    screen = visit().sign_up()
    for _ in range(10):
        assert stage_api.post("/actions", {"action_type": "tap"}, token=screen.token()).status == 201
    screen.start("Tap")
    expect(screen.at("play-error")).to_contain_text("too many actions open at once")
    expect(screen.at("play-button")).to_have_text("Start Tap")


def test_an_action_that_was_completed_elsewhere_does_not_score_twice(visit: Visit, stage_api: Api) -> None:
    screen = visit().sign_up()
    screen.start("Tap")
    expect(screen.at("play-button")).to_contain_text("Complete for")
    _complete_elsewhere(stage_api, screen)
    screen.complete()
    expect(screen.at("play-error")).to_contain_text("does not score twice")
    expect(screen.at("standing-score")).to_have_text("1")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda opened: {**opened, "token": opened["token"][:-4] + "AAAA"}, "was not signed by this server"),
        (lambda opened: {**opened, "id": "00000000-0000-4000-8000-000000000000"}, "has expired or is not yours"),
    ],
)
def test_a_damaged_action_asks_for_a_new_one(visit: Visit, damage: object, words: str) -> None:
    screen = visit().sign_up()
    screen.start("Tap")
    expect(screen.at("play-button")).to_contain_text("Complete for")
    assert callable(damage)
    screen.store("sessionStorage", ACTION, damage(screen.stored("sessionStorage", ACTION)))
    screen.page.reload()
    screen.complete()
    expect(screen.at("play-error")).to_contain_text(words)
    expect(screen.at("play-button")).to_have_text(re.compile("^Start "))


def test_too_often_is_said_with_the_time_to_wait(visit: Visit, stage_api: Api) -> None:
    screen = visit().sign_up()
    while stage_api.post("/actions", {"action_type": "tap"}, token=screen.token()).status != 429:
        pass
    screen.start("Tap")
    expect(screen.at("play-error")).to_have_text(re.compile(r"That was too often .* Try again in \d+ seconds?\."))
    expect(screen.at("play-button")).to_have_text(re.compile(r"Start in \d+ s"))
    expect(screen.at("play-button")).to_have_attribute("aria-disabled", "true")


def test_play_that_looks_automated_is_refused_in_words_then_the_account_is_suspended(
    visit: Visit, stage_api: Api, stage: Product
) -> None:
    screen = visit().sign_up()
    screen.start("Boss fight")
    expect(screen.at("track")).to_be_visible()
    opened = screen.stored("sessionStorage", ACTION)
    screen.store("sessionStorage", ACTION, {**opened, "wait": 0})  # as if the player had tampered with the page
    screen.page.reload()
    screen.complete()
    expect(screen.at("play-error")).to_contain_text("looks automated")
    issued = stage_api.post("/actions", {"action_type": "boss-fight"}, token=screen.token()).data
    path = f"/actions/{issued['action_id']}/complete"
    assert stage_api.post(path, {"token": issued["token"]}, token=screen.token()).code == "account_suspended"
    expect(screen.at("banner")).to_contain_text("Your account is suspended.", timeout=35_000)
    expect(screen.at("banner")).to_have_attribute("role", "alert")
    expect(screen.at("play")).to_be_hidden()
    expect(screen.at("connection-words")).to_contain_text("not live while your account is suspended")
    screen.at("sign-out").click()
    expect(screen.at("banner")).to_be_hidden()


def test_an_answer_that_is_lost_loses_no_points_and_scores_once(visit: Visit, stage_api: Api) -> None:
    screen = visit().sign_up()
    keys: list[str | None] = []

    def lose_the_first_answer(route: Route) -> None:
        keys.append(route.request.headers.get("idempotency-key"))
        if len(keys) > 1:
            route.continue_()
        else:
            route.fetch()  # the server has scored it
            route.abort("connectionreset")

    screen.page.route("**/complete", lose_the_first_answer)
    screen.start("Tap")
    screen.complete()
    expect(screen.at("earned-points")).to_have_text("+1")
    assert len(keys) == 2
    assert keys[0] == keys[1]
    assert stage_api.get("/me", token=screen.token()).data["score"] == 1


def test_a_completion_that_overlaps_is_sent_again_by_itself(visit: Visit, stage_api: Api) -> None:
    screen = visit().sign_up()
    issued = stage_api.post("/actions", {"action_type": "quick-match"}, token=screen.token()).data  # in another tab
    screen.start("Quick match")
    expect(screen.at("play-button")).to_contain_text("Complete for", timeout=30_000)
    path = f"/actions/{issued['action_id']}/complete"
    assert stage_api.post(path, {"token": issued["token"]}, token=screen.token()).status == 200
    screen.complete()
    expect(screen.at("play-error")).to_contain_text("Another action was completed meanwhile")
    expect(screen.at("earned-points")).to_have_text("+10", timeout=30_000)
    assert stage_api.get("/me", token=screen.token()).data["score"] == 20


def test_a_page_that_was_closed_before_the_answer_came_asks_again(visit: Visit, stage_api: Api) -> None:
    screen = visit().sign_up()
    screen.start("Tap")
    expect(screen.at("play-button")).to_contain_text("Complete for")
    screen.page.route("**/complete", lambda route: (route.fetch(), route.abort("connectionreset")))
    screen.complete()
    expect(screen.at("play-error")).to_contain_text("Your action is safe")
    screen.page.unroute("**/complete")
    screen.page.reload()
    expect(screen.at("earned-points")).to_have_text("+1")
    assert stage_api.get("/me", token=screen.token()).data["score"] == 1


def test_the_next_try_is_counted_down_and_comes_at_once_when_the_page_is_live_again(visit: Visit) -> None:
    screen = visit()
    sockets: list[WebSocketRoute] = []

    def connect(socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    screen.page.route_web_socket("**/api/v1/ws/leaderboard*", connect)
    screen.page.clock.install()
    screen.page.reload()
    screen.sign_up()
    tries: list[str] = []

    def refuse(route: Route) -> None:
        tries.append(route.request.url)
        route.abort("connectionreset")

    screen.page.route("**/complete", refuse)
    screen.start("Tap")
    screen.complete()
    _wait_for_tries(screen, tries, 6)  # the next one is at least 9 seconds away
    expect(screen.at("play-error")).to_contain_text(re.compile(r"asking again in \d+ seconds"))
    shown = screen.at("play-error").inner_text()
    expect(screen.at("play-error")).not_to_have_text(shown)
    assert len(tries) == 6
    screen.page.unroute("**/complete")
    sockets[-1].close(code=1012)
    expect(screen.at("earned-points")).to_have_text("+1")


def _wait_for_tries(screen: Screen, tries: list[str], count: int) -> None:
    """Move the page's clock on over one pause after another, until so many tries have failed."""

    def is_reached() -> bool:
        if len(tries) < count:
            screen.page.clock.fast_forward(4_000)
        return len(tries) >= count

    eventually(is_reached)


def test_while_the_database_is_down_the_page_keeps_trying_until_the_points_are_there(
    visit: Visit, stage: Product
) -> None:
    screen = visit().sign_up()
    screen.start("Tap")
    expect(screen.at("play-button")).to_contain_text("Complete for")
    stage.process("postgres").stop()
    try:
        screen.complete()
        expect(screen.at("play-error")).to_contain_text("Your action is safe")
    finally:
        stage.process("postgres").start()
    expect(screen.at("earned-points")).to_have_text("+1", timeout=30_000)


def test_a_login_that_ended_elsewhere_is_said_and_asks_to_sign_in(visit: Visit, stage_api: Api) -> None:
    screen = visit().sign_up()
    assert stage_api.post("/auth/logout", token=screen.token()).status == 204
    expect(screen.at("account-error")).to_have_text("Your sign-in has ended. Please sign in again.")
    expect(screen.at("account")).to_be_visible()
    screen.fill(screen.username, PASSWORD)
    expect(screen.at("who-name")).to_contain_text(screen.username)


def test_the_server_out_of_reach_is_said_at_sign_up(visit: Visit) -> None:
    screen = visit()
    screen.page.route("**/api/v1/**", lambda route: route.abort("connectionrefused"))
    screen.page.route_web_socket("**/api/v1/ws/leaderboard*", lambda socket: socket.close())
    screen.page.reload()
    screen.fill(fresh_name("lost"), PASSWORD)
    expect(screen.at("account-error")).to_have_text(
        "The server can't be reached. Check your connection, then try again."
    )
    expect(screen.at("account-submit")).to_have_text("Sign up")
    expect(screen.at("connection")).to_have_attribute("data-state", "reconnecting")
    screen.page.unroute("**/api/v1/**")
    expect(screen.at("account-error")).to_be_hidden(timeout=10_000)
