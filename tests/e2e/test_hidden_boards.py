"""Sockets of a board that is not public: admins may see it, for anyone else there is no such board."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.parts.client import Api, Player
from tests.parts.product import Product, running
from tests.parts.subscriber import Subscriber


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Start a product that looks at its sockets every three seconds, with a hidden board."""
    with running(tmp_path_factory.mktemp("hidden"), {"PING_SECONDS": "6"}, broker="redis") as started:
        assert started.flask("boards", "create", "staff", "--private", "--action-type", "tap").returncode == 0
        yield started


@pytest.fixture
def admin(product: Product, api: Api) -> Player:
    player = api.register()
    assert product.flask("users", "set-role", player.username, "admin").returncode == 0
    return player


@pytest.fixture
def api(product: Product) -> Iterator[Api]:
    client = Api(product.url)
    yield client
    client.close()


def _check_refused(subscriber: Subscriber) -> None:
    close, messages = subscriber.until_closed()
    errors = [message for message in messages if message["type"] == "error"]
    assert [(error["meta"]["code"], error["error"]["code"]) for error in errors] == [(404, "not_found")]
    assert close == 1008


@pytest.mark.parametrize("board", ["staff", "nowhere"])
def test_a_hidden_board_is_one_that_does_not_exist(product: Product, api: Api, board: str) -> None:
    with Subscriber(product.url) as subscriber:
        subscriber.subscribe(api.register().access_token, board)
        _check_refused(subscriber)


@pytest.mark.parametrize("board", ["staff", "nowhere"])
def test_it_can_not_be_watched_without_an_account(product: Product, board: str) -> None:
    with Subscriber(product.url) as subscriber, Subscriber(product.url) as watching:
        subscriber.send({"type": "watch", "board": board})
        _check_refused(subscriber)
        watching.send({"type": "watch"})
        watching.next("leaderboard.initial")
        watching.send({"type": "watch", "board": board})
        _check_refused(watching)


def test_a_further_subscribe_to_a_hidden_board_ends_the_socket(product: Product, api: Api) -> None:
    player = api.register()
    with Subscriber(product.url) as subscriber:
        subscriber.subscribe(player.access_token)
        subscriber.next("leaderboard.initial")
        subscriber.subscribe(player.access_token, "staff")
        _check_refused(subscriber)


def test_an_admin_watches_a_hidden_board(product: Product, admin: Player) -> None:
    with Subscriber(product.url) as subscriber:
        subscriber.subscribe(admin.access_token, "staff")
        assert subscriber.next("leaderboard.initial")["meta"]["board"] == "staff"
        score = admin.score_once()["standings"][1]["score"]["current"]
        subscriber.until_score(admin.user_id, score)


def test_a_board_that_is_hidden_ends_the_sockets_of_all_but_admins(product: Product, api: Api, admin: Player) -> None:
    assert product.flask("boards", "create", "trial", "--action-type", "tap", "--rebuild").returncode == 0
    player = api.register()
    with ExitStack() as stack:
        watcher, elsewhere, allowed, nobody, nobody_elsewhere = (
            stack.enter_context(Subscriber(product.url)) for _ in range(5)
        )
        for subscriber, token, board in (
            (watcher, player.access_token, "trial"),
            (elsewhere, player.access_token, "main"),
            (allowed, admin.access_token, "trial"),
        ):
            subscriber.subscribe(token, board)
            subscriber.next("leaderboard.initial")
        for subscriber, board in ((nobody, "trial"), (nobody_elsewhere, "main")):
            subscriber.send({"type": "watch", "board": board})
            subscriber.next("leaderboard.initial")
        product.query_value("UPDATE boards SET public = false WHERE slug = 'trial' RETURNING id")
        _check_refused(watcher)
        _check_refused(nobody)
        change = admin.score_once()
        for subscriber, place in ((elsewhere, 0), (allowed, 2), (nobody_elsewhere, 0)):
            subscriber.until_score(admin.user_id, change["standings"][place]["score"]["current"])
