"""API keys over HTTP: who may do what, at once on every process, whatever Redis forgets."""

from __future__ import annotations

import pytest

from app.containers.container import Container
from app.domain.api_keys import Scope, new_key
from tests.integration.boards.test_scorings import add_board
from tests.integration.http.keyed import GameServer, close, game, start

__all__ = ["game"]  # a fixture

UNAUTHORIZED = (401, "unauthorized")
FORBIDDEN = (403, "forbidden")


def test_a_missing_scope_is_named_to_keys_and_players_and_nobody_else_gets_so_far(game: GameServer) -> None:
    good, weak = game.key("admin"), game.key("players", "score", "read")
    assert game.call("GET", "/admin/audit", key=good.text).status == 200
    for path, scope in (("/admin/audit", "admin"), ("/admin/keys", "admin"), ("/admin/cases", "moderate")):
        answer = game.call("GET", path, key=weak.text)
        assert (answer.refusal, answer.details) == (FORBIDDEN, {"scope": scope})
    unknown, other_secret = new_key("0" * 12), new_key(good.key.public_id)
    for text in (unknown, other_secret, good.text[:-1], "fbk_", f"{good.text}0"):
        answer = game.call("GET", "/admin/audit", key=text)
        assert answer.refusal == UNAUTHORIZED
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    for path in ("/me", "/actions"):
        assert game.call("GET" if path == "/me" else "POST", path, key=good.text).refusal == UNAUTHORIZED


def test_cases_and_their_decisions_need_no_more_than_moderate_and_the_audit_log_names_the_key(game: GameServer) -> None:
    key, player_id = game.key("moderate"), game.add_player("mallory")
    (row,) = game.container.database.rows(
        "INSERT INTO cases (id, player_id, starts_at) VALUES (gen_random_uuid(), :player, now()) RETURNING id",
        player=player_id,
    )
    assert [case["case_id"] for case in game.call("GET", "/admin/cases", key=key.text).data] == [str(row.id)]
    body = {"decision": "cleared", "reason": "fair play"}
    assert game.call("POST", f"/admin/cases/{row.id}/decision", body, key=key.text).status == 200
    assert game.audited("case.cleared") == [(f"key:{key.key.id}", f"case:{row.id}")]
    for path in ("/admin/audit", "/admin/analytics", "/admin/keys"):
        assert game.call("GET", path, key=key.text).details == {"scope": "admin"}


@pytest.mark.parametrize("is_lost", [False, True], ids=["Redis has copies", "Redis has lost them"])
def test_a_revoked_key_ends_at_once_on_every_process(game: GameServer, *, is_lost: bool) -> None:
    other, key = start(game.container), game.key("admin")
    try:
        for server in (game, other):
            assert server.call("GET", "/admin/keys", key=key.text).status == 200
        assert game.container.api_keys.revoke(key.key.id, by="cli:tests", request_id="r")
        if is_lost:
            game.container.redis.flushdb()
        for server in (game, other, game):
            assert server.call("GET", "/admin/keys", key=key.text).refusal == UNAUTHORIZED
    finally:
        close(other)
    assert not game.container.api_keys.revoke(key.key.id, by="cli:tests", request_id="r")
    assert len(game.audited("key.revoked")) == 1


def test_a_key_works_after_redis_has_lost_everything(game: GameServer) -> None:
    key = game.key("admin")
    for _ in range(2):
        assert game.call("GET", "/admin/keys", key=key.text).status == 200
        game.container.redis.flushdb()


def test_neither_a_slow_reader_nor_a_missed_message_revives_a_revoked_key(game: GameServer) -> None:
    key = game.key("admin")
    assert game.call("GET", "/admin/keys", key=key.text).status == 200
    name = f"apikey:{{{key.key.public_id}}}"
    stale = game.container.redis.get(name)
    game.container.api_keys.revoke(key.key.id, by="cli:tests", request_id="r")
    revoked = game.container.redis.get(name)
    game.container.scripts.run("fill_key", [name], [300, stale])  # what it read before the revocation
    assert game.container.redis.get(name) == revoked
    game.container.redis.set(name, stale, ex=300)  # as if Redis had been away meanwhile
    assert game.call("GET", "/admin/keys", key=key.text).status == 200
    game.container.api_keys.resend_changes()
    assert game.call("GET", "/admin/keys", key=key.text).refusal == UNAUTHORIZED
    assert 0 < game.container.redis.ttl(name) <= 300


@pytest.mark.parametrize("value", ["nonsense", "{}", '{"key":1}'])
def test_a_value_of_another_program_is_no_copy(game: GameServer, value: str) -> None:
    key = game.key("admin")
    game.container.redis.set(f"apikey:{{{key.key.public_id}}}", value)
    for _ in range(2):
        assert game.call("GET", "/admin/keys", key=key.text).status == 200


