"""A page whose socket is refused, cut off or never answered tries again soon, and shows the board meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import WebSocketRoute, expect

from bench.faults import comeback
from tests.e2e.page.conftest import Visit
from tests.e2e.page.screen import Screen
from tests.parts.client import Api
from tests.parts.waiting import eventually

CODES = [1001, 1005, 1006, 1008, 1011, 1012, 1013, 4408, 4409]
DELAYS = """async ([codes, most]) => {
    const failures = Array.from({ length: most }, (_, number) => number);
    const { delayFor, tryFor } = await import("/static/fairboard.js");
    const bounds = (code, number) => [0, 1].map((share) => {
        Math.random = () => share;
        return delayFor(code, number) / 1000;
    });
    const delays = codes.map((code) => failures.map((number) => bounds(code, number)));
    return [failures.map((number) => tryFor(number) / 1000), delays];
}"""


def test_the_page_pauses_as_long_as_is_written_down(visit: Visit) -> None:
    tries, delays = visit().page.evaluate(DELAYS, [CODES, 20])
    assert tries == [comeback.try_seconds(failures) for failures in range(20)]
    expected = [[list(comeback.pause(code, failures)) for failures in range(20)] for code in CODES]
    assert delays == [[pytest.approx(bounds) for bounds in row] for row in expected]


def _refuse_sockets(screen: Screen, refuse: Callable[[WebSocketRoute], None], times: int) -> list[str]:
    """Answer the first `times` sockets with `refuse` and connect later ones. Returns the URLs of all sockets."""
    opened: list[str] = []

    def handle(socket: WebSocketRoute) -> None:
        opened.append(socket.url)
        if len(opened) <= times:
            refuse(socket)
        else:
            socket.connect_to_server()

    screen.page.route_web_socket("**/api/v1/ws/leaderboard*", handle)
    screen.page.reload()
    return opened


def test_a_server_that_refuses_a_few_times_is_asked_again_until_it_lets_the_page_in(visit: Visit) -> None:
    screen = visit()
    opened = _refuse_sockets(screen, lambda socket: socket.close(code=1013, reason="try again later"), times=3)
    screen.sign_up()
    assert len(opened) == 4


def test_a_server_that_says_nothing_is_given_up_and_the_public_board_stands_in(
    visit: Visit, prize: str, stage_api: Api
) -> None:
    """Let the page's clock run, and move it on second by second once the public board is shown."""
    screen = visit()
    screen.page.clock.install()
    opened = _refuse_sockets(screen, lambda socket: None, times=1)
    player = stage_api.register()
    player.score_once(prize)
    screen.enter()
    expect(screen.row(player.username)).to_be_visible()

    def tried_again() -> bool:
        screen.page.clock.run_for(1_000)
        return len(opened) > 1

    eventually(tried_again)
    screen.live()
    expect(screen.row(player.username)).to_be_visible()
    assert len(opened) == 2
