"""/admin/players: passwords, reset tokens, sign-outs, exports and erasures by operators."""

from __future__ import annotations

import pytest

from tests.integration.boards.test_scorings import redeem
from tests.integration.http.contents import contents
from tests.integration.http.keyed import PASSWORD, GameServer, game

__all__ = ["game"]  # a fixture

NEW = "another good passphrase"


@pytest.fixture
def admin(game: GameServer) -> str:
    """Return a key with the scope `admin`."""
    return game.key("admin").text


def _register(game: GameServer, name: str) -> tuple[str, str]:
    """Return the id and an access token of a new player with a password."""
    data = game.call("POST", "/auth/register", {"username": name, "password": PASSWORD}).data
    return data["user"]["user_id"], data["access_token"]


def _sign_in(game: GameServer, name: str, password: str) -> int:
    return game.call("POST", "/auth/login", {"username": name, "password": password}).status


def test_an_operator_sets_a_password_and_every_login_ends(game: GameServer, admin: str) -> None:
    player, token = _register(game, "Anna")
    assert game.call("POST", f"/admin/players/{player}/password", {"password": NEW}, key=admin).status == 204
    assert game.call("GET", "/me", key=token).status == 401
    assert (_sign_in(game, "Anna", PASSWORD), _sign_in(game, "Anna", NEW)) == (401, 200)
    weak = game.call("POST", f"/admin/players/{player}/password", {"password": "password"}, key=admin)
    assert (weak.refusal, [row["field"] for row in weak.details]) == ((422, "invalid_request"), ["password"])


def test_a_reset_token_sets_a_password_once(game: GameServer, admin: str) -> None:
    player, _ = _register(game, "Anna")
    made = game.call("POST", f"/admin/players/{player}/reset-link", {"seconds": 60}, key=admin)
    assert made.status == 201
    body = {"token": made.data["token"], "password": NEW}
    assert [game.call("POST", "/auth/reset", body).status for _ in range(2)] == [204, 401]
    assert _sign_in(game, "Anna", NEW) == 200
    for seconds in (59, "60", 10**9):
        refused = game.call("POST", f"/admin/players/{player}/reset-link", {"seconds": seconds}, key=admin)
        assert (refused.status, [row["field"] for row in refused.details]) == (422, ["seconds"])


def test_an_operator_signs_a_player_out_and_exports_and_erases_them(game: GameServer, admin: str) -> None:
    ids = {name: game.add_player(name) for name in ("Ben", "Carl")}
    for name, points in (("Ben", 20), ("Carl", 10)):
        redeem(game.container, ids[name], points)
    player, token = _register(game, "Anna")
    assert game.call("POST", f"/admin/players/{player}/sign-out", {}, key=admin).data["logins"] == 1
    assert game.call("GET", "/me", key=token).status == 401
    exported = game.call("GET", f"/admin/players/{ids['Ben']}/export", key=admin)
    assert [event["result"] for event in exported.data["score_events"]] == [20]
    path, before = f"/admin/players/{ids['Ben']}/erase", contents(game.container)
    trial = game.call("POST", path, {"dry_run": True}, key=admin).data
    moves = {move["username"]: (move["rank_before"], move["rank_after"]) for move in trial["moves"]}
    assert (moves, contents(game.container)) == ({"Ben": (1, None), "Carl": (2, 1)}, before)
    assert game.call("POST", path, {}, key=admin).data["erased"] is True
    assert game.call("POST", path, {}, key=admin).refusal == (404, "not_found")
    assert [row["username"] for row in game.call("GET", "/leaderboard/top").data] == ["Carl"]