def test_a_rotated_secret_ends_at_once_or_after_its_grace(game: GameServer) -> None:
    key = game.key("admin")
    path = f"/admin/keys/{key.key.id}/rotate"
    second = game.call("POST", path, key=key.text).data["key"]
    assert game.call("GET", "/admin/keys", key=key.text).refusal == UNAUTHORIZED
    rotated = game.call("POST", path, {"grace_seconds": 60}, key=second).data
    third = rotated["key"]
    assert rotated["previous_until"] is not None
    for text in (second, third):
        assert game.call("GET", "/admin/keys", key=text).status == 200
    statement = "UPDATE api_keys SET previous_until = now() RETURNING id"
    game.container.database.rows(statement)
    game.container.redis.flushdb()
    assert game.call("GET", "/admin/keys", key=second).refusal == UNAUTHORIZED
    assert game.call("GET", "/admin/keys", key=third).status == 200
    assert [actor for actor, _ in game.audited("key.rotated")] == [f"key:{key.key.id}"] * 2
    game.container.api_keys.revoke(key.key.id, by="cli:tests", request_id="r")
    admin = game.key("admin", name="another")
    assert game.call("POST", path, key=admin.text).refusal == (409, "conflict")


def test_an_admin_makes_lists_and_revokes_keys_and_sees_a_secret_once(
    game: GameServer, capfd: pytest.CaptureFixture[str]
) -> None:
    token = game.token("admin")
    body = {"name": "game-server", "scopes": ["score", "players"], "per_minute": 100}
    created = game.call("POST", "/admin/keys", body, key=token)
    assert created.status == 201
    text = created.data.pop("key")
    (listed,) = game.call("GET", "/admin/keys", key=token).data
    assert listed == created.data
    assert (listed["prefix"], listed["scopes"]) == (text[:16], ["players", "score"])
    assert (listed["per_minute"], listed["last_used_at"], listed["revoked_at"]) == (100, None, None)
    assert game.call("POST", "/leaderboard/lookup", {"user_ids": [str(game.add_player("q"))]}, key=text).status == 200
    assert game.call("POST", "/admin/keys", body, key=token).fields == {"name"}
    assert game.call("DELETE", f"/admin/keys/{listed['id']}", key=token).status == 204
    assert game.call("DELETE", f"/admin/keys/{listed['id']}", key=token).status == 204
    assert game.call("DELETE", f"/admin/keys/{game.add_player('p')}", key=token).status == 404
    (revoked,) = game.call("GET", "/admin/keys", key=token).data
    assert revoked["revoked_at"] is not None
    assert revoked["last_used_at"] is not None
    assert game.call("POST", "/admin/keys", body, key=token).status == 201
    (row,) = game.container.database.rows("SELECT api_keys::text AS text FROM api_keys WHERE revoked_at IS NOT NULL")
    secret, log = text.rpartition("_")[2], capfd.readouterr().err
    assert secret not in row.text + log
    assert f"api_key={text[:16]}" in log, "the prefix names the key of a request in the log"
    assert len(game.audited("key.created")) == 2
    assert len(game.audited("key.revoked")) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scopes": ["read"]}, "name"),
        ({"name": "", "scopes": ["read"]}, "name"),
        ({"name": "k", "scopes": []}, "scopes"),
        ({"name": "k", "scopes": ["root"]}, "scopes.0"),
        ({"name": "k", "scopes": ["read"], "per_minute": 0}, "per_minute"),
        ({"name": "k", "scopes": ["read"], "role": "admin"}, "role"),
    ],
)
def test_a_key_that_makes_no_sense_is_named(game: GameServer, body: dict[str, object], field: str) -> None:
    assert game.call("POST", "/admin/keys", body, key=game.key("admin").text).fields == {field}


def test_a_key_has_a_limit_of_its_own_instead_of_its_addresses(container: Container) -> None:
    server = start(container, rate_limit_reads="3/minute", rate_limit_keys="5/minute")
    try:
        common, own = server.key("admin"), server.key("admin", per_minute=2)
        for key, limit in ((common, 5), (own, 2)):
            assert [server.call("GET", "/boards", key=key.text).status for _ in range(limit)] == [200] * limit
            for path in ("/boards", "/leaderboard/top", "/admin/keys"):
                answer = server.call("GET", path, key=key.text)
                assert (answer.refusal, answer.headers["RateLimit-Limit"]) == ((429, "rate_limited"), str(limit))
        assert server.call("GET", "/boards").status == 200, "the address has used nothing but three lookups"
        statuses = [server.call("GET", "/admin/keys", key=new_key("0" * 12)).status for _ in range(3)]
        assert statuses == [401, 429, 429], "an address asks for few unknown keys"
        for _ in range(2):
            server.call("GET", "/boards")
        revoked = server.call("GET", "/boards", key=own.text[:-1])
        assert revoked.status == 429, "without a valid key the address counts"
    finally:
        close(server)


@pytest.mark.parametrize(("scope", "status"), [("read", 200), ("admin", 404), ("score", 404)])
def test_a_board_that_is_not_public_is_for_keys_with_read(game: GameServer, scope: Scope, status: int) -> None:
    add_board(game.container, "staff")
    game.container.database.rows("UPDATE boards SET public = false WHERE slug = 'staff' RETURNING id")
    key = game.key(scope).text
    for path in ("/boards/staff", "/boards/staff/seasons", "/leaderboard/top?board=staff"):
        assert game.call("GET", path, key=key).status == status
    names = [board["slug"] for board in game.call("GET", "/boards", key=key).data]
    assert names == (["main", "staff"] if status == 200 else ["main"])
