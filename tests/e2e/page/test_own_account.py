"""Guests keep their account, players change their name and password, and a reset token lets one in again."""

from __future__ import annotations

from playwright.sync_api import Dialog, expect

from tests.e2e.page.conftest import Visit
from tests.e2e.page.screen import Screen
from tests.parts.client import PASSWORD, fresh_name
from tests.parts.product import Product

NEW_PASSWORD = "another word entirely"


def _sign_in(screen: Screen, username: str, password: str) -> None:
    screen.at("mode-in").click()
    screen.fill(username, password)


def _open_account(screen: Screen) -> None:
    screen.at("own").locator("summary").click()


def test_a_guest_plays_and_keeps_the_account_with_its_points(visit: Visit, prize: str) -> None:
    screen = visit()
    screen.at("guest").click()
    expect(screen.at("who-name")).to_be_visible()
    guest_name = screen.at("who-name").locator("bdi").inner_text()
    screen.play(prize)
    expect(screen.row(guest_name)).to_be_visible()
    expect(screen.at("own-title")).to_have_text("Keep this account")
    questions: list[str] = []

    def decline(dialog: Dialog) -> None:
        questions.append(dialog.message)
        dialog.dismiss()

    screen.page.on("dialog", decline)
    screen.at("sign-out").click()
    assert "you can't come back to this score" in questions[0]
    _open_account(screen)
    expect(screen.at("rename-form")).to_be_hidden()
    name = fresh_name("kept")
    screen.at("upgrade-name").fill(guest_name)
    screen.at("upgrade-password").fill(NEW_PASSWORD)
    screen.at("upgrade-submit").click()
    expect(screen.at("upgrade-name-error")).to_be_visible()  # a name of a guest's form is nobody's
    screen.at("upgrade-name").fill(name)
    screen.at("upgrade-submit").click()
    expect(screen.at("own-done")).to_contain_text("sign in with this name and password")
    expect(screen.at("who-name")).to_contain_text(name)
    expect(screen.at("upgrade-form")).to_be_hidden()
    expect(screen.at("rename-form")).to_be_visible()
    expect(screen.row(name)).to_be_visible()
    score = screen.at("standing-score").inner_text()
    screen.at("sign-out").click()
    expect(screen.at("account")).to_be_visible()
    assert len(questions) == 1, "only a guest is asked"
    elsewhere = visit()
    _sign_in(elsewhere, name, NEW_PASSWORD)
    expect(elsewhere.at("standing-score")).to_have_text(score)


def test_another_name_is_on_every_screen_and_survives_a_reload(visit: Visit, prize: str) -> None:
    spectator, screen = visit(), visit().sign_up()
    screen.play(prize)
    expect(spectator.row(screen.username)).to_be_visible(timeout=15_000)
    _open_account(screen)
    screen.at("rename-name").fill("no")
    screen.at("rename-submit").click()
    expect(screen.at("rename-name-error")).to_have_text("A username has 3 to 32 characters.")
    name = fresh_name("renamed")
    screen.at("rename-name").fill(name)
    screen.at("rename-submit").click()
    expect(screen.at("own-done")).to_have_text(f"Your name is {name} now.")
    expect(screen.at("who-name")).to_contain_text(name)
    expect(spectator.row(name)).to_be_visible(timeout=15_000)
    screen.at("rename-name").fill(fresh_name("again"))
    screen.at("rename-submit").click()
    expect(screen.at("rename-error")).to_contain_text("too often")
    screen.page.reload()
    expect(screen.at("who-name")).to_contain_text(name)


def test_another_password_ends_every_other_sign_in(visit: Visit) -> None:
    screen, elsewhere = visit().sign_up(), visit()
    _sign_in(elsewhere, screen.username, PASSWORD)
    elsewhere.live()
    _open_account(screen)
    screen.at("change-current").fill("not my password")
    screen.at("change-new").fill(NEW_PASSWORD)
    screen.at("change-submit").click()
    expect(screen.at("change-current-error")).to_have_text("That is not your current password.")
    screen.at("change-current").fill(PASSWORD)
    screen.at("change-submit").click()
    expect(screen.at("own-done")).to_contain_text("signed out everywhere else")
    elsewhere.page.reload()
    expect(elsewhere.at("account")).to_be_visible(timeout=15_000)
    _sign_in(elsewhere, screen.username, NEW_PASSWORD)
    elsewhere.live()
    screen.page.reload()
    screen.live()


def test_the_address_of_a_reset_token_sets_a_password_once(visit: Visit, stage: Product) -> None:
    screen = visit().sign_up()
    token = stage.run_json("users", "reset-link", screen.username)["token"]
    forgetful = visit(f"{stage.url}/#reset={token}")
    assert token not in forgetful.page.url
    expect(forgetful.at("account-title")).to_have_text("Set another password")
    expect(forgetful.at("username")).to_be_hidden()
    forgetful.at("password").fill("short")
    forgetful.at("account-submit").click()
    expect(forgetful.at("password-error")).to_have_text("A password has 8 to 256 characters.")
    forgetful.at("password").fill(NEW_PASSWORD)
    forgetful.at("account-submit").click()
    expect(forgetful.at("account-done")).to_have_text("The password is set. Sign in with it.")
    forgetful.at("mode-reset").click()
    forgetful.at("reset-token").fill(token)
    forgetful.at("password").fill(NEW_PASSWORD)
    forgetful.at("account-submit").click()
    expect(forgetful.at("reset-token-error")).to_contain_text("Ask for another one")
    _sign_in(forgetful, screen.username, NEW_PASSWORD)
    forgetful.live()
