"""clients/js on a page of another origin, in a browser: what its README promises."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from devstack.child import ROOT, free_port
from tests.e2e.page.conftest import Sites, register
from tests.parts.client import Api, fresh_name
from tests.parts.product import Product
from tests.parts.waiting import eventually

CLIENT = ROOT / "clients" / "js"
WATCH = """() => {
    window.live = game.watch("main", (board) => boards.push(board), {
        onStanding: (standing) => standings.push(standing), onState: (state) => states.push(state),
    });
}"""
IMPORT = (
    'import { Fairboard } from "/clients/fairboard.js"',
    'const { Fairboard } = await import("/clients/fairboard.js")',
)
ELEMENT = """async (line) => {
    await import("/clients/element.js");
    document.body.innerHTML = line;
}"""
COMPLETE = """async (type) => {
    const run = await game.start(type);
    return run.complete();
}"""


def _last(page: Page, name: str) -> Any:
    return page.evaluate(f"{name}.at(-1)")


def test_a_player_plays_and_sees_the_board_and_the_own_rank(game: Page, prize: str) -> None:
    name = register(game)
    game.evaluate(WATCH)
    game.wait_for_function("boards.length > 0")
    done = game.evaluate(COMPLETE, prize)
    assert done["rank"]["current"] == 1
    game.wait_for_function("name => boards.at(-1).rows[0]?.username === name", arg=name)
    game.wait_for_function("standings.at(-1)?.rank === 1")
    assert _last(game, "standings")["score"] == done["score"]["current"]
    assert game.evaluate("states") == ["live"]
    game.evaluate("live.close()")
    assert _last(game, "states") == "closed"


def test_anybody_watches_and_pages_through_a_board(game: Page, stage_api: Api, prize: str) -> None:
    game.evaluate(WATCH)
    game.wait_for_function("boards.length > 0")
    players = [stage_api.register() for _ in range(2)]
    for player in players:
        player.score_once(prize)
    game.wait_for_function("name => boards.at(-1).rows.some((row) => row.username === name)", arg=players[1].username)
    first = game.evaluate("game.top('main', { limit: 1 })")
    second = game.evaluate("(after) => game.top('main', { limit: 1, after })", first["next"])
    assert len(first["rows"]) == len(second["rows"]) == 1
    assert first["rows"] != second["rows"]
    assert first["total"] >= 2


def test_a_lost_answer_loses_no_points(game: Page, stage_api: Api) -> None:
    register(game)
    answered: list[int] = []

    def lose_first(route: Route) -> None:
        answered.append(route.fetch().status)
        if len(answered) == 1:
            route.abort()
        else:
            route.continue_()

    game.route("**/complete", lose_first)
    done = game.evaluate(COMPLETE, "tap")
    assert answered[0] == 200
    assert done["score"] == {"previous": 0, "current": done["points"]}
    assert game.evaluate("game.call('GET', '/me')")["score"] == done["points"]


def test_after_a_refused_result_another_one_counts(game: Page, stage: Product) -> None:
    slug = fresh_name("guess")
    stage.run_json("actions", "add", slug, "--result-kind", "reported", "--min-result", "0", "--max-result", "9")
    register(game)
    results = game.evaluate(
        """async (type) => {
            const run = await game.start(type);
            const refused = await run.complete(10).catch((error) => error.code);
            return [refused, (await run.complete(9)).result];
        }""",
        slug,
    )
    assert results == ["invalid_request", 9]


def test_a_refusal_says_what_the_server_said(game: Page) -> None:
    register(game)
    caught = "(error) => ({ name: error.name, code: error.code, status: error.status, id: error.requestId })"
    refused = game.evaluate(f"game.start('nothing').catch({caught})")
    assert refused["id"]
    assert (refused["name"], refused["code"], refused["status"]) == ("FairboardError", "invalid_request", 422)
    wrong = game.evaluate(f"game.signIn('nobody-at-all', 'no password of anyone').catch({caught})")
    assert (wrong["code"], wrong["status"]) == ("invalid_credentials", 401)


def test_a_lost_socket_comes_back_and_an_old_board_is_dropped(game: Page) -> None:
    game.evaluate(WATCH)
    game.wait_for_function("boards.length > 0")
    game.evaluate(
        """() => sockets.at(-1).onmessage({ data: JSON.stringify(
            { type: "leaderboard.update", meta: { board: "main", version: 0 }, data: [] }) })"""
    )
    assert _last(game, "boards")["version"] > 0
    game.evaluate("sockets.at(-1).close()")
    game.wait_for_function("states.at(-1) === 'live' && states.length > 1", timeout=30_000)
    assert game.evaluate("states") == ["live", "reconnecting", "live"]
    assert game.evaluate("sockets.length") == 2


def test_the_element_is_a_board_in_one_line(game: Page, stage: Product, stage_api: Api, prize: str) -> None:
    line = f'<fairboard-board server="{stage.url}" board="main" rows="3"></fairboard-board>'
    game.evaluate(ELEMENT, line)
    player = stage_api.register(f"<b>{fresh_name('x')}</b>")
    player.score_once(prize)
    board = game.locator("fairboard-board")
    row = board.locator("tbody tr", has=game.get_by_text(player.username, exact=True))
    expect(row).to_be_visible(timeout=30_000)
    expect(row.locator("td").first).to_have_text("1")
    expect(board.locator("caption")).not_to_be_empty()
    eventually(lambda: board.locator("tbody tr").count() <= 3)
    expect(board.locator("p")).to_have_text("")
    board.evaluate("(board) => board.setAttribute('board', 'nowhere')")
    expect(board.locator("p")).to_have_text("There is no board nowhere.")
    shown = game.evaluate(
        """async () => {
            const { formatScore } = await import("/clients/element.js");
            const seconds = { decimals: 3, unit: "s" };
            return [formatScore(12345, seconds), formatScore(-5, { decimals: 2 }), formatScore(1234567)];
        }"""
    )
    assert shown == ["12.345 s", "-0.05", "1,234,567"]


@pytest.mark.parametrize("status", [200, 404])
def test_a_site_that_is_unreadable_is_said_and_not_asked_again(game: Page, sites: Sites, status: int) -> None:
    game.route(f"{sites.friend}/api/**", lambda route: route.fulfill(status=status, body="<h1>A site</h1>"))
    game.evaluate(ELEMENT, '<fairboard-board board="main"></fairboard-board>')
    expect(game.locator("fairboard-board p")).to_have_text(
        f"{sites.friend} gives no answer of Fairboard's. The attribute server has to name its address."
    )
    codes = game.evaluate(
        """async () => {
            const { Fairboard } = await import("/clients/fairboard.js");
            const codes = [];
            return new Promise((resolve) => new Fairboard().watch("main", () => null, {
                onError: (error) => codes.push(error.code),
                onState: (state) => state === "closed" && resolve(codes),
            }));
        }"""
    )
    assert codes == ["unreadable"]


def test_tokens_that_are_not_good_leave_the_player_signed_in(game: Page) -> None:
    name = register(game)
    assert game.evaluate("game.use({ access_token: 'x' }).catch((error) => error.code)") == "unauthorized"
    assert game.evaluate("game.user.username") == name


def test_a_page_of_a_refused_origin_shows_the_board_and_says_why_it_can_not_play(
    game: Page, sites: Sites, stage: Product, stage_api: Api, prize: str
) -> None:
    game.goto(f"{sites.stranger}/page")
    game.evaluate(ELEMENT, f'<fairboard-board server="{stage.url}"></fairboard-board>')
    board = game.locator("fairboard-board")
    expect(board.locator("p")).to_have_text("Updates every 2 seconds")
    player = stage_api.register()
    player.score_once(prize)
    expect(board.locator("tr", has=game.get_by_text(player.username, exact=True))).to_be_visible()
    words = game.evaluate(
        """async (url) => {
            const { Fairboard } = await import("/clients/fairboard.js");
            return new Fairboard(url).guest().catch((error) => [error.code, error.message]);
        }""",
        stage.url,
    )
    reason = f"it is down, or {sites.stranger} is not in its ALLOWED_ORIGINS."
    assert words == ["network", f"{stage.url} can't be reached: {reason}"]
    board.evaluate("(board) => board.setAttribute('board', 'nowhere')")
    expect(board.locator("p")).to_have_text("There is no board nowhere.")
    lines = [line for line in stage.stack.folder.log("web").read_text().splitlines() if "origin_refused" in line]
    assert any(sites.stranger in line for line in lines)
    assert len(lines) < 20


def test_the_element_says_that_nothing_answers(game: Page) -> None:
    game.evaluate(ELEMENT, f'<fairboard-board server="http://127.0.0.1:{free_port()}"></fairboard-board>')
    expect(game.locator("fairboard-board p")).to_contain_text("can't be reached: it is down")


def test_a_poll_turns_with_the_board_and_ends_when_the_socket_is_back(game: Page) -> None:
    game.evaluate(
        """() => {
            const Socket = window.WebSocket;
            window.WebSocket = class { constructor() { setTimeout(() => this.onclose({ code: 1006 })); } close() {} };
            window.restore = () => (window.WebSocket = Socket);
        }"""
    )
    game.evaluate(WATCH)
    game.wait_for_function("states.at(-1) === 'polling' && boards.length > 0")
    assert _last(game, "boards").keys() == {"rows", "version", "online", "changes"}
    assert _last(game, "boards")["version"] is None
    count = game.evaluate("live.turn('main'), boards.length")
    game.wait_for_function("(count) => boards.length > count", arg=count)
    game.evaluate("() => { restore(); }")
    game.wait_for_function("states.at(-1) === 'live'", timeout=30_000)
    assert _last(game, "boards")["version"] >= 0
    assert game.evaluate("states") == ["reconnecting", "polling", "live"]


def _snippet(language: str, stage: Product) -> str:
    """Return the code in this language from the README, for the server of the tests."""
    readme = (CLIENT / "README.md").read_text()
    code = readme.split(f"```{language}\n")[1].split("```")[0]
    return (
        code.replace("https://scores.example.com", stage.url)
        .replace('"./', '"/clients/')
        .replace('src="element', 'src="/clients/element')
    )


def test_the_readme_does_what_it_says(game: Page, sites: Sites, stage: Product) -> None:
    told: list[str] = []
    game.on("console", lambda message: told.append(message.text))
    sites.pages["/readme"] = _snippet("html", stage)
    game.goto(f"{sites.friend}/readme")
    expect(game.locator("fairboard-board caption")).not_to_be_empty(timeout=30_000)
    closing = "live.close();\n"
    code = _snippet("js", stage)
    assert code.endswith(closing)
    done = game.evaluate(f"async () => {{ {code.removesuffix(closing).replace(*IMPORT)} return {{ score, rank }}; }}")
    assert done["score"]["current"] > 0
    own = f"You are number {done['rank']['current']} of"

    def has_told() -> bool:
        game.wait_for_timeout(50)  # lets the messages arrive
        return any(text.startswith(own) for text in told)

    eventually(has_told)


def test_the_module_is_small_and_the_package_complete() -> None:
    assert len(gzip.compress((CLIENT / "fairboard.js").read_bytes())) < 6000
    named = {"README.md", "package.json", *json.loads((CLIENT / "package.json").read_text())["files"]}
    assert named == {path.name for path in CLIENT.iterdir()}
    if shutil.which("npm"):
        packed = subprocess.run(
            ["npm", "pack", "--dry-run", "--json"], cwd=CLIENT, check=True, capture_output=True, text=True
        ).stdout
        assert {file["path"] for file in json.loads(packed)[0]["files"]} == named
