"""Events that come twice, late and in any order leave the same board: the one the database has."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.containers.container import Container
from app.domain.action_token import Promise
from app.domain.boards import MAIN, Season
from app.services.boards.outbox import BoardChange
from app.stores.boards.board_events import BOARD_CHANNEL
from app.stores.redis.client import connect
from tests.parts.kinds import ON_BOTH

pytestmark = ON_BOTH

Events = list[tuple[int, int]]
EVENTS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from([1, 10, 25])), min_size=1, max_size=8)


def _season(container: Container) -> Season:
    season = container.catalog.open_season(MAIN)
    assert season is not None
    return season


def _players(container: Container, count: int = 4) -> list[UUID]:
    """Add players, after bringing the board in order whichever state the example before it left."""
    container.outbox.drain(lambda changes: None)
    container.board_sync.rebuild(_season(container))
    return [_player(container) for _ in range(count)]


def _player(container: Container) -> UUID:
    player = uuid4()
    container.players.add(player, f"p-{player}"[:32], str(player), "no password fits this", "player")
    return player


def _redeem(container: Container, player: UUID, points: int) -> BoardChange:
    """Score in the database alone, and lose the work after the commit. Return the event, removed from the outbox."""
    season, now = _season(container), int(time.time() * 1000)
    promise = Promise(str(uuid4()), str(player), "tap", 1, points, MAIN, season.id, season.number, now, now + 1000)
    assert container.ledger.redeem(promise, request_id="test", key=None, fingerprint="")
    changes: list[BoardChange] = []
    container.outbox.drain(changes.extend)
    (change,) = changes
    return change


def _deliver(container: Container, change: BoardChange) -> int:
    return container.board_sync.sync([change])[change.season_id]


def _check(container: Container) -> None:
    """Assert that the sorted set, the cached top and a new subscriber's snapshot equal the database."""
    assert container.board_sync.verify(_season(container)) == []
    truth = [standing.as_row() for standing in container.standing_store.top(_season(container), 10)]
    assert container.standings.snapshot(MAIN)["data"] == truth


class Listener:
    """A WebSocket process as the feed sees it: keeps the newest board that it has received, by version."""

    def __init__(self, client: Any) -> None:
        self._pubsub = client.pubsub(ignore_subscribe_messages=True)
        self._pubsub.subscribe(BOARD_CHANNEL)
        self._pubsub.get_message(timeout=1)

    def newest(self, version: int) -> dict[str, Any]:
        """Return the newest board received: `version` or later, or the newest one before a silence."""
        best: dict[str, Any] = {"version": -1}
        while best["version"] < version and (message := self._pubsub.get_message(timeout=0.25)) is not None:
            message_body = json.loads(message["data"])
            if message_body["version"] > best["version"]:
                best = message_body
        return best

    def close(self) -> None:
        self._pubsub.close()


@contextmanager
def _listening(container: Container) -> Iterator[Listener]:
    client = connect(container.settings.redis_url, container.settings.redis_timeout)
    listener = Listener(client)
    try:
        yield listener
    finally:
        listener.close()
        client.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS, data=st.data())
def test_twice_and_in_every_order_leave_the_same_board(
    container: Container, events: Events, data: st.DataObject
) -> None:
    players = _players(container)
    changes = [_redeem(container, players[number], points) for number, points in events]
    deliveries = data.draw(st.permutations([*range(len(changes))] * 2))
    with _listening(container) as listener:
        versions = [_deliver(container, changes[number]) for number in deliveries]
        newest = listener.newest(max(versions))
    _check(container)
    assert versions == sorted(set(versions)), "the version never goes back"
    assert newest["data"] == container.standings.snapshot(MAIN)["data"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS, data=st.data())
def test_events_delivered_between_redemptions_leave_the_same_board(
    container: Container, events: Events, data: st.DataObject
) -> None:
    players = _players(container)
    waiting: list[BoardChange] = []
    for number, points in events:
        waiting.append(_redeem(container, players[number], points))
        for late in data.draw(st.lists(st.sampled_from(waiting), max_size=2)):
            _deliver(container, late)
    for change in data.draw(st.permutations(waiting)):
        _deliver(container, change)
    _check(container)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS)
def test_refreshers_that_race_end_on_the_newest_board(
    container: Container, workers: list[Container], events: Events
) -> None:
    players = _players(container)
    with _listening(container) as listener, ThreadPoolExecutor(len(workers)) as pool:
        running = []
        for turn, (number, points) in enumerate(events):
            change = _redeem(container, players[number], points)
            running += [pool.submit(_deliver, workers[(turn + offset) % len(workers)], change) for offset in (0, 1)]
        newest = listener.newest(max(task.result() for task in running))
    _check(container)
    assert newest["data"] == container.standings.snapshot(MAIN)["data"]


def test_a_board_that_redis_has_lost_comes_back_by_an_event(container: Container) -> None:
    players = _players(container, 3)
    changes = [_redeem(container, player, 10) for player in players]
    for change in changes:
        _deliver(container, change)
    container.redis.flushdb()
    _deliver(container, changes[0])
    _check(container)


def test_a_board_that_redis_has_lost_comes_back_by_itself(container: Container) -> None:
    players = _players(container, 3)
    for player in players:
        _deliver(container, _redeem(container, player, 10))
    container.redis.flushdb()
    assert container.board_sync.repair() == [MAIN]
    assert container.board_sync.repair() == []
    _check(container)


def test_verify_sees_each_kind_of_difference(container: Container) -> None:
    players = _players(container, 3)
    for player in players:
        _deliver(container, _redeem(container, player, 10))
    (board,) = container.redis.keys("leaderboard:scores:*")
    spoilers: list[Callable[[], object]] = [
        lambda: container.redis.zadd(board, {str(players[0]): 11}),
        lambda: container.redis.zrem(board, str(players[1])),
        lambda: container.redis.zadd(board, {str(uuid4()): 5}),
    ]
    for spoil in spoilers:
        spoil()
        assert container.board_sync.verify(_season(container)) != []
        container.board_sync.rebuild(_season(container))
        assert container.board_sync.verify(_season(container)) == []
