"""An admin's acts that workers finish, on the running product."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.parts.client import Api, Player, fresh_name
from tests.parts.product import Product
from tests.parts.waiting import eventually


@pytest.fixture
def admin(product: Product, api: Api) -> Player:
    """Register an admin."""
    player = api.register()
    assert product.flask("users", "set-role", player.username, "admin").returncode == 0
    return player


def test_a_board_over_the_past_is_filled_by_a_worker(
    api: Api, admin: Player, anna: Player, extra_type: Callable[..., str]
) -> None:
    slug, action_type = fresh_name("past").lower(), extra_type(points=70, own=True)
    anna.score_once(action_type)
    body = {"slug": slug, "action_types": [action_type], "public": False}
    assert admin.post("/admin/boards", body).refusal == (409, "rebuild_required")
    begun = admin.post("/admin/boards", {**body, "rebuild": True})
    assert begun.status == 202
    replay = begun.headers["Location"].removeprefix("/api/v1")
    eventually(lambda: admin.get(replay).data["state"] == "done", within=60)
    (row,) = admin.get(f"/leaderboard/top?board={slug}").data
    assert (row["user_id"], row["score"]) == (anna.user_id, 70)
    assert admin.post(f"/admin/boards/{slug}/archive", {}).status == 200


def test_a_suspension_and_a_new_name_are_seen_at_once(api: Api, admin: Player, anna: Player) -> None:
    anna.score_once()
    path, name = f"/admin/players/{anna.user_id}", fresh_name("nova")
    assert api.call("PATCH", path, {"username": name}, token=admin.access_token).status == 200
    eventually(lambda: api.get(f"/leaderboard/users/{anna.user_id}").data["username"] == name)
    assert admin.post(f"{path}/suspend", {"reason": "a test"}).data["status"] == "suspended"
    assert anna.post("/actions", {"action_type": "tap"}).refusal == (403, "account_suspended")
    assert admin.post(f"{path}/reinstate", {}).data["status"] == "active"
    assert anna.post("/actions", {"action_type": "tap"}).status == 201
