"""The access rules: every route that the app has is in this table, and answers accordingly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
from flask import Flask

from app.factory import create_app
from app.http.cors import is_public_read
from app.settings import Settings
from tests.parts.client import Answer, Api, Player
from tests.parts.product import Product

ANYONE = "anyone"
PLAYER = "an active player"
ADMIN = "an active admin"
SUSPENDED_TOO = "a player, suspended or not"
REFRESH = "who holds a refresh token"
KEY = "an API key with the scope"
BY_MESSAGE = "anyone may connect; who they are is in the first message"

RULES = {
    ("POST", "/api/v1/auth/register"): ANYONE,
    ("POST", "/api/v1/auth/login"): ANYONE,
    ("POST", "/api/v1/auth/refresh"): REFRESH,
    ("POST", "/api/v1/auth/logout"): SUSPENDED_TOO,
    ("POST", "/api/v1/auth/guest"): ANYONE,
    ("POST", "/api/v1/auth/reset"): ANYONE,
    ("GET", "/api/v1/me"): SUSPENDED_TOO,
    ("PATCH", "/api/v1/me"): PLAYER,
    ("DELETE", "/api/v1/me"): PLAYER,
    ("GET", "/api/v1/me/export"): PLAYER,
    ("POST", "/api/v1/me/account"): PLAYER,
    ("POST", "/api/v1/me/password"): PLAYER,
    ("POST", "/api/v1/me/appeal"): SUSPENDED_TOO,
    ("GET", "/api/v1/action-types"): ANYONE,
    ("POST", "/api/v1/actions"): PLAYER,
    ("GET", "/api/v1/actions/<uuid:action_id>"): PLAYER,
    ("POST", "/api/v1/actions/<uuid:action_id>/complete"): PLAYER,
    ("GET", "/api/v1/admin/analytics"): ADMIN,
    ("GET", "/api/v1/admin/audit"): ADMIN,
    ("GET", "/api/v1/admin/cases"): ADMIN,
    ("GET", "/api/v1/admin/cases/<uuid:case_id>"): ADMIN,
    ("POST", "/api/v1/admin/cases/<uuid:case_id>/decision"): ADMIN,
    ("POST", "/api/v1/admin/cases/<uuid:case_id>/undo"): ADMIN,
    ("GET", "/api/v1/admin/keys"): ADMIN,
    ("POST", "/api/v1/admin/keys"): ADMIN,
    ("POST", "/api/v1/admin/keys/<uuid:key_id>/rotate"): ADMIN,
    ("DELETE", "/api/v1/admin/keys/<uuid:key_id>"): ADMIN,
    ("GET", "/api/v1/admin/webhooks"): ADMIN,
    ("POST", "/api/v1/admin/webhooks"): ADMIN,
    ("GET", "/api/v1/admin/webhooks/<uuid:webhook_id>"): ADMIN,
    ("PATCH", "/api/v1/admin/webhooks/<uuid:webhook_id>"): ADMIN,
    ("DELETE", "/api/v1/admin/webhooks/<uuid:webhook_id>"): ADMIN,
    ("POST", "/api/v1/admin/webhooks/<uuid:webhook_id>/rotate"): ADMIN,
    ("POST", "/api/v1/admin/webhooks/<uuid:webhook_id>/test"): ADMIN,
    ("GET", "/api/v1/admin/webhooks/<uuid:webhook_id>/deliveries"): ADMIN,
    ("POST", "/api/v1/admin/webhooks/<uuid:webhook_id>/deliveries/<uuid:delivery_id>/replay"): ADMIN,
    ("POST", "/api/v1/admin/webhooks/<uuid:webhook_id>/replay-failed"): ADMIN,
    ("GET", "/api/v1/admin/players"): ADMIN,
    ("POST", "/api/v1/admin/players"): ADMIN,
    ("GET", "/api/v1/admin/players/<player:name>"): ADMIN,
    ("PATCH", "/api/v1/admin/players/<player:name>"): ADMIN,
    ("POST", "/api/v1/admin/players/<player:name>/suspend"): ADMIN,
    ("POST", "/api/v1/admin/players/<player:name>/reinstate"): ADMIN,
    ("POST", "/api/v1/admin/players/<player:name>/scores"): ADMIN,
    ("POST", "/api/v1/admin/players/<player:name>/password"): ADMIN,
    ("POST", "/api/v1/admin/players/<player:name>/reset-link"): ADMIN,
    ("POST", "/api/v1/admin/players/<player:name>/sign-out"): ADMIN,
    ("GET", "/api/v1/admin/players/<player:name>/export"): ADMIN,
    ("POST", "/api/v1/admin/players/<player:name>/erase"): ADMIN,
    ("GET", "/api/v1/admin/corrections"): ADMIN,
    ("POST", "/api/v1/admin/corrections"): ADMIN,
    ("GET", "/api/v1/admin/corrections/<uuid:correction_id>"): ADMIN,
    ("POST", "/api/v1/admin/corrections/<uuid:correction_id>/restore"): ADMIN,
    ("GET", "/api/v1/admin/action-types"): ADMIN,
    ("POST", "/api/v1/admin/action-types"): ADMIN,
    ("GET", "/api/v1/admin/action-types/<slug>"): ADMIN,
    ("PATCH", "/api/v1/admin/action-types/<slug>"): ADMIN,
    ("POST", "/api/v1/admin/action-types/<slug>/retire"): ADMIN,
    ("GET", "/api/v1/admin/boards"): ADMIN,
    ("POST", "/api/v1/admin/boards"): ADMIN,
    ("POST", "/api/v1/admin/boards/apply"): ADMIN,
    ("GET", "/api/v1/admin/boards/<slug>"): ADMIN,
    ("PATCH", "/api/v1/admin/boards/<slug>"): ADMIN,
    ("POST", "/api/v1/admin/boards/<slug>/archive"): ADMIN,
    ("GET", "/api/v1/admin/boards/<slug>/seasons"): ADMIN,
    ("POST", "/api/v1/admin/boards/<slug>/close-season"): ADMIN,
    ("GET", "/api/v1/admin/replays"): ADMIN,
    ("GET", "/api/v1/admin/replays/<uuid:replay_id>"): ADMIN,
    ("POST", "/api/v1/admin/replays/<uuid:replay_id>/cancel"): ADMIN,
    ("GET", "/api/v1/admin/gain"): ADMIN,
    ("GET", "/api/v1/boards"): ANYONE,
    ("GET", "/api/v1/boards/<slug>"): ANYONE,
    ("GET", "/api/v1/boards/<slug>/seasons"): ANYONE,
    ("GET", "/api/v1/leaderboard/top"): ANYONE,
    ("GET", "/api/v1/leaderboard/around"): ANYONE,
    ("POST", "/api/v1/leaderboard/lookup"): ANYONE,
    ("GET", "/api/v1/leaderboard/online"): ANYONE,
    ("GET", "/api/v1/leaderboard/me"): PLAYER,
    ("GET", "/api/v1/leaderboard/users/<player:name>"): ANYONE,
    ("GET", "/api/v1/players/<player:name>"): ANYONE,
    ("GET", "/api/v1/players/<player:name>/history"): ANYONE,
    ("POST", "/api/v1/players"): KEY,
    ("POST", "/api/v1/players/<player:name>/tokens"): KEY,
    ("POST", "/api/v1/scores"): KEY,
    ("POST", "/api/v1/scores/batch"): KEY,
    ("GET", "/api/v1/ws/leaderboard"): BY_MESSAGE,
    ("GET", "/healthz"): ANYONE,
    ("GET", "/readyz"): ANYONE,
    ("GET", "/metrics"): ANYONE,
    ("GET", "/"): ANYONE,
    ("GET", "/embed"): ANYONE,
    ("GET", "/docs"): ANYONE,
    ("GET", "/docs/messages"): ANYONE,
    ("GET", "/openapi.json"): ANYONE,
    ("GET", "/asyncapi.json"): ANYONE,
    ("GET", "/static/<path:filename>"): ANYONE,
}


@pytest.fixture(scope="module")
def app(product: Product) -> Iterator[Flask]:
    app = create_app(Settings.from_env(product.env))
    yield app
    app.extensions["fairboard"].close()


@pytest.fixture(scope="module")
def suspended(product: Product) -> Iterator[Player]:
    api = Api(product.url)
    player = api.register()
    assert product.flask("users", "suspend", player.username, "--yes").returncode == 0
    yield player
    api.close()


def test_every_route_has_a_rule(app: Flask) -> None:
    routes = {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    contract = {rule for rule in RULES if rule[1].startswith("/api/")}
    assert routes - set(RULES) == set(), "say in RULES who may call it"
    assert contract - routes == set()


def test_a_read_that_anyone_may_do_is_for_pages_of_every_origin_and_nothing_else_is() -> None:
    for (method, rule), audience in RULES.items():
        if rule.startswith("/api/"):
            is_sign_in = rule.startswith("/api/v1/auth/")
            assert is_public_read(method, _path(rule)[1:]) == (audience == ANYONE and not is_sign_in), (method, rule)


def _path(rule: str) -> str:
    path = re.sub("<(uuid|player):[a-z_]+>", lambda _: str(uuid4()), rule)
    return "/" + path.replace("<path:filename>", "nothing-here").replace("<slug>", "main")


def _cases(*audiences: str) -> list[tuple[str, str]]:
    return [route for route, allowed in RULES.items() if allowed in audiences]


@pytest.mark.parametrize(("method", "rule"), _cases(ANYONE))
def test_anyone_may_call(api: Api, method: str, rule: str) -> None:
    assert api.call(method, _path(rule)).status not in (401, 403)


@pytest.mark.parametrize(("method", "rule"), _cases(PLAYER, ADMIN, SUSPENDED_TOO, REFRESH, KEY))
def test_without_a_token_nobody_may_call(api: Api, anna: Player, method: str, rule: str) -> None:
    wrong = anna.access_token if RULES[method, rule] == REFRESH else anna.refresh_token
    for token in (None, "nonsense", wrong):
        assert api.call(method, _path(rule), token=token).refusal == (401, "unauthorized")


@pytest.mark.parametrize(("method", "rule"), _cases(PLAYER, ADMIN, KEY))
def test_a_suspended_player_may_not_call(suspended: Player, method: str, rule: str) -> None:
    answer = suspended.api.call(method, _path(rule), token=suspended.access_token)
    assert answer.refusal == (403, "account_suspended")


@pytest.mark.parametrize(("method", "rule"), _cases(ANYONE))
def test_a_suspended_player_may_call_what_anyone_may(suspended: Player, method: str, rule: str) -> None:
    assert suspended.api.call(method, _path(rule), token=suspended.access_token).status not in (401, 403)


def test_an_admin_may_call_and_a_player_may_not(product: Product, api: Api, anna: Player) -> None:
    def call_all() -> dict[tuple[str, str], Answer]:
        """Return the answer of each route for admins."""
        routes = _cases(ADMIN)
        assert len(routes) > 1
        return {(method, rule): api.call(method, _path(rule), token=anna.access_token) for method, rule in routes}

    for route, answer in call_all().items():
        assert answer.refusal == (403, "forbidden"), route
    assert product.flask("users", "set-role", anna.username, "admin").returncode == 0
    for route, answer in call_all().items():
        assert answer.status in (200, 404, 415), route
    assert product.flask("users", "set-role", anna.username, "player").returncode == 0
    for route, answer in call_all().items():
        assert answer.refusal == (403, "forbidden"), route


def test_every_route_of_the_api_refuses_an_unknown_parameter(product: Product, api: Api) -> None:
    admin = api.register()
    assert product.flask("users", "set-role", admin.username, "admin").returncode == 0
    key = product.run_json("keys", "create", admin.username, "--scope", "players", "--scope", "score")["key"]
    for method, rule in _cases(ANYONE, PLAYER, ADMIN, SUSPENDED_TOO, REFRESH, KEY):
        if not rule.startswith("/api/"):
            continue
        token = {REFRESH: admin.refresh_token, KEY: key}.get(RULES[method, rule], admin.access_token)
        body: dict[str, object] | None = {} if method in ("POST", "PATCH") else None
        for surprise in ("surprise", ""):
            answer = api.call(method, f"{_path(rule)}?{surprise}=1", body, token=token)
            assert answer.refusal == (422, "invalid_request"), rule
            assert answer.fields == {surprise}, rule
    assert admin.me()["status"] == "active", "and none of them has signed out"


@pytest.mark.parametrize(("method", "rule"), _cases(KEY))
def test_a_player_has_no_scope(anna: Player, method: str, rule: str) -> None:
    assert anna.api.call(method, _path(rule), token=anna.access_token).refusal == (403, "forbidden")


@pytest.mark.parametrize(("method", "rule"), _cases(PLAYER, SUSPENDED_TOO))
def test_a_player_may_call(anna: Player, method: str, rule: str) -> None:
    assert anna.api.call(method, _path(rule), token=anna.access_token).code not in ("unauthorized", "account_suspended")


def test_a_suspended_player_does_not_refresh_but_may_sign_in_again(product: Product, api: Api) -> None:
    player = api.register()
    product.flask("users", "suspend", player.username, "--yes")
    assert api.post("/auth/refresh", token=player.refresh_token).refusal == (403, "account_suspended")
    again = api.login(player.username)
    assert again.me()["status"] == "suspended"
    assert again.post("/auth/logout").status == 204
