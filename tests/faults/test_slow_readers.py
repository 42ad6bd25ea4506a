"""A subscriber that stops reading delays no other subscriber, and ends on the newest board."""

from __future__ import annotations

from typing import Any

from tests.parts.client import Api, Player
from tests.parts.product import Product
from tests.parts.subscriber import Subscriber, subscribed

UPDATES = 200


def test_one_that_stops_reading_while_200_updates_go_by_ends_on_the_newest(
    fragile: Product, api: Api, anna: Player, watcher: Player
) -> None:
    players = [api.register() for _ in range(4)]
    with (
        subscribed(fragile.url, watcher.access_token, receive_buffer=2048) as slow,
        subscribed(fragile.url, watcher.access_token) as quick,
    ):
        newest = 0
        for number in range(UPDATES):
            players[number % len(players)].score_once()
            update = quick.next(within=5)
            assert update["meta"]["version"] > newest
            newest = update["meta"]["version"]
        last = anna.score_once()["score"]["current"]
        update = quick.until_change(anna.user_id, last)
        received = _read_until_version(slow, update["meta"]["version"])
    assert len(received) < UPDATES, "boards in between are merged for one that can't read"
    assert received[-1]["data"] == update["data"]


def _read_until_version(slow: Subscriber, version: int) -> list[dict[str, Any]]:
    """Read the messages that it still gets, up to this board. Returns them."""
    received: list[dict[str, Any]] = []
    while not received or received[-1]["meta"]["version"] < version:
        received.append(slow.next(within=10))
    return received
