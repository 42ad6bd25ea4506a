"""The sign-in of clients/js on a page of another origin, in a browser: its renewal, its tabs and its end."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.e2e.page.conftest import register
from tests.parts.client import Api, fresh_name
from tests.parts.product import Product

WATCH = """() => {
    window.live = game.watch("main", (board) => boards.push(board), { onState: (state) => states.push(state) });
}"""
TWO_TABS = """async (hasLocks) => {
    const { Fairboard } = await import("/clients/fairboard.js");
    if (!hasLocks) Object.defineProperty(navigator, "locks", { value: undefined }); // as without https
    const tabs = [game, new Fairboard(game.url)];
    const before = await game.token();
    await Promise.all(tabs.map((tab) => tab.renew(before)));
    const [one, other] = await Promise.all(tabs.map((tab) => tab.token()));
    return [one === other, one !== before, Object.keys(localStorage).length];
}"""
NOTE_EVENTS = """() => {
    window.told = [];
    for (const name of ["user", "signout"]) {
        const note = ({ detail }) => told.push([name, game.user?.username ?? null, detail?.code ?? null]);
        game.addEventListener(name, note);
    }
}"""
SIGN_OUT_LATE = """async () => {
    const { Fairboard } = await import("/clients/fairboard.js");
    const [key] = Object.keys(localStorage);
    const held = JSON.parse(localStorage.getItem(key));
    localStorage.setItem(key, JSON.stringify({ ...held, access: "expired", renewAt: 0, endsAt: 0 }));
    await new Fairboard(game.url).signOut();
}"""


def test_a_token_is_renewed_once_for_all_calls_and_on_the_open_socket(game: Page, stage: Product) -> None:
    register(game)
    game.evaluate(WATCH)
    game.wait_for_function("states.at(-1) === 'live'")
    renewals: list[str] = []
    game.on("request", lambda request: renewals.append(request.url) if "/auth/refresh" in request.url else None)
    sent = game.evaluate(
        """async () => {
            const sent = [], socket = sockets.at(-1), send = socket.send.bind(socket);
            socket.send = (text) => (sent.push(JSON.parse(text)), send(text));
            const before = await game.token();
            await Promise.all([game.renew(before), game.renew(before)]);
            await Promise.all([game.call("GET", "/me"), game.call("GET", "/me")]);
            await new Promise((resolve) => setTimeout(resolve, 0));
            return { sent, before, after: await game.token() };
        }"""
    )
    assert len(renewals) == 1
    assert sent["after"] != sent["before"]
    game.wait_for_function("boards.length > 0")
    assert [message["auth"] for message in sent["sent"] if message["type"] == "subscribe"] == [
        f"Bearer {sent['after']}"
    ]
    again = game.evaluate(
        """async (url) => {
            const { Fairboard } = await import("/clients/fairboard.js");
            return new Fairboard(url).user;
        }""",
        stage.url,
    )
    assert again == game.evaluate("game.user"), "another tab has the same player"


def test_a_sign_out_ends_the_login_and_goes_on_watching(game: Page) -> None:
    register(game)
    game.evaluate(WATCH)
    game.wait_for_function("states.at(-1) === 'live'")
    token = game.evaluate("game.token()")
    game.evaluate("game.signOut()")
    assert game.evaluate("game.user") is None
    game.wait_for_function("states.at(-1) === 'live' && states.length > 1", timeout=30_000)
    status = game.evaluate(
        """async (token) => {
            const answer = await fetch(game.url + "/api/v1/me", { headers: { Authorization: `Bearer ${token}` } });
            return answer.status;
        }""",
        token,
    )
    assert status == 401


@pytest.mark.parametrize("has_locks", [True, False])
def test_two_tabs_renew_once(game: Page, has_locks: bool) -> None:
    register(game)
    renewals: list[str] = []
    game.on("request", lambda request: renewals.append(request.url) if "/auth/refresh" in request.url else None)
    assert game.evaluate(TWO_TABS, has_locks) == [True, True, 1]
    assert len(renewals) == 1


def test_a_sign_out_with_an_expired_token_ends_the_login_too(game: Page) -> None:
    register(game)
    with game.expect_response("**/auth/logout") as answered:
        game.evaluate(SIGN_OUT_LATE)
    assert answered.value.status == 204


def test_a_new_name_and_a_login_that_ended_elsewhere_are_told(game: Page, stage_api: Api) -> None:
    register(game)
    game.evaluate(NOTE_EVENTS)
    name = fresh_name("renamed")
    game.evaluate("(username) => game.call('PATCH', '/me', { body: { username } })", name)
    assert stage_api.post("/auth/logout", token=game.evaluate("game.token()")).status == 204
    assert game.evaluate("game.call('GET', '/me').catch(({ code }) => code)") == "unauthorized"
    assert game.evaluate("told") == [["user", name, None], ["signout", None, "unauthorized"]]
