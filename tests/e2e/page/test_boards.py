"""The how-to of docs/howto/boards.md, played in a browser; and boards with rules of their own on the page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.page.screen import Screen, open_screen
from tests.parts.client import Api
from tests.parts.product import Product, running

HOWTO = Path(__file__).resolve().parents[3] / "docs/howto/boards.md"
BOARDS = ["Main", "Contest of the century", "High score of the week", "All time", "Speedrun"]
_LOWEST = -(2**53 - 1)
FORMATS = """async (scores) => {
    const { score, signed, share, gain } = await import("/static/scores.js");
    const board = { unit: "", decimals: 3, order: "asc", scoring: "best" };
    const texts = scores.map((value) => score(board, value));
    const pairs = [[10, 10], [20, 10], [0, 0], [5, 0], [-5, -10], [5, -10]];
    const shares = pairs.map(([value, best]) => share(board, value, best));
    return [texts, signed({ ...board, unit: "m" }, 1500), shares, gain(board, 20, 10)];
}"""
PARSES = """async (texts) => {
    const { parseResult } = await import("/static/result-field.js");
    return texts.map((text) => parseResult(text, 2));
}"""
SEASONS = """async ([board, times]) => {
    const { isOpen, seasonWords } = await import("/static/seasons.js");
    return times.map(Date.parse).map((time) => [seasonWords(board, time), isOpen(board, time)]);
}"""
METADATA = """async () => {
    const { Board } = await import("/static/board.js");
    const board = new Board();
    const metadata = { map: "canyon", lap: 3, ghosts: [1, 2] };
    board.show([{ user_id: "a", username: "anna", rank: 1, score: 5, metadata }]);
    return document.querySelector("#rows .meta").textContent;
}"""


@pytest.fixture(scope="module")
def game(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Start a product with the boards of the how-to."""
    (text,) = re.findall(r"```toml\n(.+?)```", HOWTO.read_text(), re.DOTALL)
    folder = tmp_path_factory.mktemp("game")
    file = folder / "boards.toml"
    file.write_text(text)
    with running(folder / "product", {}, broker="redis") as product:
        for arguments in re.findall(r"^flask boards apply boards.toml(.*)$", HOWTO.read_text(), re.MULTILINE):
            result = product.flask("boards", "apply", str(file), *arguments.split())
            assert result.returncode == 0, result.stderr
        assert result.stdout == "Nothing to change.\n"
        yield product


Open = Callable[..., Screen]


@pytest.fixture
def open_page(browser: Browser, game: Product) -> Iterator[Open]:
    """Yield a function that opens the page with a query, for one more person. No page may meet an error."""
    screens: list[Screen] = []

    def open_page(query: str = "", **options: Any) -> Screen:
        screens.append(open_screen(browser, f"{game.url}/{query}", **options))
        return screens[-1]

    yield open_page
    for screen in screens:
        screen.page.context.close()
    assert [complaint for screen in screens for complaint in screen.complaints] == []


def _choose(screen: Screen, board: str) -> None:
    """Choose a board in the switch, and wait until the page shows it."""
    link = screen.at("boards").get_by_role("link", name=board)
    link.click()
    expect(link).to_have_attribute("aria-current", "page")
    expect(screen.at("board-title")).to_have_text(board)


def _report(screen: Screen, action: str, result: str | None = None) -> None:
    """Play an action with a result: a duration that the page measures, without one."""
    screen.start(action)
    expect(screen.at("play-button")).to_contain_text("Complete with", timeout=30_000)
    if result is not None:
        screen.at("result").fill(result)
    screen.at("play-button").click()
    expect(screen.page.locator("#earned:visible, #result-error:visible")).to_be_visible(timeout=30_000)


def _more(screen: Screen) -> list[str]:
    return screen.at("earned-more").locator("li").all_text_contents()


def test_the_howto_leads_from_one_file_to_four_boards_that_are_played(open_page: Open, game: Product) -> None:
    screen = open_page(timezone_id="Europe/Berlin").sign_up()
    assert screen.at("boards").get_by_role("link").all_text_contents() == BOARDS
    _play_levels(screen)
    _run(screen)
    _end_a_season(screen, game)
    _end_the_contest(screen, game)


