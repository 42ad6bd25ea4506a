"""Players of a game's own over HTTP: created, changed, named and signed in by the game's server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest

from app.errors import InvalidCredentials
from app.services.accounts.player_changes import PlayerChange
from tests.integration.boards.test_scorings import redeem
from tests.integration.boards.test_seasons import deliver
from tests.integration.http.keyed import GameServer, Reply, close, game, start
from tests.parts.waiting import eventually

__all__ = ["game"]  # a fixture

FORBIDDEN = (403, "forbidden")


def put(game: GameServer, key: str, external_id: str, **fields: object) -> Reply:
    return game.call("POST", "/players", {"external_id": external_id, **fields}, key=key)


def test_a_player_is_created_once_and_then_changed(game: GameServer) -> None:
    key = game.key("players").text
    first = put(game, key, "u/1 é%2F", username="Anna", attributes={"country": "JP", "clan": "red"})
    assert (first.status, first.headers["Location"]) == (201, f"/api/v1/players/{first.data['user_id']}")
    assert (first.data["username"], first.data["attributes"]) == ("Anna", {"clan": "red", "country": "JP"})
    assert put(game, key, "u/1 é%2F").data == first.data
    changed = put(game, key, "u/1 é%2F", username="anna!", attributes={"country": "BR", "clan": None})
    assert (changed.status, changed.data["user_id"]) == (200, first.data["user_id"])
    assert (changed.data["username"], changed.data["attributes"]) == ("anna!", {"country": "BR"})
    assert put(game, key, "u/2", username="Anna!").refusal == (409, "username_taken")
    assert put(game, key, "u/2", username="Anna").status == 201, "the name of before is free"
    assert put(game, key, "u/2", username="\u0410nna!").refusal == (409, "username_taken"), "it looks like another"
    assert put(game, key, "u/2", username="Moderator").refusal == (409, "username_taken")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"external_id": ""}, "external_id"),
        ({"external_id": "x" * 256}, "external_id"),
        ({"external_id": "a\n"}, "external_id"),
        ({"external_id": 7}, "external_id"),
        ({"username": "x"}, "username"),
        ({"username": None}, "username"),
        ({"role": "admin"}, "role"),
        ({"attributes": {f"a{number}": "x" for number in range(17)}}, "attributes"),
        ({"attributes": {"country": "x" * 65}}, "attributes.country"),
        ({"attributes": {"country": 5}}, "attributes.country"),
        ({"attributes": {"1": "x"}}, "attributes.1"),
    ],
)
def test_a_player_that_makes_no_sense_is_named(game: GameServer, fields: dict[str, object], field: str) -> None:
    body = {"external_id": "u1", "username": "anna", **fields}
    assert game.call("POST", "/players", body, key=game.key("players").text).fields == {field}


def test_an_attribute_too_many_changes_nothing(game: GameServer) -> None:
    key = game.key("players").text
    before = put(game, key, "u1", username="anna", attributes={f"a{number}": "x" * 64 for number in range(16)})
    assert before.status == 201
    assert put(game, key, "u1", username="other", attributes={"one-more": "x"}).fields == {"attributes"}
    assert put(game, key, "u1").data == before.data


def test_calls_at_once_create_one_player(game: GameServer) -> None:
    key = game.key("players").text
    servers = [start(game.container) for _ in range(4)]
    try:
        with ThreadPoolExecutor(4) as pool:
            replies = list(pool.map(lambda server: put(server, key, "u1", username="anna"), servers))
    finally:
        for server in servers:
            close(server)
    assert sorted(reply.status for reply in replies) == [200, 200, 200, 201]
    assert len({reply.data["user_id"] for reply in replies}) == 1


def test_a_new_name_and_a_new_segment_are_on_the_boards(game: GameServer) -> None:
    key = game.key("players").text
    game.container.database.rows("UPDATE boards SET segments = '{country}' RETURNING id")
    player_id = UUID(put(game, key, "u1", username="anna").data["user_id"])
    redeem(game.container, player_id, 5)
    game.container.board_sync.rebuild(game.container.standings.season("main"))
    assert [row["username"] for row in game.call("GET", "/leaderboard/top").data] == ["anna"]
    put(game, key, "u1", username="berta", attributes={"country": "JP"})
    deliver(game.container)
    other = start(game.container)
    try:
        for path in ("/leaderboard/top", "/leaderboard/top?segment=country:JP"):
            eventually(lambda path=path: other.call("GET", path).data[0]["username"] == "berta")  # type: ignore[misc]
    finally:
        close(other)


def test_a_key_names_a_player_by_the_games_own_id_wherever_it_names_one(game: GameServer) -> None:
    key, external_id = game.key("players").text, "a/b//c?é%20/tokens"
    player_id = put(game, key, external_id, username="anna").data["user_id"]
    redeem(game.container, UUID(player_id), 5)
    game.container.board_sync.rebuild(game.container.standings.season("main"))
    name = f"ext:{external_id}"
    path = quote(name, safe="")
    assert game.call("POST", f"/players/{path}/tokens", key=key).data["user"]["user_id"] == player_id
    for read, field in (("/players/{}", "user_id"), ("/leaderboard/users/{}", "user_id")):
        assert game.call("GET", read.format(path), key=key).data[field] == player_id
        assert game.call("GET", read.format(path)).refusal == (404, "not_found"), "without a key it is no name"
    assert len(game.call("GET", f"/players/{path}/history", key=key).data) == 1
    assert game.call("GET", f"/leaderboard/around?user_id={path}", key=key).data["rank"] == 1
    assert game.call("GET", f"/leaderboard/around?user_id={path}").status == 404
    body = {"user_ids": [name, "ext:nobody", str(uuid4())]}
    rows = game.call("POST", "/leaderboard/lookup", body, key=key).data
    assert [row["user_id"] for row in rows] == [player_id]
    assert game.call("POST", "/leaderboard/lookup", body).data == []
    for unknown in ("ext:nobody", str(uuid4()), "nobody"):
        assert game.call("POST", f"/players/{quote(unknown)}/tokens", key=key).refusal == (404, "not_found")


def test_tokens_are_those_of_a_sign_in_and_never_an_admins(game: GameServer) -> None:
    key, other = game.key("players").text, game.key("score", "admin").text
    player_id = put(game, key, "u1", username="anna").data["user_id"]
    refused = game.call("POST", f"/players/{player_id}/tokens", {"x": 1}, key=key)
    assert (refused.refusal, refused.fields) == ((422, "invalid_request"), {"x"})
    answer = game.call("POST", f"/players/{player_id}/tokens", {}, key=key).data
    assert set(answer) == {"user", "access_token", "refresh_token", "token_type", "expires_in"}
    assert game.call("GET", "/me", key=answer["access_token"]).data["username"] == "anna"
    assert game.container.database.rows("SELECT FROM sightings") == [], "the game's server is not where the player is"
    assert game.call("POST", "/auth/refresh", key=answer["refresh_token"]).status == 200
    refused = game.call("POST", f"/players/{player_id}/tokens", key=other)
    assert (refused.refusal, refused.details) == (FORBIDDEN, {"scope": "players"})
    game.container.player_changes.change(UUID(player_id), PlayerChange(role="admin"), by="cli:tests", request_id="r")
    for name in (player_id, "ext:u1"):
        assert game.call("POST", f"/players/{name}/tokens", key=key).refusal == FORBIDDEN
    assert put(game, key, "u1", username="berta").refusal == FORBIDDEN


@pytest.mark.parametrize("password", ["", "!", "correct horse battery"])
def test_a_player_without_a_password_signs_in_with_none(game: GameServer, password: str) -> None:
    put(game, game.key("players").text, "u1", username="anna")
    with pytest.raises(InvalidCredentials):
        game.container.accounts.login("anna", password)
