"""An external identity provider over HTTP: its tokens are good wherever ours are, and each person is one player."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.domain.guest_names import is_guest_name
from app.services.accounts.provider_keys import ProviderKeys
from tests.integration.http.keyed import PASSWORD, GameServer, Reply, block, close, game, start
from tests.integration.http.test_erasing import tables_with
from tests.integration.http.test_own_account import register
from tests.parts.provider import AUDIENCE, ISSUER, KeyServer, ec_key, ed_key, key_server, key_set, rsa_key, token_of

__all__ = ["game"]  # a fixture

UNAUTHORIZED = (401, "unauthorized")


def start_with(game: GameServer, place: str, **settings: str) -> GameServer:
    """Start a process that accepts the tokens of the provider whose keys are at this place."""
    names = {"identity_issuer": ISSUER, "identity_audience": AUDIENCE, "identity_jwks": place}
    return start(game.container, **names, **settings)


@pytest.fixture
def place(tmp_path: Path) -> str:
    """Return the path of a file with the provider's keys."""
    path = tmp_path / "keys.json"
    path.write_bytes(key_set(rsa_key(), ec_key(), ed_key()))
    return str(path)


@pytest.fixture
def server(game: GameServer, place: str) -> Iterator[GameServer]:
    server = start_with(game, place)
    yield server
    close(server)


@pytest.fixture
def other(game: GameServer, place: str) -> Iterator[GameServer]:
    """Yield a further process."""
    server = start_with(game, place)
    yield server
    close(server)


def me(server: GameServer, token: str) -> Reply:
    return server.call("GET", "/me", key=token)


def count_players(server: GameServer) -> int:
    (row,) = server.container.database.rows("SELECT count(*) AS players FROM players")
    return int(row.players)


@pytest.mark.parametrize("make", [rsa_key, ec_key, ed_key])
def test_a_player_is_created_at_first_sight_and_plays(server: GameServer, make: Any) -> None:
    token = token_of("ada", key=make())
    first = me(server, token).data
    assert (first["username"], first["role"], first["status"], first["score"], first["rank"]) == (
        "Ada", "player", "active", 0, None
    )  # fmt: skip
    assert "guest" not in first
    again = me(server, token_of("ada", key=ed_key(), preferred_username="Other", jti="2")).data
    assert again == first, "the claim proposes a name once"
    opened = server.call("POST", "/actions", {"action_type": "tap"}, key=token).data
    path = f"/actions/{opened['action_id']}"
    assert server.call("GET", path, key=token).data["state"] == "active"
    assert server.call("POST", f"{path}/complete", {"token": "x"}, key=token).refusal == (401, "invalid_token")
    assert server.call("GET", "/leaderboard/me", key=token).data["standing"]["user_id"] == first["user_id"]
    assert server.call("PATCH", "/me", {"username": "Countess"}, key=token).data["username"] == "Countess"
    assert me(server, token_of("ada", jti="3")).data["username"] == "Countess"
    assert count_players(server) == 1


def test_persons_are_told_apart_by_issuer_and_subject(server: GameServer, game: GameServer, place: str) -> None:
    ids = {me(server, token_of(subject)).data["user_id"] for subject in ("ada", "ADA", "ada ")}
    assert len(ids) == 3
    settings = {"identity_issuer": "https://other.example", "identity_audience": AUDIENCE, "identity_jwks": place}
    elsewhere = start(game.container, **settings)
    try:
        assert me(elsewhere, token_of("ada")).refusal == UNAUTHORIZED
        assert me(elsewhere, token_of("ada", iss="https://other.example")).data["user_id"] not in ids
    finally:
        close(elsewhere)


def test_our_own_tokens_are_good_as_before(server: GameServer, game: GameServer) -> None:
    anna = register(server)
    assert me(server, anna["access"]).status == 200
    assert server.call("POST", "/auth/refresh", key=anna["refresh"]).status == 200
    assert me(game, token_of("ada")).refusal == UNAUTHORIZED, "without a provider its tokens are no tokens"


def test_first_requests_at_once_make_one_player(server: GameServer, other: GameServer) -> None:
    tokens = [token_of("ada", jti=str(number), preferred_username=f"Ada {number % 3}") for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(lambda pair: me(*pair), zip([server, other] * 6, tokens, strict=True)))
    assert len({reply.data["user_id"] for reply in replies}) == 1
    assert count_players(server) == 1
    assert server.container.database.rows("SELECT FROM username_skeletons") != []


