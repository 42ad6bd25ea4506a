"""A subscriber that stops reading: nobody else notices, and it ends on the newest board."""

from __future__ import annotations

from tests.parts.client import Api, Player
from tests.parts.product import Product
from tests.parts.subscriber import Closed, subscribed

UPDATES = 200


def test_one_that_stops_reading_while_200_updates_go_by_ends_on_the_newest(
    fragile: Product, api: Api, anna: Player, watcher: Player
) -> None:
    """anna stays within the top ten by playing on, so that every board differs."""
    players = [api.register() for _ in range(4)]
    with (
        subscribed(fragile.url, watcher.access_token, receive_buffer=2048) as slow,
        subscribed(fragile.url, watcher.access_token) as quick,
    ):
        seen, newest = 0, 0
        while seen < UPDATES:
            scored = players[seen % len(players)].score_once()
            update = quick.next(within=5)
            assert update["meta"]["version"] > newest
            newest = update["meta"]["version"]
            seen += 1
        final = anna.score_once()["score"]["current"]
        while not _tells(update, anna, final):
            update = quick.next(within=10)
        newest = update["meta"]["version"]
        received = 0
        while update["meta"]["version"] == newest:
            try:
                late = slow.next(within=10)
            except Closed as closed:
                assert closed.code == 4409, "no board for 30 s is the only reason to be closed"
                return
            received += 1
            if late["meta"]["version"] >= newest:
                break
    assert received < UPDATES, "boards in between are merged for one that can't read"
    assert scored
    assert late["data"] == update["data"]


def _tells(update: dict[str, object], player: Player, score: int) -> bool:
    changes = update["changeInfo"]
    assert isinstance(changes, list)
    return any(each["user_id"] == player.user_id and each["score"] == score for each in changes)
