"""The board on the screen follows the board of the server."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.page.conftest import Visit
from tests.e2e.page.screen import Screen
from tests.parts.client import Api
from tests.parts.product import Product
from tests.parts.waiting import eventually

NOTE_SLIDES = """() => {
    const animate = Element.prototype.animate;
    Element.prototype.animate = function (...how) {
        window.slid.push(this.innerText);
        return animate.apply(this, how);
    };
}"""
FALL_AND_GAIN = """async () => {
    const { Board } = await import("/static/board.js");
    const row = (user_id, rank, score) => ({ user_id, username: user_id, rank, score });
    const board = new Board();
    board.show([row("falls-and-gains", 1, 20), row("climbs", 2, 10)]);
    board.show([row("climbs", 1, 30), row("falls-and-gains", 2, 21)]);
    const colour = (element) => getComputedStyle(element).color;
    const chip = document.querySelector(".row:has([title=falls-and-gains]) .chip");
    const grey = colour(document.querySelector(".muted"));
    return [...chip.children].map((part) => [part.textContent, colour(part) === grey]);
}"""
LOOKS = 10_000  # ms between two requests for the number of players online, by a page without a socket
LIVE = 1_000  # ms: the API's second from the commit to every subscriber


def test_one_browser_redeems_and_the_other_shows_the_new_row_within_a_second(visit: Visit, prize: str) -> None:
    watcher, player = visit().sign_up(), visit().sign_up()
    expect(watcher.row(player.username)).to_have_count(0)
    player.play(prize)
    expect(watcher.row(player.username)).to_be_visible(timeout=LIVE)
    expect(watcher.row(player.username).locator(".rank")).to_have_text("1")


def test_a_visitor_who_is_not_signed_in_watches_live_too(visit: Visit, prize: str, stage_api: Api) -> None:
    visitor = visit()
    expect(visitor.at("connection-words")).to_have_text("Live: every change within a second")
    player = stage_api.register()
    player.score_once(prize)
    expect(visitor.row(player.username)).to_be_visible(timeout=LIVE)


def test_everybody_sees_how_many_players_are_online_and_one_with_two_tabs_counts_once(visit: Visit) -> None:
    visitor = visit()
    visitor.page.clock.install()
    visitor.page.reload()
    player = visit().sign_up()
    expect(player.at("online")).to_have_text("1 player online")
    second_tab = player.page.context.new_page()
    second_tab.goto(player.page.url)
    expect(second_tab.locator("#connection")).to_have_attribute("data-state", "live")
    expect(second_tab.locator("#online")).to_have_text("1 player online")
    visit().sign_up()
    _wait_until_online(visitor, "2 players online")
    player.page.context.close()
    _wait_until_online(visitor, "1 player online")


def _wait_until_online(visitor: Screen, words: str) -> None:
    """Move the page's clock on to its next request, again and again, until the page shows these words."""

    def shows_words() -> bool:
        visitor.page.clock.fast_forward(LOOKS)
        return visitor.at("online").inner_text() == words

    eventually(shows_words, within=30, every=0.5)


def test_rows_keep_their_element_and_slide_to_their_new_place(visit: Visit, prize: str, stage_api: Api) -> None:
    screen = visit().sign_up()
    first, second = stage_api.register(), stage_api.register()
    first.score_once(prize)
    expect(screen.row(first.username)).to_be_visible()
    screen.row(first.username).evaluate("row => { row.same = true; window.slid = []; }")
    screen.page.evaluate(NOTE_SLIDES)
    second.score_once(prize)
    second.score_once("tap")
    expect(screen.row(second.username).locator(".rank")).to_have_text("1")
    expect(screen.row(first.username).locator(".rank")).to_have_text("2")
    assert screen.row(first.username).evaluate("row => row.same") is True
    assert any(first.username in text for text in screen.page.evaluate("window.slid"))


def test_a_fall_is_grey_and_the_points_beside_it_are_not(visit: Visit) -> None:
    assert visit().page.evaluate(FALL_AND_GAIN) == [["▼ 1", True], ["+1", False]]


def test_rows_do_not_slide_for_someone_who_asked_for_less_motion(visit: Visit, prize: str, stage_api: Api) -> None:
    screen = visit(reduced_motion="reduce").sign_up()
    screen.page.evaluate(
        "() => { window.slid = 0; Element.prototype.animate = () => { window.slid += 1; return { id: '' }; }; }"
    )
    player = stage_api.register()
    player.score_once(prize)
    expect(screen.row(player.username)).to_be_visible()
    assert screen.page.evaluate("window.slid") == 0


def test_a_screen_reader_is_told_politely_who_moved(visit: Visit, prize: str, stage_api: Api) -> None:
    screen = visit().sign_up()
    player = stage_api.register()
    player.score_once(prize)
    announcer = screen.at("announcer")
    expect(announcer).to_have_attribute("aria-live", "polite")
    expect(announcer).to_contain_text(f"{player.username} entered the board at rank 1 with")


def test_the_page_comes_back_by_itself_when_the_web_process_restarts(
    visit: Visit, prize: str, stage: Product, stage_api: Api
) -> None:
    screen = visit().sign_up()
    stage.process("web").stop()
    expect(screen.at("connection")).not_to_have_attribute("data-state", "live")
    expect(screen.at("connection-words")).to_contain_text("Reconnecting")
    expect(screen.at("online")).to_be_hidden()
    stage.process("web").start()
    screen.live()
    expect(screen.at("online")).to_be_visible()
    player = stage_api.register()
    player.score_once(prize)
    expect(screen.row(player.username)).to_be_visible()


def test_offline_is_said_in_words_and_over_when_the_network_is_back(visit: Visit) -> None:
    screen = visit()
    screen.page.context.set_offline(True)
    expect(screen.at("connection-words")).to_have_text("Offline. The board shows its last known state")
    screen.page.context.set_offline(False)
    screen.live()


def test_a_socket_that_survives_the_loss_of_the_network_is_live_again(visit: Visit) -> None:
    screen = visit().sign_up()
    urls: list[str] = []
    screen.page.on("websocket", lambda socket: urls.append(socket.url))
    screen.page.context.set_offline(True)
    expect(screen.at("connection")).to_have_attribute("data-state", "offline")
    screen.page.context.set_offline(False)
    screen.live()
    assert urls == []


def test_two_tabs_renew_once_and_tell_the_server_on_the_socket_they_have(visit: Visit) -> None:
    screen = visit()
    frames: list[str] = []
    sockets: list[str] = []
    renewals: list[str] = []

    def opened(socket: object) -> None:
        sockets.append("one")
        socket.on("framesent", lambda frame: frames.append(str(frame)))  # type: ignore[attr-defined]

    screen.page.on("websocket", opened)
    screen.page.context.on(
        "request", lambda request: renewals.append(request.url) if "/auth/refresh" in request.url else None
    )
    screen.page.reload()  # the first socket is the visitor's, and becomes the player's
    screen.sign_up()
    before = screen.token()
    session = screen.stored("localStorage", "fairboard.session")
    screen.store("localStorage", "fairboard.session", {**session, "renewAt": 0})
    tabs = [screen.page.context.new_page() for _ in range(2)]
    for tab in tabs:
        tab.goto(screen.page.url)
    for page in (screen.page, *tabs):
        expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    after = screen.token()
    assert after != before
    assert len(renewals) == 1
    screen.page.wait_for_timeout(0)  # lets the frames recorded so far arrive
    assert [text for text in frames if "subscribe" in text and after in text]
    assert len(sockets) == 1
