"""Small limits: each answers 429 with the time to wait, and counts for all processes together."""

from __future__ import annotations

from collections.abc import Callable

from tests.e2e.conftest import BRISK
from tests.parts.client import PASSWORD, Answer, Api, fresh_name
from tests.parts.product import Product
from tests.parts.subscriber import refused_upgrade

Caller = Callable[[], Api]


def _limit(name: str) -> int:
    return int(BRISK[name].split("/")[0])


def _check_refusal(answer: Answer, limit: int) -> None:
    assert answer.refusal == (429, "rate_limited")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert int(answer.headers["RateLimit-Limit"]) == limit
    assert int(answer.headers["RateLimit-Remaining"]) == 0
    assert 1 <= int(answer.headers["RateLimit-Reset"]) <= 60


def test_signing_in_and_registering_share_a_limit_per_address(caller: Caller) -> None:
    api, limit = caller(), _limit("RATE_LIMIT_AUTH")
    name = api.register().username
    for _ in range(limit - 1):
        assert api.post("/auth/login", {"username": name, "password": "wrong password"}).status == 401
    _check_refusal(api.post("/auth/login", {"username": name, "password": PASSWORD}), limit)
    _check_refusal(api.post("/auth/register", {"username": fresh_name(), "password": PASSWORD}), limit)
    assert caller().login(name).user_id, "another address is another matter"


def test_reads_are_limited_per_address(caller: Caller) -> None:
    api, limit = caller(), _limit("RATE_LIMIT_READS")
    statuses = [api.get("/leaderboard/top").status for _ in range(limit)]
    assert statuses == [200] * limit
    _check_refusal(api.get("/leaderboard/top"), limit)
    _check_refusal(api.get("/action-types"), limit)
    assert caller().get("/leaderboard/top").status == 200


def test_a_forwarded_address_does_not_get_round_a_limit(caller: Caller) -> None:
    api, limit = caller(), _limit("RATE_LIMIT_READS")
    for number in range(limit):
        api.get("/leaderboard/top", headers={"X-Forwarded-For": f"10.0.0.{number}"})
    assert api.get("/leaderboard/top", headers={"X-Forwarded-For": "10.9.9.9"}).status == 429


def test_issuing_and_completing_are_limited_each_per_player(caller: Caller) -> None:
    api, limit = caller(), _limit("RATE_LIMIT_ACTIONS")
    anna, ben = api.register(), api.register()
    for _ in range(limit):
        assert anna.complete(anna.issue()).status == 200
    _check_refusal(anna.post("/actions", {"action_type": "tap"}), limit)
    _check_refusal(anna.complete({"action_id": "0" * 8 + "-0000-4000-8000-" + "0" * 12, "token": "x"}), limit)
    assert ben.complete(ben.issue()).status == 200


def test_the_limit_comes_after_who_you_are_and_before_the_body(brisk: Product, caller: Caller) -> None:
    anna = caller().register()
    for _ in range(_limit("RATE_LIMIT_ACTIONS")):
        anna.post("/actions", raw=b"{")
    assert anna.post("/actions", raw=b"{").refusal == (429, "rate_limited")
    assert anna.api.post("/actions", raw=b"{", token="nonsense").refusal == (401, "unauthorized")
    assert brisk.flask("users", "suspend", anna.username, "--yes").returncode == 0
    assert anna.post("/actions", raw=b"{").refusal == (403, "account_suspended")


def test_new_sockets_are_limited_per_address(brisk: Product, address: str) -> None:
    limit = _limit("RATE_LIMIT_SOCKETS")
    statuses = [refused_upgrade(brisk.url, address=address) for _ in range(limit + 1)]
    assert statuses == [101] * limit + [429]