def _play_levels(screen: Screen) -> None:
    _choose(screen, "All time")
    expect(screen.page).to_have_url(re.compile(r"\?board=all-time$"))
    _report(screen, "Level", "100001")
    expect(screen.at("result-error")).to_have_text("It must be from 0 to 100,000.")
    expect(screen.at("result")).to_be_focused()
    screen.at("result").fill("700")
    screen.at("play-button").click()
    expect(screen.at("earned-points")).to_have_text("+700")
    expect(screen.at("earned-score")).to_have_text("0 → 700")
    expect(screen.at("earned-rank")).to_have_text("unranked → 1")
    assert _more(screen) == ["Contest of the century 700, rank 1", "High score of the week 700, rank 1"]
    _report(screen, "Level", "400")
    expect(screen.at("earned-score")).to_have_text("700 → 1,100")
    assert _more(screen) == [
        "Contest of the century 1,100, rank 1",
        "High score of the week kept your earlier result, 700, rank 1",
    ]
    for board, score in (("All time", "1,100"), ("Contest of the century", "1,100"), ("High score of the week", "700")):
        _choose(screen, board)
        expect(screen.row(screen.username).locator(".score")).to_have_text(score)
        expect(screen.row(screen.username).locator(".rank")).to_have_text("1")
        expect(screen.at("standing-score")).to_have_text(score)
    expect(screen.at("season")).to_have_text(
        re.compile(r"^Season 1 ends in .+, on Mon, .+, 00:00 CES?T\. Then the list empties and season 2 begins\.$")
    )


def _run(screen: Screen) -> None:
    _choose(screen, "Speedrun")
    expect(screen.at("season")).to_be_hidden()
    expect(screen.at("standing-score")).to_have_text("–")
    _report(screen, "Run, any percent")
    expect(screen.at("earned-points")).to_have_text(re.compile(r"^\d\.\d{3} s$"))
    best = screen.at("earned-points").inner_text()
    expect(screen.at("earned-score")).to_have_text(f"– → {best}")
    _report(screen, "Run, every level")
    expect(screen.at("earned-note")).to_contain_text("Your earlier result is as good or better")
    expect(screen.row(screen.username).locator(".score")).to_have_text(best)
    expect(screen.at("standing-score")).to_have_text(best)


def _end_a_season(screen: Screen, game: Product) -> None:
    _choose(screen, "High score of the week")
    expect(screen.row(screen.username)).to_be_visible()
    other = Api(game.url).register()
    action = other.issue("level")
    screen.page.wait_for_timeout(2_000)
    body = {"token": action["token"], "result": 600}
    assert other.post(f"/actions/{action['action_id']}/complete", body).status == 200
    expect(screen.at("announcer")).to_contain_text(f"{other.username} entered the board at rank 2")
    expect(screen.at("board-changed")).to_contain_text("Last change")
    game.run_json("boards", "close-season", "weekly-high")
    expect(screen.at("board-note")).to_have_text(
        "Season 1 has ended and is final. This is season 2, whose list started empty.", timeout=15_000
    )
    expect(screen.at("empty")).to_be_visible()
    expect(screen.at("standing-rank")).to_have_text("–")
    expect(screen.at("season")).to_contain_text("Season 2 ends in")
    expect(screen.at("announcer")).to_have_text("")
    expect(screen.at("board-changed")).to_have_text("")
    game.run_json("boards", "close-season", "weekly-high")  # a season without results
    expect(screen.at("board-note")).to_contain_text("Season 2 has ended and is final. This is season 3", timeout=15_000)
    expect(screen.at("season")).to_contain_text("Season 3 ends in")


def _end_the_contest(screen: Screen, game: Product) -> None:
    _choose(screen, "Contest of the century")
    expect(screen.at("season")).to_contain_text("The contest ends in")
    game.run_json("boards", "close-season", "contest")
    screen.page.reload()
    expect(screen.at("season")).to_have_text(
        re.compile(r"^The contest ended on .+\. The list is final\.$"), timeout=15_000
    )
    expect(screen.at("choices-note")).to_have_text("This board takes no results now.")
    expect(screen.row(screen.username).locator(".score")).to_have_text("1,100")
    _choose(screen, "All time")
    _report(screen, "Level", "300")
    assert _more(screen) == [
        "High score of the week 300, rank 1",
        "Contest of the century closed, so it did not count there",
    ]


