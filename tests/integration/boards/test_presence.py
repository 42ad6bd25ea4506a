"""Sockets in Redis: limits that hold over all servers, counts of players, and the entries that a dead server leaves."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest

from app.containers.container import Container
from app.stores.boards.presence import PresenceStore, address_key, player_key
from tests.parts.kinds import ON_BOTH
from tests.parts.waiting import eventually

pytestmark = ON_BOTH

Make = Callable[[float], PresenceStore]


@pytest.fixture
def make_store(container: Container) -> Make:
    """Return a function that makes a store whose entries last that many seconds."""
    return lambda seconds: PresenceStore(container.scripts, seconds=seconds)


@pytest.fixture
def store(make_store: Make) -> PresenceStore:
    return make_store(60.0)


@pytest.fixture
def player() -> UUID:
    return uuid4()


@pytest.fixture
def board() -> str:
    """Return the name of a board without other viewers."""
    return f"board-{secrets.token_hex(4)}"


def test_a_players_sockets_stand_under_the_players_own_key(
    store: PresenceStore, container: Container, player: UUID
) -> None:
    store.register(player_key(player), "here/1", 5)
    key = f"user:{{{player}}}:connections"
    ((member, expires),) = container.redis.zrange(key, 0, -1, withscores=True)
    assert member == "here/1"
    seconds, _ = container.redis.eval("return redis.call('TIME')", 1, key)
    assert 50 < expires - int(seconds) < 61
    assert 50 < container.redis.ttl(key) <= 60


def test_beyond_the_limit_nobody_enters_until_somebody_leaves(store: PresenceStore, player: UUID) -> None:
    key = player_key(player)
    assert [store.register(key, name, 2) for name in ("here/1", "there/1", "here/2")] == [True, True, False]
    assert store.register(key, "here/1", 2)  # it has this place already
    store.remove({key: ["there/1"]})
    assert store.register(key, "here/2", 2)


def test_of_many_at_the_same_moment_as_many_enter_as_may(store: PresenceStore) -> None:
    key = address_key("192.0.2.7")
    store.remove({key: [f"here/{number}" for number in range(40)]})
    with ThreadPoolExecutor(20) as pool:
        entered = list(pool.map(lambda number: store.register(key, f"here/{number}", 7), range(40)))
    assert sum(entered) == 7


def test_what_a_dead_server_held_makes_room_and_what_a_living_one_renews_does_not(
    make_store: Make, player: UUID
) -> None:
    store, key = make_store(0.5), player_key(player)
    assert store.register(key, "dead/1", 2)
    assert store.register(key, "alive/1", 2)
    assert not store.register(key, "new/1", 2)

    def room() -> bool:
        store.renew({key: ["alive/1"]})
        return store.register(key, "new/1", 2)

    eventually(room)
    store.renew({key: ["alive/1", "new/1"]})
    assert not store.register(key, "third/1", 2)


def test_an_address_or_player_that_is_gone_leaves_no_key(make_store: Make, container: Container, player: UUID) -> None:
    make_store(0.3).register(player_key(player), "dead/1", 2)
    eventually(lambda: not container.redis.exists(player_key(player)))


def test_what_redis_forgot_is_there_again_after_the_next_renewal(
    store: PresenceStore, container: Container, player: UUID
) -> None:
    key = player_key(player)
    store.register(key, "here/1", 1)
    container.redis.delete(key)
    store.renew({key: ["here/1"]})
    assert not store.register(key, "there/1", 1)


def test_a_player_on_two_servers_counts_once_until_both_have_lost_them(
    store: PresenceStore, player: UUID, board: str
) -> None:
    second_player = uuid4()
    assert store.count_online(board) == 0
    assert store.count_online(board, "one", [player, second_player]) == 2
    assert store.count_online(board, "two", [player]) == 2
    assert store.count_online(board, "two", [player]) == 2  # repeated
    assert store.count_online(board, "one", (), [player]) == 2
    assert store.count_online(board, "one", (), [player]) == 2
    assert store.count_online(board, "two", (), [player]) == 1
    assert store.count_online("another", "one") == 0


def test_thousands_come_and_go_in_parts(store: PresenceStore, board: str) -> None:
    crowd = [uuid4() for _ in range(1201)]
    assert store.count_online(board, "one", crowd) == 1201
    assert store.count_online(board, "one", crowd[:600], crowd[600:]) == 600


def test_players_of_a_dead_server_are_online_no_more(make_store: Make, player: UUID, board: str) -> None:
    store, second_player = make_store(0.5), uuid4()
    store.count_online(board, "dead", [player, second_player])
    eventually(lambda: store.count_online(board, "alive", [player]) == 1)
    assert store.count_online(board) == 1
