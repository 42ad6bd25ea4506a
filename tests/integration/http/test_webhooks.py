"""/admin/webhooks: creating, changing, rotating, testing, deleting, replaying, and every refusal."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from app.domain.webhooks import MOST_WEBHOOKS
from tests.integration.http.keyed import GameServer, game

__all__ = ["game"]  # a fixture

HOOKS = "/admin/webhooks"
URL = "https://1.1.1.1/secret-path"  # no test sends anything to it
INVALID, MISSING = (422, "invalid_request"), (404, "not_found")


@pytest.fixture
def admin(game: GameServer) -> str:
    """Return a key with the scope `admin`."""
    return game.key("admin").text


def test_the_life_of_a_webhook(game: GameServer, admin: str) -> None:
    body = {"url": URL, "events": ["record.set", "score.counted"], "boards": ["main"]}
    created = game.call("POST", HOOKS, body, key=admin)
    webhook = created.data
    path = f"{HOOKS}/{webhook['id']}"
    assert (created.status, created.headers["Location"]) == (201, f"/api/v1{path}")
    secret = webhook.pop("secret")
    assert secret.startswith("whsec_")
    assert webhook["events"] == ["score.counted", "record.set"]
    assert game.call("GET", HOOKS, key=admin).data == [webhook]
    assert game.call("GET", path, key=admin).data == webhook
    changed = game.call("PATCH", path, {"boards": [], "events": ["case.opened"]}, key=admin).data
    assert changed == {**webhook, "boards": [], "events": ["case.opened"]}
    rotated = game.call("POST", f"{path}/rotate", key=admin).data
    assert rotated["secret"] != secret
    assert rotated["previous_until"] is not None
    assert game.call("POST", f"{path}/rotate", {"grace_seconds": 0}, key=admin).data["previous_until"] is None
    sent = game.call("POST", f"{path}/test", key=admin)
    assert sent.status == 202
    (delivery,) = game.call("GET", f"{path}/deliveries?state=waiting&limit=1", key=admin).data
    assert (delivery["event_id"], delivery["type"]) == (sent.data["event_id"], "webhook.test")
    assert delivery["payload"]["data"] == {"webhook_id": webhook["id"]}
    assert (delivery["state"], delivery["attempts"]) == ("waiting", [])
    again = game.call("POST", f"{path}/deliveries/{delivery['id']}/replay", {}, key=admin)
    assert (again.status, again.data["id"]) == (202, delivery["id"])
    assert game.call("POST", f"{path}/replay-failed", key=admin).data == {"replayed": 0}
    assert game.call("PATCH", path, {"enabled": False}, key=admin).data["enabled"] is False
    assert game.call("POST", f"{path}/test", key=admin).refusal == (409, "conflict")
    assert game.call("DELETE", path, key=admin).status == 204
    for method, end in (("GET", ""), ("DELETE", ""), ("POST", "/test"), ("POST", "/rotate"), ("GET", "/deliveries")):
        assert game.call(method, f"{path}{end}", key=admin).refusal == MISSING, end
    assert game.call("PATCH", path, {"enabled": True}, key=admin).refusal == MISSING
    assert game.call("GET", HOOKS, key=admin).data == []


def test_the_audit_log_has_each_act_and_neither_secrets_nor_paths(game: GameServer, admin: str) -> None:
    webhook = game.call("POST", HOOKS, {"url": URL, "events": ["case.opened"]}, key=admin).data
    path = f"{HOOKS}/{webhook['id']}"
    rotated = game.call("POST", f"{path}/rotate", key=admin).data
    game.call("PATCH", path, {"url": f"{URL}2"}, key=admin)
    game.call("POST", f"{path}/test", key=admin)
    game.call("POST", f"{path}/replay-failed", key=admin)
    game.call("DELETE", path, key=admin)
    rows = [row for row in reversed(game.container.audit.page(limit=20)) if row.act.startswith("webhook.")]
    acts = [row.act.removeprefix("webhook.") for row in rows]
    assert acts == ["created", "rotated", "changed", "tested", "replayed", "deleted"]
    assert {(row.actor.split(":")[0], row.subject) for row in rows} == {("key", f"webhook:{webhook['id']}")}
    text = "".join(row.details for row in rows)
    assert json.loads(rows[0].details)["receiver"] == "https://1.1.1.1"
    for secret in (webhook["secret"], rotated["secret"], "secret-path"):
        assert secret not in text


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": "http://1.1.1.1/"}, "url"),
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": "https://169.254.169.254/latest"}, "url"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "url"),
        ({"url": "https://localhost/"}, "url"),
        ({"url": "https://2130706433/"}, "url"),
        ({"url": "https://nothing.invalid/"}, "url"),
        ({"url": "not a url"}, "url"),
        ({"url": 5}, "url"),
        ({"url": None}, "url"),
        ({"events": []}, "events"),
        ({"events": ["score.counted", "webhook.test"]}, "events"),
        ({"events": "score.counted"}, "events"),
        ({"boards": ["nothing"]}, "boards"),
        ({"boards": [5]}, "boards.0"),
        ({"secret": "whsec_mine"}, "secret"),
    ],
)
def test_bad_fields_are_refused_at_creation_and_at_a_change(
    game: GameServer, admin: str, change: dict[str, object], field: str
) -> None:
    good: dict[str, object] = {"url": URL, "events": ["case.opened"]}
    refused = game.call("POST", HOOKS, {**good, **change}, key=admin)
    assert (refused.refusal, refused.fields) == (INVALID, {field})
    assert game.call("GET", HOOKS, key=admin).data == []
    path = f"{HOOKS}/{game.call('POST', HOOKS, good, key=admin).data['id']}"
    refused = game.call("PATCH", path, change, key=admin)
    assert (refused.refusal, refused.fields) == (INVALID, {field})
    assert game.call("GET", path, key=admin).data["url"] == URL


def test_other_refusals(game: GameServer, admin: str) -> None:
    assert game.call("POST", HOOKS, {}, key=admin).fields == {"url", "events"}
    webhook = game.call("POST", HOOKS, {"url": URL, "events": ["case.opened"]}, key=admin).data
    path = f"{HOOKS}/{webhook['id']}"
    assert game.call("PATCH", path, {}, key=admin).fields == {"body"}
    assert game.call("POST", f"{path}/rotate", {"grace_seconds": 604_801}, key=admin).fields == {"grace_seconds"}
    for query, field in (("state=lost", "state"), ("limit=101", "limit"), ("after=x", "after"), ("page=2", "page")):
        assert game.call("GET", f"{path}/deliveries?{query}", key=admin).fields == {field}
    assert game.call("POST", f"{path}/deliveries/{uuid4()}/replay", key=admin).refusal == MISSING
    assert game.call("GET", f"{HOOKS}/nonsense", key=admin).refusal == MISSING
    for _ in range(MOST_WEBHOOKS - 1):
        game.call("POST", HOOKS, {"url": URL, "events": ["case.opened"]}, key=admin).data  # noqa: B018 - it is asserted
    refused = game.call("POST", HOOKS, {"url": URL, "events": ["case.opened"]}, key=admin)
    assert refused.refusal == (409, "conflict")


def test_only_the_scope_admin_will_do(game: GameServer) -> None:
    others = game.key("players", "score", "read", "moderate").text
    path = f"{HOOKS}/{uuid4()}"
    calls = [("GET", HOOKS), ("POST", HOOKS), ("GET", path), ("PATCH", path), ("DELETE", path)]
    for method, address in [
        *calls,
        ("GET", f"{path}/deliveries"),
        ("POST", f"{path}/rotate"),
        ("POST", f"{path}/test"),
    ]:
        refused = game.call(method, address, key=others)
        assert (refused.refusal, refused.details) == ((403, "forbidden"), {"scope": "admin"}), address
    assert game.call("GET", HOOKS, key=game.token()).refusal == (403, "forbidden")


def test_deliveries_come_in_pages(game: GameServer, admin: str) -> None:
    webhook = game.call("POST", HOOKS, {"url": URL, "events": ["case.opened"]}, key=admin).data
    path = f"{HOOKS}/{webhook['id']}"
    sent = [game.call("POST", f"{path}/test", key=admin).data["event_id"] for _ in range(5)]
    rows, address = [], f"{path}/deliveries?limit=2"
    while address:
        page = game.call("GET", address, key=admin)
        rows += [row["event_id"] for row in page.data]
        address = page.body.get("links", {}).get("next", "").removeprefix("/api/v1")
    assert rows == sent[::-1]
