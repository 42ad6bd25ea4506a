"""Honest clients of unusual kinds over HTTP: none is refused for good, and none is suspended."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import uuid4

from tests.parts.client import Answer, Player
from tests.parts.product import Product
from tests.parts.waiting import eventually


def _rules_of(product: Product, player: Player) -> list[str]:
    return [
        rule
        for case in product.run_json("anticheat", "cases")
        if case["username"] == player.username
        for rule in case["rules"]
    ]


def _wait_until_done(product: Product, action: dict[str, Any], seconds: float) -> None:
    age = "SELECT extract(epoch FROM clock_timestamp() - %s::timestamptz)"
    eventually(lambda: product.query_value(age, action["issued_at"]) > seconds)


def _redeem(player: Player, action: dict[str, Any], key: str) -> Answer | None:
    """Return the answer, or None for one that asks for a later try."""
    answer = player.complete(action, key=key)
    if answer.code != "too_soon":
        return answer
    details = answer.body["error"]["details"]
    assert 1 <= int(answer.headers["Retry-After"]) == details["retry_after"] <= 3
    assert 0 < details["wait_ms"] <= 3000
    assert player.state_of(action) == "active"
    return None


def test_two_tabs_and_a_tunnel_score_everything_a_little_later(product: Product, anna: Player) -> None:
    """Complete three actions that were started together, as often as the server asks for it."""
    actions = [anna.issue("quick-match") for _ in range(3)]
    _wait_until_done(product, actions[-1], 3.1)
    scored = []
    for action in actions:
        key = str(uuid4())
        answer = eventually(partial(_redeem, anna, action, key))
        assert "Idempotency-Replayed" not in answer.headers
        scored.append(answer.data["points"])
        assert anna.complete(action, key=key).headers["Idempotency-Replayed"] == "true"
    assert len(scored) == 3
    assert anna.me()["score"] == sum(scored)
    assert _rules_of(product, anna) == []


def test_parallel_actions_overlap_as_declared(product: Product, anna: Player) -> None:
    slug = f"oven-{uuid4().hex[:8]}"
    options = ("--points", "7", "--min-seconds", "2", "--parallel", "2")
    assert product.flask("actions", "add", slug, *options).returncode == 0
    actions = [anna.issue(slug) for _ in range(3)]
    _wait_until_done(product, actions[-1], 2.1)
    assert [anna.complete(action).code for action in actions] == [None, None, "too_soon"]
    assert _rules_of(product, anna) == []


def test_a_rhythm_that_the_client_sets_is_no_evidence(product: Product, anna: Player, ben: Player) -> None:
    """Send answers at the same distance; only the type whose pace a player sets may take note of that."""
    slugs = {cadence: f"{cadence}-{uuid4().hex[:8]}" for cadence in ("client", "player")}
    for cadence, slug in slugs.items():
        limits = ("--min-seconds", "0.02", "--burst", "51", "--steadiest-hand", "1")
        options = ("--points", "1", "--cadence", cadence, *limits)
        assert product.flask("actions", "add", slug, *options).returncode == 0
    for player, cadence in ((anna, "client"), (ben, "player")):
        answers = [player.complete(player.issue(slugs[cadence])) for _ in range(30)]
        assert {answer.status for answer in answers} == {200}
    assert _rules_of(product, anna) == []
    assert _rules_of(product, ben) == ["pattern"]


def test_a_statistic_opens_a_case_and_never_refuses(product: Product, anna: Player, ben: Player) -> None:
    slug = f"quiz-{uuid4().hex[:8]}"
    assert (
        product.flask("actions", "add", slug, "--points", "1", "--min-seconds", "9", "--min-is-statistic").returncode
        == 0
    )
    assert {anna.complete(anna.issue(slug)).status for _ in range(5)} == {200}
    assert _rules_of(product, anna) == ["timing"]
    assert anna.me()["status"] == "active"
    assert product.flask("actions", "change", slug, "--min-is-fact").returncode == 0
    assert ben.complete(ben.issue(slug)).refusal == (403, "suspicious_activity")
