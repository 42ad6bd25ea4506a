"""Servers that stop, stall, restart or lose their data under the product."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

from devstack.child import Child
from tests.parts.client import Api, Player
from tests.parts.product import Product
from tests.parts.subscriber import Subscriber, refused_upgrade, subscribed
from tests.parts.waiting import eventually

BROKER_AWAY_SECONDS = 12


@contextmanager
def _paused(part: Child) -> Iterator[None]:
    part.pause()
    try:
        yield
    finally:
        part.resume()


def _redeem_until_it_works(player: Player) -> int:
    """Redeem once; while parts come back and answer 503, retry with the same key. Returns the score after it."""
    action, key = eventually(player.issue, within=60), str(uuid4())

    def scored() -> int | None:
        answer = player.complete(action, key=key)
        assert answer.status in (200, 409, 503) or answer.code == "invalid_token", answer
        return int(answer.data["score"]["current"]) if answer.status == 200 else None

    return eventually(scored, within=60)


def test_redis_emptied_nothing_scores_twice_and_ranks_come_back(fragile: Product, api: Api, watcher: Player) -> None:
    players = [api.register() for _ in range(5)]
    used, open_actions = [], []
    for player in players:
        action = player.issue()
        assert player.complete(action, key="k").status == 200
        used.append(action)
        open_actions.append(player.issue())
    ranks = [player.me()["rank"] for player in players]
    with subscribed(fragile.url, watcher.access_token) as socket:
        fragile.redis().flushall()
        for player, action, unused in zip(players, used, open_actions, strict=True):
            assert player.complete(action).code in ("invalid_token", "token_already_used")
            again = player.complete(action, key="k")
            assert again.status == 200, "the key's answer is kept in the database"
            assert again.data["score"] == {"previous": 0, "current": 1}
            assert player.complete(unused).code == "invalid_token"
            assert player.state_of(action) == "consumed"
            assert player.me()["score"] == 1
        eventually(lambda: [player.me()["rank"] for player in players] == ranks, within=60)
        assert players[0].score_once()["score"] == {"previous": 1, "current": 2}
        socket.until_change(players[0].user_id, 2, within=30)


def test_a_redis_that_remembers_an_older_time_does_not_make_a_token_good_again(fragile: Product, anna: Player) -> None:
    """Restore Redis's keys of the action as they were before it was consumed: the database still refuses it."""
    redis = fragile.redis()
    action = anna.issue()
    before = {key: redis.dump(key) or b"" for key in redis.keys(f"*{action['action_id']}*")}
    assert before
    assert anna.complete(action).status == 200
    for key, value in before.items():
        redis.restore(key, 0, value, replace=True)
    assert anna.complete(action).refusal == (403, "token_already_used")
    assert anna.me()["score"] == 2
    assert anna.state_of(action) == "consumed"


def test_redis_stalled_is_a_503_and_nothing_hangs_or_passes_unlimited(fragile: Product, anna: Player) -> None:
    action = anna.issue()
    with _paused(fragile.process("redis")):
        for answer in (
            anna.post("/actions", {"action_type": "tap"}, timeout=3),
            anna.complete(action, timeout=3),
            anna.get("/me", timeout=3),
            anna.get("/leaderboard/me", timeout=3),
            anna.api.get("/leaderboard/top", timeout=3),
            anna.api.post("/auth/login", {"username": anna.username, "password": anna.password}, timeout=3),
        ):
            assert answer.refusal == (503, "unavailable")
        ready = anna.api.get("//readyz", timeout=5)
        assert ready.status == 503
        assert "redis" in ready.text.lower()
        assert anna.api.get("//healthz", timeout=3).status == 200
        assert refused_upgrade(fragile.url) == 503
    eventually(lambda: anna.complete(action).status == 200)
    assert anna.me()["score"] == 2


