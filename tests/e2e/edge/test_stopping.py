"""Stopping servers behind nginx harms no client that plays or watches."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from functools import partial

from playwright.sync_api import Browser, expect

from devstack.apps import Web
from tests.e2e.page.screen import open_screen
from tests.parts.client import Answer, Api
from tests.parts.edge import Edge
from tests.parts.steady import SteadyLoad
from tests.parts.subscriber import subscribed
from tests.parts.waiting import eventually

BACK_WITHIN = 5_000  # ms; the page promises it
SCORED = "SELECT count(*) FROM score_events WHERE kind = 'redeem' AND player_id = ANY(%s)"


def test_restarting_the_servers_one_after_the_other_costs_no_request(edge: Edge, caller: Callable[[], Api]) -> None:
    """Redeem without an Idempotency-Key, so that no client may retry, and read, on connections that stay open."""
    players = [caller().register() for _ in range(8)]
    with SteadyLoad(edge.url, players) as tally:
        for server in edge.api * 2:
            enough = len(tally.scored) + 50
            server.restart()
            eventually(partial(_more_than, tally.scored, enough))
    assert tally.failures == {}
    assert tally.reads > 0
    assert len(tally.scored) == len(set(tally.scored))
    assert edge.product.query_value(SCORED, [player.user_id for player in players]) == len(tally.scored)


def _more_than(scored: list[str], count: int) -> bool:
    return len(scored) > count


class InHand:
    """A redemption that waits for its player's standing, which another transaction has locked."""

    def __init__(self, edge: Edge, server: Web, api: Api) -> None:
        player = Api(server.url).login(api.register().username, "correct horse battery")
        player.score_once()
        self._action = player.issue()
        self._player = player
        self.answer: Answer | None = None
        self._holder = edge.product.database(autocommit=False)
        self._holder.execute("SELECT 1 FROM standings WHERE player_id = %s FOR UPDATE", [player.user_id])
        self._thread = threading.Thread(target=self._redeem, daemon=True)
        self._thread.start()
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND state = 'active'"
        eventually(lambda: edge.product.query_value(waiting))

    def _redeem(self) -> None:
        try:
            self.answer = self._player.complete(self._action)
        except OSError:
            self.answer = None

    def let_go(self) -> Answer | None:
        """Unlock the standing. Returns the redemption's answer, or None if its connection broke."""
        self._holder.rollback()
        self._thread.join(20)
        self._holder.close()
        return self.answer


def test_a_redemption_in_hand_is_answered_before_the_server_ends(edge: Edge, caller: Callable[[], Api]) -> None:
    server = edge.api[0]
    redemption = InHand(edge, server, caller())
    os.kill(server.pid, signal.SIGTERM)
    eventually(lambda: "Handling signal: term" in server.log.read_text().rsplit("Starting gunicorn", 1)[1])
    answer = redemption.let_go()
    assert answer is not None
    assert answer.status == 200
    eventually(lambda: not server.is_running)
    assert server.exit_code == 0
    server.launch()


def test_a_second_sigterm_stops_at_once(edge: Edge, caller: Callable[[], Api]) -> None:
    server = edge.api[1]
    redemption = InHand(edge, server, caller())
    os.kill(server.pid, signal.SIGTERM)
    eventually(lambda: "Handling signal: term" in server.log.read_text().rsplit("Starting gunicorn", 1)[1])
    assert server.is_running
    os.kill(server.pid, signal.SIGTERM)
    eventually(lambda: not server.is_running, within=5)
    assert redemption.let_go() is None
    server.launch()
    server.wait_until_answers()


def test_subscribers_are_told_to_come_back_and_find_another_server(edge: Edge, caller: Callable[[], Api]) -> None:
    player = caller().register()
    watching = [subscribed(edge.url, player.access_token) for _ in range(2)]
    for server in edge.ws:
        server.ask_to_stop()
    assert {socket.until_closed()[0] for socket in watching} == {1012}
    for server in edge.ws:
        server.stop()
        server.launch()
    edge.ws[1].wait_until_answers()
    with subscribed(edge.url, player.access_token) as back:
        scored = player.score_once()
        back.until_change(player.user_id, scored["score"]["current"])


def test_the_page_is_back_on_another_server_with_the_newest_board(
    edge: Edge, caller: Callable[[], Api], browser: Browser
) -> None:
    """Stop each of the two servers once, so that the page's own server is one of them."""
    player = caller().register()
    best = edge.product.query_value("SELECT coalesce(max(score), 0) FROM standings")
    edge.product.run_json("actions", "add", "much", "--points", str(best + 1000))
    screen = open_screen(browser, edge.url)
    screen.sign_up()
    for server in edge.ws:
        remaining_server = next(candidate for candidate in edge.ws if candidate is not server)
        remaining_server.wait_until_answers()
        server.stop()
        score = player.score_once("much")["score"]["current"]
        expect(screen.row(player.username).locator(".score")).to_have_text(f"{score:,}", timeout=BACK_WITHIN)
        expect(screen.at("connection")).to_have_attribute("data-state", "live", timeout=BACK_WITHIN)
        server.launch()
    assert screen.complaints == []
    screen.page.context.close()
