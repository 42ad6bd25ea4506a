"""The guides of clients/js on a page of another origin, in a browser: their code runs as it is written."""

from __future__ import annotations

import json
import re
import shlex

from playwright.sync_api import Page, expect

from devstack.child import ROOT
from tests.e2e.page.conftest import Sites
from tests.parts.client import PASSWORD, Api, fresh_name
from tests.parts.guides import blocks
from tests.parts.product import Product
from tests.parts.waiting import eventually

IMPORT = re.compile(r"import \{ Fairboard \} from (\S+);")
IN_A_FUNCTION = r"const { Fairboard } = await import(\1);"


def _code(page: str, stage: Product) -> list[str]:
    """Return the blocks of JavaScript of a page, for the server of the tests and the files that the sites serve."""
    return [
        IMPORT.sub(IN_A_FUNCTION, block.text).replace('"./', '"/clients/').replace("http://127.0.0.1:8000", stage.url)
        for block in blocks(ROOT / page, "js")
    ]


def test_the_front_page_plays_in_ten_lines(game: Page, stage: Product) -> None:
    texts: list[str] = []
    game.on("console", lambda message: texts.append(message.text))
    (code,) = _code("README.md", stage)
    assert len([line for line in code.splitlines() if line]) <= 10
    game.evaluate(f"async () => {{ {code} }}")
    assert re.match(r"\d+ points, rank \d+", texts[0])


def test_the_tutorial_makes_a_game_in_which_a_cheat_earns_nothing(
    game: Page, sites: Sites, stage: Product, stage_api: Api
) -> None:
    page = ROOT / "docs/tutorials/web-game.md"
    commands = blocks(page, "sh")[0].text.splitlines()
    stage.stack.flask(*shlex.split(commands[-1])[1:])
    try:
        sites.pages["/tutorial"] = blocks(page, "html")[0].text.replace("http://127.0.0.1:8000", stage.url)
        game.goto(f"{sites.stranger}/tutorial")
        game.locator("button").click()
        expect(game.get_by_role("alert")).to_contain_text(f"{sites.stranger} is not in its ALLOWED_ORIGINS")
        expect(game.locator("button")).to_be_enabled()
        game.goto(f"{sites.friend}/tutorial")
        game.locator("button").click()
        expect(game.locator("button")).to_contain_text("10 points", timeout=30_000)
        expect(game.locator("button")).to_be_enabled()
        (code,) = _code("docs/tutorials/web-game.md", stage)
        assert game.evaluate(f"async () => {{ {code.replace('await run.complete', 'return run.complete')} }}") == (
            "suspicious_activity"
        )
    finally:
        stage.stack.flask("actions", "retire", "jump", "--yes")  # other tests play on this product too
        eventually(lambda: "jump" not in [kind["slug"] for kind in stage_api.get("/action-types").data])


def test_the_how_to_of_a_web_game_does_what_it_says(game: Page, stage: Product, stage_api: Api) -> None:
    account, sign_in, report, refuse, draw, use = _code("docs/howto/browser.md", stage)
    name = fresh_name("js")
    stage.run_json("actions", "add", "lap", "--result-kind", "reported", "--min-result", "0")
    try:
        eventually(lambda: "lap" in [kind["slug"] for kind in stage_api.get("/action-types").data])
        guest = game.evaluate("async () => (await game.guest()).user_id")
        names = f"const username = {json.dumps(name)}, password = {json.dumps(PASSWORD)};"
        game.evaluate(f"async () => {{ {names} {account} await game.signOut(); {sign_in} }}")
        assert game.evaluate("game.user.user_id") == guest
        standings = game.evaluate(f"async () => {{ {report} return standings; }}")
        assert standings[0]["score"]["current"] == 61250
        assert game.evaluate(f"async () => {{ {refuse} return refusal; }}") == "invalid_request: action_type"
        game.evaluate(f"() => {{ {draw} window.drawn = names; window.live = live; }}")
        game.wait_for_function("(name) => drawn.includes(name)", arg=name)
        game.evaluate("live.close()")
        other = stage_api.register()
        game.evaluate(f"async (pair) => {{ {use} }}", other.signed_in)
        assert game.evaluate("game.user.user_id") == other.user_id
    finally:
        stage.stack.flask("actions", "retire", "lap", "--yes")
        eventually(lambda: "lap" not in [kind["slug"] for kind in stage_api.get("/action-types").data])