def test_a_link_opens_its_board_and_the_browser_remembers_it(open_page: Open, game: Product) -> None:
    screen = open_page("?board=speedrun")
    expect(screen.at("board-title")).to_have_text("Speedrun")
    screen.page.goto(f"{game.url}/")
    expect(screen.page).to_have_url(re.compile(r"\?board=speedrun$"))
    link = screen.at("boards").get_by_role("link", name="All time")
    link.focus()
    screen.page.keyboard.press("Enter")
    expect(screen.at("board-title")).to_have_text("All time")
    expect(link).to_be_focused()
    screen.page.go_back()
    expect(screen.at("board-title")).to_have_text("Speedrun")


def test_a_link_to_a_board_that_is_not_there_says_so_and_opens_the_first(open_page: Open) -> None:
    screen = open_page("?board=nowhere")
    expect(screen.at("board-note")).to_contain_text("does not exist, or is not open to everyone")
    expect(screen.at("board-title")).to_have_text("Main")
    expect(screen.page).to_have_url(re.compile(r"\?board=main$"))


def test_a_switch_follows_the_other_board_on_the_same_socket(open_page: Open, game: Product) -> None:
    screen = open_page("?board=all-time").sign_up()
    urls: list[str] = []
    screen.page.on("websocket", lambda socket: urls.append(socket.url))
    _choose(screen, "Main")
    player = Api(game.url).register()
    player.score_once("tap")
    expect(screen.row(player.username)).to_be_visible()
    screen.live()
    assert urls == []


def test_scores_have_the_decimals_of_their_board_and_the_best_fills_its_lane(open_page: Open) -> None:
    texts, gain, shares, improvement = open_page().page.evaluate(FORMATS, [12345, 0, -5, None, _LOWEST])
    assert texts == ["12.345", "0.000", "-0.005", "–", "-9,007,199,254,740.991"]
    assert (gain, improvement) == ("+1.500 m", 10)
    assert shares == [1, 0.5, 1, 0, 0.5, 0]


def test_a_result_is_read_with_its_decimals_or_not_at_all(open_page: Open) -> None:
    texts = ["12.34", " 12 ", "-0.5", "0", "12.345", "1,250", "1e3", "", "99999999999999999"]
    assert open_page().page.evaluate(PARSES, texts) == [1234, 1200, -50, 0, None, None, None, None, None]


def test_a_contest_says_when_it_begins_and_ends(open_page: Open) -> None:
    times = {"starts_at": "2030-01-01T00:00:00Z", "ends_at": "2030-01-03T00:00:00Z"}
    board = {"schedule": None, **times, "season": {"number": 1, **times}}
    moments = ["2029-12-31T23:59:51Z", "2030-01-01T20:30:00Z", "2030-01-03T00:00:00Z"]
    page = open_page(timezone_id="Asia/Tokyo").page
    (before, during, after), is_open = zip(*page.evaluate(SEASONS, [board, moments]), strict=True)
    assert is_open == (False, True, False)
    assert before.startswith("The contest starts in 9 s, on Tue")
    assert "09:00" in before
    assert before.endswith("Nothing counts before that.")
    assert during.startswith("The contest ends in 1 d 3 h, on Thu")
    assert after.endswith("The list is final.")
    weekly = {**board, "schedule": "0 0 * * *", "starts_at": None, "ends_at": None}
    _, (during, _), (after, is_still_open) = page.evaluate(SEASONS, [weekly, moments])
    assert during.endswith("Then the list empties and season 2 begins.")
    assert (after, is_still_open) == ("Season 1 has ended. Season 2 begins.", True)


def test_a_run_shows_its_metadata(open_page: Open) -> None:
    assert open_page().page.evaluate(METADATA) == "map canyon · lap 3"
