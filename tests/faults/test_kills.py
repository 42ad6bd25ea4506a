"""kill -9 at the worst moments: no score lost, none doubled, every event delivered, unused tokens still good."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.faults.gates import DELIVERED, SCORED, ShutGate, shut, standing_locked
from tests.parts.client import Answer, Api, Player
from tests.parts.product import Product
from tests.parts.subscriber import subscribed
from tests.parts.waiting import eventually


def _kill_web(product: Product) -> None:
    """Kill every process that serves requests with kill -9; their master starts new ones."""
    old = product.web_workers()
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not set(old) & set(product.web_workers()) and product.ready(), within=60)


def _complete_and_die(
    product: Product, player: Player, action: dict[str, str], gate: ShutGate, key: str | None
) -> None:
    """Send a completion that reaches the gate and dies there without an answer."""
    with ThreadPoolExecutor() as pool:
        request = pool.submit(player.complete, action, key=key)
        gate.wait_for_transaction()
        _kill_web(product)
        with pytest.raises(requests.ConnectionError):
            request.result()


def _complete_again(player: Player, action: dict[str, str], key: str | None = None) -> Answer:
    """Retry until the dead request's claim has expired. Returns the answer."""

    def answered() -> Answer | None:
        answer = player.complete(action, key=key)
        return None if answer.code in ("in_progress", "unavailable") else answer

    return eventually(answered)


def _events(product: Product, player: Player) -> int:
    return int(product.query_value("SELECT count(*) FROM score_events WHERE player_id = %s", player.user_id))


@pytest.mark.parametrize("key", [None, "a-key"])
def test_killed_after_the_claim_the_token_is_still_good(fragile: Product, anna: Player, key: str | None) -> None:
    action = anna.issue()
    with standing_locked(fragile, anna.user_id) as gate:
        _complete_and_die(fragile, anna, action, gate, key)
        gate.turn_away()
    assert anna.me()["score"] == 1
    again = eventually(lambda: (answer := anna.complete(action, key=key)).status == 200 and answer)
    assert again.data["score"] == {"previous": 1, "current": 2}
    assert (anna.me()["score"], _events(fragile, anna)) == (2, 2)
    assert anna.complete(action).refusal == (403, "token_already_used")


@pytest.mark.parametrize("key", [None, "a-key"])
def test_killed_before_the_commit_the_token_is_still_good(fragile: Product, anna: Player, key: str | None) -> None:
    action = anna.issue()
    with shut(fragile, SCORED) as gate:
        _complete_and_die(fragile, anna, action, gate, key)
        gate.turn_away()
    assert anna.me()["score"] == 1
    again = eventually(lambda: (answer := anna.complete(action, key=key)).status == 200 and answer)
    assert again.data["score"] == {"previous": 1, "current": 2}
    assert (anna.me()["score"], _events(fragile, anna)) == (2, 2)


def test_killed_while_the_commit_goes_on_it_scores_once(fragile: Product, api: Api, anna: Player) -> None:
    """Kill while the database carries out the COMMIT: no process is left to read its answer or to update Redis."""
    action = anna.issue()
    with subscribed(fragile.url, api.register().access_token), shut(fragile, SCORED) as gate:
        _complete_and_die(fragile, anna, action, gate, None)
    eventually(lambda: _events(fragile, anna) == 2)
    assert _complete_again(anna, action).refusal == (403, "token_already_used")
    eventually(lambda: anna.me()["score"] == 2)
    assert anna.state_of(action) == "consumed"
    assert anna.score_once()["score"]["current"] == 3
    assert _events(fragile, anna) == 3


def test_killed_while_the_commit_goes_on_a_retry_with_the_key_gets_the_answer(fragile: Product, anna: Player) -> None:
    action = anna.issue()
    with shut(fragile, SCORED) as gate:
        _complete_and_die(fragile, anna, action, gate, "a-key")
    eventually(lambda: _events(fragile, anna) == 2)
    again = _complete_again(anna, action, "a-key")
    assert again.status == 200
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.data["score"] == {"previous": 1, "current": 2}
    assert _complete_again(anna, action, "a-key").data == again.data
    assert (anna.me()["score"], _events(fragile, anna)) == (2, 2)


def test_killed_after_the_commit_before_the_publish_the_event_is_delivered(
    fragile: Product, anna: Player, watcher: Player
) -> None:
    relay = fragile.process("relay")
    with subscribed(fragile.url, watcher.access_token) as socket:
        relay.pause()
        fragile.redis().delete("leaderboard:looked")
        assert "but none looks for changes" in fragile.flask("doctor", "--json").stdout
        scores = [anna.score_once()["score"]["current"] for _ in range(5)]
        assert fragile.query_value("SELECT count(*) FROM outbox") >= 1
        relay.kill()
        relay.start()
        update = socket.until_change(anna.user_id, scores[-1], within=30)
    assert update["changeInfo"]


def test_killed_after_the_publish_before_the_delete_the_event_is_delivered_again(
    fragile: Product, anna: Player, watcher: Player
) -> None:
    relay = fragile.process("relay")
    with subscribed(fragile.url, watcher.access_token) as socket:
        with shut(fragile, DELIVERED) as gate:
            score = anna.score_once()["score"]["current"]
            first = socket.until_change(anna.user_id, score, within=30)
            gate.wait_for_transaction()
            relay.kill()
            gate.turn_away()
            assert fragile.query_value("SELECT count(*) FROM outbox") >= 1
        relay.start()
        second = socket.until_change(anna.user_id, score, within=30)
    assert second["meta"]["version"] > first["meta"]["version"]
    assert second["data"] == first["data"]
    assert _events(fragile, anna) == 2


def test_a_worker_killed_at_work_gives_its_task_back(fragile: Product, anna: Player, watcher: Player) -> None:
    if "rabbitmq" not in fragile.stack.processes:
        pytest.skip("rabbitmq-server is not installed")
    worker = fragile.process("worker")
    with subscribed(fragile.url, watcher.access_token) as socket:
        worker.pause()
        score = anna.score_once()["score"]["current"]
        eventually(lambda: fragile.query_value("SELECT count(*) FROM outbox") == 0)
        worker.kill()
        worker.start()
        socket.until_change(anna.user_id, score, within=30)


def test_everything_killed_at_once_comes_back_with_every_score(fragile: Product, anna: Player) -> None:
    scores = [anna.score_once()["score"]["current"] for _ in range(5)]
    parts = list(fragile.stack.processes.values())
    for part in parts:
        part.kill()
    # All start at the same time, as when a machine boots: each waits for the parts that it needs.
    for part in parts:
        part.launch()
    for part in parts:
        part.wait_until_answers()
    eventually(fragile.ready, within=60)
    assert eventually(anna.me)["score"] == scores[-1]