def test_a_name_that_is_taken_or_not_allowed_locks_nobody_out(server: GameServer, game: GameServer) -> None:
    register(game, "Ada")
    block(game, "badword")

    def name_of(subject: str, claim: object) -> str:
        return str(me(server, token_of(subject, preferred_username=claim)).data["username"])

    taken = [name_of("1", "Ada"), name_of("2", "ADA"), name_of("3", "\u0410da")]
    assert [name[:4] for name in taken] == ["Ada ", "ADA ", "\u0410da "]
    assert all(name[4:].isdecimal() for name in taken)
    claims = ("Admin", "xbadwordx", "Calm Otter 40213", "x", "", 5, None, "\0\0\0", "a@b.example")
    names = [name_of(f"s{number}", claim) for number, claim in enumerate(claims)]
    assert all(map(is_guest_name, names)), names
    assert len(set(names)) == len(claims)
    assert name_of("mail", "grace.hopper@example.org") == "grace.hopper"


def test_another_claim_may_propose_the_name(game: GameServer, place: str) -> None:
    server = start_with(game, place, identity_name_claim="nickname")
    try:
        assert me(server, token_of("ada", nickname="Countess")).data["username"] == "Countess"
    finally:
        close(server)


def test_new_players_count_against_the_limit_of_registrations(game: GameServer, place: str) -> None:
    server = start_with(game, place, rate_limit_auth="2/minute")
    try:
        assert [me(server, token_of(subject)).status for subject in ("1", "2")] == [200, 200]
        refused = me(server, token_of("3"))
        assert refused.refusal == (429, "rate_limited")
        assert int(refused.headers["Retry-After"]) >= 1
        assert me(server, token_of("1", jti="another")).status == 200, "they are here already"
        assert count_players(server) == 2
    finally:
        close(server)


def test_a_suspended_player_may_only_look(server: GameServer, game: GameServer) -> None:
    token = token_of("ada")
    player_id = UUID(me(server, token).data["user_id"])
    game.container.moderation.suspend(player_id, "r", by="cli:tests", reason="a reason")
    for good in (token, token_of("ada", jti="later")):
        assert server.call("POST", "/actions", {"action_type": "tap"}, key=good).refusal == (403, "account_suspended")
        assert me(server, good).data["status"] == "suspended"
    assert server.call("POST", "/auth/logout", key=token).status == 204


def test_signing_out_ends_this_token_on_every_process(server: GameServer, other: GameServer) -> None:
    token, second = token_of("ada", jti="1"), token_of("ada", jti="2")
    assert [me(process, token).status for process in (server, other)] == [200, 200]
    assert server.call("POST", "/auth/logout", key=token).status == 204
    assert [me(process, token).refusal for process in (server, other)] == [UNAUTHORIZED] * 2
    server.container.redis.flushdb()
    assert [me(process, token).refusal for process in (server, other)] == [UNAUTHORIZED] * 2
    assert me(other, second).status == 200


def test_signing_out_everywhere_ends_tokens_that_nobody_has_brought_yet(
    server: GameServer, other: GameServer, game: GameServer
) -> None:
    now = int(time.time())
    token, unseen = token_of("ada", iat=now - 20), token_of("ada", iat=now - 10)
    ours = register(server)["access"]
    player_id = me(server, token).data["user_id"]
    assert server.call("POST", "/auth/logout", {"everywhere": True}, key=token).status == 204
    for process in (server, other):
        assert [me(process, old).refusal for old in (token, unseen)] == [UNAUTHORIZED] * 2
    assert me(server, token_of("ada", iat=now + 5)).data["user_id"] == player_id
    assert me(server, ours).status == 200
    game.container.accounts.sign_out_by("cli:tests", UUID(player_id), "r")
    assert me(server, token_of("ada", iat=now)).refusal == UNAUTHORIZED


def test_a_player_without_a_password_has_none_to_change(server: GameServer) -> None:
    token = token_of("ada")
    body = {"current": "!", "new": PASSWORD}
    assert server.call("POST", "/me/password", body, key=token).refusal == (403, "invalid_credentials")
    account = {"username": "Countess", "password": PASSWORD}
    assert server.call("POST", "/me/account", account, key=token).refusal == (409, "not_a_guest")
    assert server.call("POST", "/auth/refresh", key=token).refusal == UNAUTHORIZED


def test_another_password_ends_the_other_tokens_and_not_this_one(
    server: GameServer, other: GameServer, game: GameServer
) -> None:
    now = int(time.time())
    player_id = UUID(me(server, token_of("ada", iat=now - 60)).data["user_id"])
    game.container.password_changes.set_by("cli:tests", player_id, PASSWORD, "r")
    game.container.database.rows("UPDATE identities SET tokens_from = now() - interval '40 s' RETURNING player_id")
    this, unseen = token_of("ada", iat=now - 20), token_of("ada", iat=now - 10)
    assert me(server, this).status == 200
    body = {"current": PASSWORD, "new": "another good password"}
    assert server.call("POST", "/me/password", body, key=this).status == 204
    assert [me(process, this).status for process in (server, other)] == [200, 200]
    assert me(other, unseen).refusal == UNAUTHORIZED


