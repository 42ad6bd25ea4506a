"""Idempotency-Key: a retry gets the first answer, and nothing scores twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from tests.parts.client import Player
from tests.parts.product import Product
from tests.parts.waiting import eventually


def test_a_retry_with_the_key_gets_the_first_answer_again(anna: Player) -> None:
    action, key = anna.issue(), str(uuid4())
    first = anna.complete(action, key=key)
    assert first.status == 200
    assert "Idempotency-Replayed" not in first.headers
    anna.score_once()
    for _ in range(3):
        again = anna.complete(action, key=key)
        assert again.status == 200
        assert again.headers["Idempotency-Replayed"] == "true"
        assert again.data == first.data
        assert again.links == first.links
    assert anna.me()["score"] == 2


def test_a_replay_keeps_the_ranks_of_the_first_answer(anna: Player, ben: Player) -> None:
    action, key = anna.issue(), str(uuid4())
    first = anna.complete(action, key=key).data
    for _ in range(3):
        ben.score_once()
    assert anna.complete(action, key=key).data == first


def test_without_the_key_a_retry_is_token_already_used(anna: Player) -> None:
    action = anna.issue()
    assert anna.complete(action, key="a key").status == 200
    assert anna.complete(action).refusal == (403, "token_already_used")


def test_a_new_key_does_not_make_a_used_token_new(anna: Player) -> None:
    action = anna.issue()
    assert anna.complete(action, key="one").status == 200
    assert anna.complete(action, key="two").refusal == (403, "token_already_used")


def test_a_key_for_another_action_or_token_is_a_422(anna: Player) -> None:
    action, other_action = anna.issue(), anna.issue()
    assert anna.complete(action, key="k").status == 200
    assert anna.complete(other_action, key="k").refusal == (422, "idempotency_key_reused")
    swapped = {"action_id": action["action_id"], "token": other_action["token"]}
    assert anna.complete(swapped, key="k").refusal == (422, "idempotency_key_reused")
    assert anna.state_of(other_action) == "active"
    assert anna.me()["score"] == 1


def test_a_key_is_the_players_own(anna: Player, ben: Player) -> None:
    assert anna.complete(anna.issue(), key="same").status == 200
    answer = ben.complete(ben.issue(), key="same")
    assert answer.status == 200
    assert "Idempotency-Replayed" not in answer.headers


def test_a_key_still_works_in_another_login(anna: Player) -> None:
    action = anna.issue()
    first = anna.complete(action, key="k")
    again = anna.api.login(anna.username).complete(action, key="k")
    assert again.data == first.data


@pytest.mark.parametrize("key", ["x", "k" * 255, "with space", "~!\"#$%&'()*+,-./:;<=>?@[]^_`{|}"])
def test_a_key_of_1_to_255_printable_characters_is_welcome(anna: Player, key: str) -> None:
    action = anna.issue()
    assert anna.complete(action, key=key).status == 200
    assert anna.complete(action, key=key).headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("key", [b"k" * 256, b"caf\xe9", b"tab\there", b""])
def test_any_other_key_is_a_422_and_nothing_scores(anna: Player, key: bytes) -> None:
    action = anna.issue()
    answer = anna.post(
        f"/actions/{action['action_id']}/complete",
        {"token": action["token"]},
        headers={"Idempotency-Key": key},
    )
    assert answer.refusal == (422, "invalid_request")
    assert answer.fields == {"Idempotency-Key"}
    assert anna.state_of(action) == "active"


def test_a_refusal_before_the_claim_leaves_the_key_free(anna: Player) -> None:
    action = anna.issue()
    path = f"/actions/{action['action_id']}/complete"
    assert anna.post(path, {"token": 1}, headers={"Idempotency-Key": "k"}).status == 422
    assert anna.complete({**action, "token": "a.b.c"}, key="k").status == 401
    assert anna.complete(action, key="k").status == 200


def test_a_refused_result_leaves_the_key_free_for_the_request_that_is_put_right(anna: Player) -> None:
    action = anna.issue()
    path, headers = f"/actions/{action['action_id']}/complete", {"Idempotency-Key": "k"}
    refused = anna.post(path, {"token": action["token"], "result": 5}, headers=headers)
    assert (refused.status, refused.fields) == (422, {"result"})
    assert anna.complete(action, key="k").status == 200
    assert anna.complete(anna.issue(), key="k").refusal == (422, "idempotency_key_reused")


def test_while_the_first_try_is_in_flight_a_retry_is_told_so(product: Product, anna: Player) -> None:
    anna.score_once()
    action = anna.issue()
    with ThreadPoolExecutor() as pool, product.database(autocommit=False) as connection:
        connection.execute("SELECT 1 FROM standings WHERE player_id = %s FOR UPDATE", [anna.user_id])
        first = pool.submit(anna.complete, action, key="k")
        eventually(lambda: _waits_for_a_lock(product))
        assert anna.complete(action, key="k").refusal == (409, "in_progress")
        connection.rollback()
        assert first.result().status == 200
    again = anna.complete(action, key="k")
    assert (again.data, again.headers["Idempotency-Replayed"]) == (first.result().data, "true")


def _waits_for_a_lock(product: Product) -> bool:
    return bool(product.query_value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
