"""A suspended player learns that there is a case, and appeals in it once."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.page.conftest import Visit
from tests.e2e.page.test_the_page_itself import NAMELESS
from tests.parts.client import Api
from tests.parts.product import Product


def test_a_suspended_player_reads_of_their_case_and_appeals_once(visit: Visit, stage: Product, stage_api: Api) -> None:
    screen = visit(viewport={"width": 360, "height": 740}).sign_up()
    expect(screen.at("case")).to_be_hidden()
    for _ in range(2):  # a fight of twenty seconds, completed at once
        issued = stage_api.post("/actions", {"action_type": "boss-fight"}, token=screen.token()).data
        path = f"/actions/{issued['action_id']}/complete"
        stage_api.post(path, {"token": issued["token"]}, token=screen.token())
    region = screen.page.get_by_role("region", name="Why the account is suspended")
    expect(region).to_be_visible(timeout=35_000)
    expect(region).to_contain_text("A person has yet to look at it.")
    assert screen.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert screen.page.evaluate(NAMELESS.replace("input,", "input, textarea,")) == []

    link = screen.at("banner").get_by_role("link", name="Read why, and appeal")
    link.click()
    expect(screen.at("case")).to_be_focused()
    expect(region).to_be_in_viewport()

    send = screen.page.get_by_role("button", name="Send the appeal")
    send.click()
    expect(screen.at("appeal-error")).to_have_text("Say why the account should play again.")
    expect(screen.at("appeal-text")).to_be_focused()
    screen.page.get_by_label("Your appeal").fill("A fast hand.\n<b>Really.</b>")
    send.click()
    expect(screen.at("case-said")).to_contain_text("You appealed on")
    expect(screen.at("case-said")).to_be_focused()
    expect(screen.at("appeal-form")).to_be_hidden()
    (case,) = stage.run_json("anticheat", "show", screen.username)["cases"]
    assert case["appeal"] == "A fast hand.\n<b>Really.</b>"

    screen.page.reload()
    expect(screen.at("case-said")).to_contain_text("You appealed on")
    expect(screen.at("appeal-form")).to_be_hidden()

    stage.run_json("anticheat", "confirm", case["case_id"], "--reason", "no hand is that fast", "--yes")
    screen.page.reload()
    expect(screen.at("banner")).to_contain_text("A person has reviewed it, and it stays on no board.")
    expect(region).to_contain_text("decided that the suspension stands.")
    expect(screen.at("case-said")).to_contain_text("The decision came later")
    expect(screen.page.get_by_text("A person will read it.")).to_have_count(0)

    stage.run_json("anticheat", "undo", case["case_id"], "--reason", "a second look")
    stage.run_json("anticheat", "clear", case["case_id"], "--reason", "a fast hand indeed")
    screen.page.reload()
    expect(screen.at("play")).to_be_visible()
    expect(screen.at("case")).to_be_hidden()
    screen.at("own").locator("summary").click()
    expect(screen.at("own-case")).to_contain_text("A person has reviewed it, and cleared it on")


def test_a_player_whom_an_operator_suspended_without_a_case_is_told_to_ask_and_keeps_the_score(
    visit: Visit, stage: Product, prize: str
) -> None:
    screen = visit().sign_up()
    screen.play(prize)
    score = screen.at("standing-score").inner_text()
    assert stage.flask("users", "suspend", screen.username, "--yes").returncode == 0
    screen.page.reload()
    expect(screen.at("banner")).to_contain_text("An operator of this site suspended it; please ask them why.")
    expect(screen.at("banner")).not_to_contain_text("until a person has reviewed it")
    expect(screen.at("banner").get_by_role("link")).to_have_count(0)
    expect(screen.at("case")).to_be_hidden()
    expect(screen.at("standing-note")).to_have_text("You are on no board while the account is suspended.")
    expect(screen.at("standing-score")).to_have_text(score)
    expect(screen.at("standing-rank")).to_have_text("–")
