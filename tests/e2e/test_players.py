"""Players on the whole product: their screens show new names and lose erased players, their sockets end with logins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.parts.client import PASSWORD, Api, Player, fresh_name
from tests.parts.product import Product
from tests.parts.subscriber import Subscriber
from tests.parts.waiting import eventually

NEW_PASSWORD = "quite another password"


@pytest.fixture
def trial(product: Product) -> Iterator[tuple[str, str]]:
    """Yield a board of its own, and the action type that feeds it."""
    slug = fresh_name("t")
    assert product.flask("actions", "add", slug, "--points", "5").returncode == 0
    assert product.flask("boards", "create", slug, "--action-type", slug).returncode == 0
    yield slug, slug
    assert product.flask("boards", "archive", slug).returncode == 0


def watch(product: Product, player: Player, board: str = "main") -> Subscriber:
    """Return a socket of the player that shows the board."""
    subscriber = Subscriber(product.url)
    subscriber.subscribe(player.access_token, board)
    subscriber.next("leaderboard.initial")
    return subscriber


def names_on(subscriber: Subscriber, wanted: list[str]) -> dict[str, Any]:
    """Return the first update that shows these names."""
    while True:
        update = subscriber.next()
        if [row["username"] for row in update["data"]] == wanted:
            return update


def test_a_new_name_and_an_erasure_are_on_every_screen(
    product: Product, api: Api, anna: Player, ben: Player, trial: tuple[str, str]
) -> None:
    board, slug = trial
    for player in (anna, ben):
        player.score_once(slug)
    with watch(product, ben, board) as screen:
        name = fresh_name("new")
        assert api.call("PATCH", "/me", {"username": name}, token=anna.access_token).data["username"] == name
        names_on(screen, [name, ben.username])
        top = f"/leaderboard/top?board={board}"
        eventually(lambda: [row["username"] for row in api.get(top).data] == [name, ben.username])
        assert api.call("DELETE", "/me", {"password": PASSWORD}, token=anna.access_token).status == 204
        update = names_on(screen, [ben.username])
        assert (update["data"][0]["rank"], update["data"][0]["score"]) == (1, 5)
        eventually(lambda: [row["username"] for row in api.get(top).data] == [ben.username])
    assert product.query_value("SELECT sum(score) FROM standings s JOIN seasons n ON n.id = s.season_id "
                               "JOIN boards b ON b.id = n.board_id WHERE b.slug = %s", board) == 10  # fmt: skip
    assert product.run_json("leaderboard", "verify", "--board", board)
    assert product.flask("audit", "verify").returncode == 0


def test_sockets_end_with_their_logins(product: Product, api: Api, anna: Player) -> None:
    other = api.login(anna.username)
    with watch(product, anna) as own, watch(product, other) as foreign:
        body = {"current": PASSWORD, "new": NEW_PASSWORD}
        assert anna.post("/me/password", body).status == 204
        assert foreign.until_closed(5)[0] == 1008
        own.send({"type": "subscribe", "auth": f"Bearer {anna.access_token}"})
        assert own.next("leaderboard.initial")
        assert anna.post("/auth/logout", {"everywhere": True}).status == 204
        assert own.until_closed(5)[0] == 1008


def test_a_guest_plays_and_becomes_an_account(api: Api, extra_type: Any) -> None:
    signed_in = api.post("/auth/guest").data
    guest = Player(api, signed_in["user"]["username"], "", signed_in)
    guest.score_once(extra_type(points=7))
    name = fresh_name()
    account = guest.post("/me/account", {"username": name, "password": PASSWORD}).data
    assert (account["user_id"], account["score"]) == (guest.user_id, 7)
    assert api.login(name).me()["score"] == 7