def test_redis_killed_and_restarted_play_goes_on(fragile: Product, anna: Player, watcher: Player) -> None:
    redis = fragile.process("redis")
    redis.kill()
    assert anna.post("/actions", {"action_type": "tap"}).refusal == (503, "unavailable")
    redis.start()
    eventually(fragile.ready, within=60)
    assert _redeem_until_it_works(anna) == 2
    with subscribed(fragile.url, watcher.access_token) as socket:
        score = anna.score_once()["score"]["current"]
        socket.until_change(anna.user_id, score, within=30)


def test_subscribers_outlive_a_restart_of_redis(fragile: Product, anna: Player, watcher: Player) -> None:
    with subscribed(fragile.url, watcher.access_token) as socket:
        fragile.process("redis").kill()
        fragile.process("redis").start()
        eventually(fragile.ready, within=60)
        _wait_for_newest_board(socket, anna, _redeem_until_it_works(anna))


def _wait_for_newest_board(socket: Subscriber, player: Player, score: int) -> None:
    """Wait until the socket shows the newest board: every board here is small enough to be shown in its top ten."""
    rows = eventually(lambda: player.api.get("/leaderboard/top?limit=100").data)
    top = [row["score"] for row in rows[:10]]
    while True:
        update = socket.receive(within=30)
        if update["type"] == "ping":
            continue
        changes = update.get("changeInfo", [])
        if any(change["user_id"] == player.user_id and change["score"] == score for change in changes):
            return
        if [row["score"] for row in update["data"]] == top and player.me()["score"] == score:
            return


def test_the_broker_down_redeems_go_on_and_subscribers_catch_up(
    fragile: Product, anna: Player, watcher: Player
) -> None:
    if "rabbitmq" not in fragile.stack.processes:
        pytest.skip("rabbitmq-server is not installed")
    broker = fragile.process("rabbitmq")
    with subscribed(fragile.url, watcher.access_token) as socket:
        broker.kill()
        score, until = 0, time.monotonic() + BROKER_AWAY_SECONDS
        while time.monotonic() < until:
            score = anna.score_once()["score"]["current"]
            _read_pending(socket)
        assert fragile.query_value("SELECT count(*) FROM outbox") >= 1
        broker.start()
        socket.until_change(anna.user_id, score, within=30)


def _read_pending(socket: Subscriber) -> None:
    try:
        while True:
            socket.receive(within=0.01)
    except AssertionError:
        return


def test_a_stalled_broker_holds_up_no_redemption(fragile: Product, anna: Player, watcher: Player) -> None:
    if "rabbitmq" not in fragile.stack.processes:
        pytest.skip("rabbitmq-server is not installed")
    with subscribed(fragile.url, watcher.access_token) as socket:
        with _paused(fragile.process("rabbitmq")):
            scores = [anna.score_once()["score"]["current"] for _ in range(5)]
        socket.until_change(anna.user_id, scores[-1], within=30)


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_postgresql_restarted_nothing_is_lost_and_play_goes_on(fragile: Product, anna: Player, how: str) -> None:
    postgres = fragile.process("postgres")
    action = anna.issue()
    getattr(postgres, how)()
    answer = anna.complete(action, key="k")
    assert answer.refusal == (503, "unavailable")
    ready = anna.api.get("//readyz")
    assert ready.status == 503
    assert "postgres" in ready.text.lower() or "database" in ready.text.lower()
    postgres.start()
    eventually(fragile.ready, within=60)
    again = eventually(lambda: (answer := anna.complete(action, key="k")).status == 200 and answer)
    assert again.data["score"] == {"previous": 1, "current": 2}
    assert _redeem_until_it_works(anna) == 3


def test_the_web_process_says_1012_when_it_stops_and_clients_come_back(
    fragile: Product, anna: Player, watcher: Player
) -> None:
    web = fragile.process("web")
    sockets = [subscribed(fragile.url, watcher.access_token) for _ in range(5)]
    anna.api.close()  # an idle connection would delay the stop by its five seconds
    web.stop()
    codes = [socket.until_closed()[0] for socket in sockets]
    web.start()
    assert codes == [1012] * 5
    with subscribed(fragile.url, watcher.access_token) as socket:
        socket.until_change(anna.user_id, anna.score_once()["score"]["current"], within=30)
