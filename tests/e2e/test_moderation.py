"""Cheating is refused, recorded for a human, and in the end suspends; a suspended player keeps few rights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.parts.client import Api, Player
from tests.parts.product import Product
from tests.parts.waiting import eventually


def _cases_of(product: Product, player: Player) -> list[dict[str, Any]]:
    return [case for case in product.run_json("anticheat", "cases") if case["username"] == player.username]


def test_too_fast_does_not_score_and_again_suspends(product: Product, anna: Player) -> None:
    assert anna.complete(anna.issue("boss-fight")).refusal == (403, "suspicious_activity")
    assert (anna.me()["score"], anna.me()["status"]) == (0, "active")
    assert anna.complete(anna.issue("boss-fight")).refusal == (403, "account_suspended")
    assert (anna.me()["score"], anna.me()["status"]) == (0, "suspended")
    (case,) = _cases_of(product, anna)
    assert case["state"] == "open"
    report = product.run_json("anticheat", "show", anna.username)
    signals = report["cases"][0]["signals"]
    assert {signal["rule"] for signal in signals} >= {"timing"}
    assert all(signal["added"] > 0 for signal in signals)


def test_an_action_of_no_time_may_be_completed_at_once(product: Product, anna: Player) -> None:
    for _ in range(3):
        anna.score_once("tap")
    assert _cases_of(product, anna) == []


def test_opening_many_at_once_earns_nothing(product: Product, anna: Player) -> None:
    """Measure the time of an action from the later of its issue and the previous completion."""
    actions = [anna.issue("quick-match") for _ in range(3)]
    eventually(lambda: _older_than(product, actions[-1], 3.2))
    assert anna.complete(actions[0]).status == 200
    assert {anna.complete(action).refusal for action in actions[1:]} == {(409, "too_soon")}
    assert anna.me()["score"] == 10
    assert _cases_of(product, anna) == [], "tabs and tunnels do the same"


def _older_than(product: Product, action: dict[str, Any], seconds: float) -> bool:
    age = product.query_value("SELECT extract(epoch FROM clock_timestamp() - %s::timestamptz)", action["issued_at"])
    return bool(age > seconds)


def test_a_burst_is_flagged_then_held_and_never_refused(product: Product, anna: Player, api: Api) -> None:
    slug = f"burst-{anna.username}"
    options = ("--points", "1", "--burst", "12")  # in 3 s, which a busy machine reaches too
    assert product.flask("actions", "add", slug, *options).returncode == 0
    assert [anna.complete(anna.issue(slug)).status for _ in range(40)] == [200] * 40
    assert (anna.me()["score"], anna.me()["status"]) == (40, "active")
    public = api.get(f"/leaderboard/users/{anna.user_id}").data
    assert 10 <= public["score"] < 40, "ten at once may be a line that stalled; what follows is held"
    (case,) = _cases_of(product, anna)
    assert case["rules"] == ["frequency"]
    assert product.flask("anticheat", "clear", case["case_id"], "--reason", "a child").returncode == 0
    eventually(lambda: api.get(f"/leaderboard/users/{anna.user_id}").data["score"] == 40)


def test_a_suspended_player_may_sign_in_look_at_themselves_and_sign_out(
    product: Product, api: Api, anna: Player
) -> None:
    anna.score_once()
    action = anna.issue()
    assert product.flask("users", "suspend", anna.username, "--yes").returncode == 0
    assert anna.me()["status"] == "suspended"
    assert anna.me()["rank"] is None
    again = api.login(anna.username)
    assert again.signed_in["user"]["user_id"] == anna.user_id
    assert again.me()["status"] == "suspended"
    for refused in (
        again.post("/actions", {"action_type": "tap"}),
        again.complete(action),
        again.get(f"/actions/{action['action_id']}"),
        again.get("/leaderboard/me"),
    ):
        assert refused.refusal == (403, "account_suspended")
    assert again.post("/auth/logout").status == 204


def test_a_suspended_player_is_off_the_board_until_reinstated(
    product: Product, api: Api, anna: Player, ben: Player, extra_type: Callable[..., str]
) -> None:
    anna.score_once(extra_type(points=990_000_002))
    ben.score_once(extra_type(points=990_000_001))
    before = ben.me()["rank"]

    def top() -> list[str]:
        return [row["user_id"] for row in api.get("/leaderboard/top").data]

    eventually(lambda: anna.user_id in top())
    assert product.flask("users", "suspend", anna.username, "--yes").returncode == 0
    eventually(lambda: anna.user_id not in top())
    eventually(lambda: ben.me()["rank"] == before - 1)
    assert product.flask("users", "reinstate", anna.username).returncode == 0
    eventually(lambda: anna.user_id in top())
    eventually(lambda: ben.me()["rank"] == before)
    assert anna.me()["status"] == "active"
    assert anna.score_once()["score"]["current"] == 990_000_003


def test_suspension_comes_before_the_rate_limit_and_the_body(product: Product, anna: Player) -> None:
    product.flask("users", "suspend", anna.username, "--yes")
    assert anna.post("/actions", raw=b"{").refusal == (403, "account_suspended")


def test_whoever_forges_tokens_again_and_again_is_suspended_and_the_true_token_still_works_before(
    product: Product, anna: Player
) -> None:
    action = anna.issue("tap")
    body, _, signature = action["token"].rpartition(".")
    forged = {**action, "token": f"{body}.{signature[::-1]}"}
    refused = [anna.complete(forged).refusal for _ in range(12)]
    assert anna.complete(action).status == 200, "a dozen forged tokens spoil nothing"
    assert _cases_of(product, anna) == []
    while len(refused) < 55 and anna.me()["status"] == "active":
        refused.append(anna.complete(forged).refusal)
    assert set(refused) <= {(401, "invalid_signature"), (403, "account_suspended")}
    assert anna.me()["status"] == "suspended"
    (case,) = _cases_of(product, anna)
    assert case["rules"] == ["forgery"]


def test_a_used_token_may_come_again_but_not_again_and_again(product: Product, anna: Player) -> None:
    action = anna.issue("tap")
    assert anna.complete(action, key="mine").status == 200
    assert {anna.complete(action, key="mine").status for _ in range(5)} == {200}, "a retry with its key is no replay"
    once = anna.issue("tap")
    assert anna.complete(once).status == 200
    replays = [anna.complete(once).refusal for _ in range(15)]
    assert _cases_of(product, anna) == []
    replays += [anna.complete(once).refusal for _ in range(25)]
    assert set(replays) == {(403, "token_already_used")}
    (case,) = _cases_of(product, anna)
    assert case["rules"] == ["replay"]
    assert anna.me()["status"] == "active"