def test_an_erased_person_does_not_come_back_unasked(server: GameServer, other: GameServer) -> None:
    token = token_of("ada", sub="secret-subject", preferred_username="Secretname")
    exported = server.call("GET", "/me/export", key=token)
    assert exported.data["identities"][0]["subject"] == "secret-subject"
    assert me(other, token).status == 200
    assert server.call("DELETE", "/me", {}, key=token).status == 204
    later = token_of("ada", sub="secret-subject", iat=int(time.time()) + 5, preferred_username="Secretname")
    for process in (server, other):
        assert [me(process, each).refusal for each in (token, later)] == [UNAUTHORIZED] * 2
    assert "erased" in me(server, later).body["error"]["message"]
    assert tables_with(server, "secret-subject", "Secretname", ISSUER) == set()
    assert count_players(server) == 1
    assert me(server, token_of("grace", preferred_username="Secretname")).data["username"] == "Secretname"


def test_no_claim_makes_an_admin_and_an_operator_may(server: GameServer, game: GameServer) -> None:
    token = token_of("ada", role="admin", roles=["admin"], realm_access={"roles": ["admin"]}, groups=["admin"])
    assert server.call("GET", "/admin/players", key=token).refusal == (403, "forbidden")
    scoped = token_of("grace", scope="admin players score")
    assert server.call("POST", "/players", {"external_id": "1"}, key=scoped).refusal == (403, "forbidden")
    player_id = UUID(me(server, token).data["user_id"])
    with game.container.database.transaction() as connection:
        game.container.players.set_role(connection, player_id, "admin")
    assert server.call("GET", "/admin/players", key=token).status == 200


def test_a_hidden_board_stays_hidden(server: GameServer) -> None:
    assert server.call("GET", "/leaderboard/top?board=none", key=token_of("ada")).refusal == (404, "not_found")
    assert server.call("GET", "/leaderboard/top", key=token_of("ada")).status == 200


@pytest.fixture(scope="module")
def provider() -> Iterator[KeyServer]:
    with key_server() as server:
        yield server


def _keys(server: GameServer) -> ProviderKeys:
    """Return the key set of a process, which may read it again at once."""
    keys: ProviderKeys = server.app.extensions["fairboard"].provider_sign_ins._tokens._keys
    keys._next_at = 0.0
    return keys


def test_keys_rotate_while_players_play(game: GameServer, provider: KeyServer) -> None:
    provider.publish(ed_key())
    server = start_with(game, provider.url)
    try:
        assert me(server, token_of("ada")).status == 200
        rotated = token_of("ada", key=ec_key())
        assert me(server, rotated).refusal == UNAUTHORIZED
        provider.publish(ed_key(), ec_key())
        _keys(server)
        assert [me(server, token).status for token in (rotated, token_of("ada", jti="2"))] == [200, 200]
        provider.publish(ec_key())
        _keys(server)._read_at = 0.0
        assert [me(server, token).status for token in (rotated, token_of("ada"))] == [200, 401]
    finally:
        close(server)


def test_nobody_is_let_in_while_the_provider_is_down_or_serves_garbage(game: GameServer, provider: KeyServer) -> None:
    server = start_with(game, provider.url)
    try:
        for body, status in ((b"", 503), (b"<html>", 200), (key_set(), 200)):
            provider.serve(body, status)
            _keys(server)
            assert me(server, token_of("ada")).refusal == UNAUTHORIZED
        assert count_players(server) == 0
        assert me(server, register(server)["access"]).status == 200, "our own players play on"
        provider.publish(ed_key())
        _keys(server)
        assert me(server, token_of("ada")).status == 200
        provider.serve(b"", 503)
        _keys(server)
        assert me(server, token_of("grace")).status == 200, "known keys go on"
        assert me(server, token_of("eve", key=ec_key())).refusal == UNAUTHORIZED
    finally:
        close(server)


def test_no_log_has_a_token(server: GameServer, log_text: io.StringIO) -> None:
    good, bad = token_of("ada"), token_of("ada", aud="other")
    assert [me(server, token).status for token in (good, bad)] == [200, 401]
    text = log_text.getvalue()
    assert "provider_player_created" in text
    for token in (good, bad):
        assert not any(part in text for part in token.split("."))
