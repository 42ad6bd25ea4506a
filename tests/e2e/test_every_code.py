"""Every error code of docs/api.md, provoked from outside."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import uuid4

import pytest

from tests.parts.client import PASSWORD, Answer, Api, Player, fresh_name
from tests.parts.product import Product
from tests.parts.waiting import eventually


@dataclass
class World:
    """The products, clients and players that a provocation may use."""

    product: Product
    brisk: Product
    api: Api
    anna: Player
    caller: Callable[[], Api]


CONTRACT = """
    unauthorized invalid_credentials account_suspended rate_limited malformed_json too_large unsupported_media_type
    invalid_request invalid_token invalid_signature token_already_used suspicious_activity in_progress
    too_soon
    idempotency_key_reused unavailable too_many_actions username_taken already_decided already_appealed case_open
    nothing_to_undo forbidden conflict rebuild_required not_a_guest
"""
Provocation = Callable[[World], Answer]
PROVOKED: dict[tuple[int, str], Provocation] = {}


def provokes(status: int, code: str) -> Callable[[Provocation], Provocation]:
    def note(provocation: Provocation) -> Provocation:
        PROVOKED[status, code] = provocation
        return provocation

    return note


@provokes(400, "malformed_json")
def _malformed(world: World) -> Answer:
    return world.anna.post("/actions", raw=b"{")


@provokes(401, "unauthorized")
def _nobody(world: World) -> Answer:
    return world.api.get("/me")


@provokes(401, "invalid_credentials")
def _wrong_password(world: World) -> Answer:
    return world.api.post("/auth/login", {"username": world.anna.username, "password": "wrong password"})


@provokes(401, "invalid_token")
def _unknown_token(world: World) -> Answer:
    return world.anna.complete({"action_id": str(uuid4()), "token": world.anna.issue()["token"]})


@provokes(401, "invalid_signature")
def _forged(world: World) -> Answer:
    action = world.anna.issue()
    return world.anna.complete({**action, "token": action["token"][:-8] + action["token"][-8:][::-1]})


@provokes(403, "token_already_used")
def _used(world: World) -> Answer:
    action = world.anna.issue()
    world.anna.complete(action)
    return world.anna.complete(action)


@provokes(403, "suspicious_activity")
def _too_fast(world: World) -> Answer:
    return world.anna.complete(world.anna.issue("boss-fight"))


@provokes(403, "account_suspended")
def _too_fast_again(world: World) -> Answer:
    _too_fast(world)
    return _too_fast(world)


@provokes(403, "forbidden")
def _no_admin(world: World) -> Answer:
    return world.anna.get("/admin/cases")


def _admin_and_case(world: World) -> tuple[Player, str]:
    """Return an admin, and the id of an open case of the player."""
    _too_fast(world)
    admin = world.api.register()
    assert world.product.flask("users", "set-role", admin.username, "admin").returncode == 0
    return admin, world.anna.me()["case"]["case_id"]


@provokes(409, "already_decided")
def _decided_twice(world: World) -> Answer:
    admin, case = _admin_and_case(world)
    decision = {"decision": "cleared", "reason": "fair"}
    admin.post(f"/admin/cases/{case}/decision", decision)
    return admin.post(f"/admin/cases/{case}/decision", decision)


@provokes(409, "nothing_to_undo")
def _nothing_decided(world: World) -> Answer:
    admin, case = _admin_and_case(world)
    return admin.post(f"/admin/cases/{case}/undo", {"reason": "fair"})


@provokes(409, "case_open")
def _another_open(world: World) -> Answer:
    admin, case = _admin_and_case(world)
    admin.post(f"/admin/cases/{case}/decision", {"decision": "cleared", "reason": "fair"})
    _too_fast(world)
    return admin.post(f"/admin/cases/{case}/undo", {"reason": "not fair"})


@provokes(409, "already_appealed")
def _appealed_twice(world: World) -> Answer:
    _too_fast(world)
    world.anna.post("/me/appeal", {"text": "It was my cat."})
    return world.anna.post("/me/appeal", {"text": "Really."})


@provokes(409, "conflict")
def _main_archived(world: World) -> Answer:
    admin, _ = _admin_and_case(world)
    return admin.post("/admin/boards/main/archive", {})


@provokes(409, "rebuild_required")
def _past_changed(world: World) -> Answer:
    admin, _ = _admin_and_case(world)
    admin.score_once()
    return admin.api.call("PATCH", "/admin/boards/main", {"scoring": "count"}, token=admin.access_token)


@provokes(404, "not_found")
def _nothing(world: World) -> Answer:
    return world.api.get("/leaderboard/top?board=nowhere")


@provokes(405, "method_not_allowed")
def _wrong_method(world: World) -> Answer:
    return world.api.call("PUT", "/me")


@provokes(409, "username_taken")
def _taken(world: World) -> Answer:
    return world.api.post("/auth/register", {"username": world.anna.username, "password": PASSWORD})


@provokes(409, "not_a_guest")
def _full_account(world: World) -> Answer:
    return world.anna.post("/me/account", {"username": fresh_name(), "password": PASSWORD})


@provokes(403, "invalid_credentials")
def _not_the_password(world: World) -> Answer:
    return world.anna.post("/me/password", {"current": "wrong password", "new": f"{PASSWORD}!"})


@provokes(409, "too_many_actions")
def _too_many(world: World) -> Answer:
    for _ in range(10):
        world.anna.issue()
    return world.anna.post("/actions", {"action_type": "tap"})


@provokes(409, "in_progress")
def _in_flight(world: World) -> Answer:
    product, anna = world.product, world.anna
    anna.score_once()
    action = anna.issue()
    with ThreadPoolExecutor() as pool, product.database(autocommit=False) as connection:
        connection.execute("SELECT 1 FROM standings WHERE player_id = %s FOR UPDATE", [anna.user_id])
        first = pool.submit(anna.complete, action, key="k")
        eventually(lambda: product.query_value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
        second = anna.complete(action, key="k")
        connection.rollback()
        assert first.result().status == 200
    return second


@provokes(409, "too_soon")
def _overlapping(world: World) -> Answer:
    first, second = (world.anna.issue("quick-match") for _ in range(2))
    age = "SELECT extract(epoch FROM clock_timestamp() - %s::timestamptz)"
    eventually(lambda: world.product.query_value(age, second["issued_at"]) > 3.2)
    assert world.anna.complete(first).status == 200
    return world.anna.complete(second)


@provokes(413, "too_large")
def _large(world: World) -> Answer:
    return world.anna.post("/actions", raw=b"x" * 20_000)


@provokes(415, "unsupported_media_type")
def _text(world: World) -> Answer:
    return world.anna.post("/actions", raw=b"{}", headers={"Content-Type": "text/plain"})


@provokes(422, "invalid_request")
def _unknown_type(world: World) -> Answer:
    return world.anna.post("/actions", {"action_type": "no-such-type"})


@provokes(422, "idempotency_key_reused")
def _key_reused(world: World) -> Answer:
    world.anna.complete(world.anna.issue(), key="k")
    return world.anna.complete(world.anna.issue(), key="k")


@provokes(429, "rate_limited")
def _too_often(world: World) -> Answer:
    api = world.caller()
    for _ in range(6):
        api.post("/auth/login", {"username": fresh_name(), "password": PASSWORD})
    return api.post("/auth/login", {"username": fresh_name(), "password": PASSWORD})


@provokes(503, "unavailable")
def _redis_stalled(world: World) -> Answer:
    redis, api = world.brisk.process("redis"), world.caller()
    token = api.register().access_token
    redis.pause()
    try:
        return api.get("/me", token=token)
    finally:
        redis.resume()


@pytest.mark.parametrize(("status", "code"), sorted(PROVOKED))
def test_every_code_can_be_met(
    status: int, code: str, product: Product, brisk: Product, api: Api, anna: Player, caller: Callable[[], Api]
) -> None:
    answer = PROVOKED[status, code](World(product, brisk, api, anna, caller))
    assert answer.refusal == (status, code)
    assert answer.body["error"]["message"]


def test_none_of_the_contracts_codes_is_left_out() -> None:
    assert set(CONTRACT.split()) <= {code for _, code in PROVOKED}
