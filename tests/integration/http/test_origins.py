"""Pages of other origins: which answers they may read, and which calls they may make."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from app.factory import create_app
from app.settings import Settings
from tests.integration.http.keyed import API, GameServer, close

PARTNER, EVIL = "https://partner.example", "https://evil.example"
EXPOSED = {
    "X-Request-ID",
    "ETag",
    "Retry-After",
    "Location",
    "Idempotency-Replayed",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
}
CALL_HEADERS = {"Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "X-Request-ID"}
NOBODY = uuid4()
LOOKUP = {"user_ids": [str(NOBODY)]}
PUBLIC_READS = [
    ("GET", "/action-types", 200),
    ("GET", "/boards", 200),
    ("GET", "/boards/main", 200),
    ("GET", "/boards/main/seasons", 200),
    ("GET", "/boards/nowhere", 404),
    ("GET", "/leaderboard/top", 200),
    ("HEAD", "/leaderboard/top", 200),
    ("GET", "/leaderboard/top?limit=0", 422),
    ("GET", "/leaderboard/top?board=nowhere", 404),
    ("GET", "/leaderboard/online", 200),
    ("GET", "/leaderboard/around?score=1", 200),
    ("GET", "/leaderboard/around", 422),
    ("POST", "/leaderboard/lookup", 200),
    ("GET", f"/leaderboard/users/{NOBODY}", 404),
    ("GET", "/leaderboard/users/no-id", 404),
    ("GET", f"/players/{NOBODY}", 404),
    ("GET", "/players/ext:a%2Fb", 404),
    ("GET", "/players/%0A", 404),
    ("GET", f"/players/{NOBODY}/history?board=nowhere", 404),
]


@pytest.fixture
def game(container: Any) -> Iterator[GameServer]:
    settings = {
        "rate_limit_reads": "100000/second",
        "rate_limit_auth": "2/hour",
        "allowed_origins": (PARTNER, "capacitor://localhost"),
    }
    server = GameServer(create_app(container.settings.model_copy(update=settings)), container)
    yield server
    close(server)


def _split(value: str) -> set[str]:
    return set(value.split(", "))


def _cors(headers: Any) -> dict[str, str]:
    """Return the headers that a browser decides by."""
    return {name: value for name, value in headers.items() if name.startswith("Access-Control-") or name == "Vary"}


def test_public_reads_and_their_errors_are_for_pages_of_every_origin(game: GameServer) -> None:
    for method, path, status in PUBLIC_READS:
        for origin in (None, PARTNER, EVIL, "null", f"{PARTNER}, {EVIL}"):
            headers = {} if origin is None else {"Origin": origin}
            for _ in range(2):  # the second top list comes from the process's memory
                answer = game.call(method, path, LOOKUP if method == "POST" else None, **headers)
                assert answer.status == status, path
                cors = _cors(answer.headers)
                assert _split(cors.pop("Access-Control-Expose-Headers")) == EXPOSED, path
                assert cors == {"Access-Control-Allow-Origin": "*"}, (path, origin)


def test_an_unchanged_list_is_for_every_origin_too(game: GameServer) -> None:
    tag = game.call("GET", "/leaderboard/top").headers["ETag"]
    for _ in range(2):
        answer = game.call("GET", "/leaderboard/top", Origin=EVIL, If_None_Match=tag)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_public_read_is_readable_while_the_stores_are_down(game: GameServer) -> None:
    down = {"redis_url": "redis://127.0.0.1:9/0", "database_url": "postgresql+psycopg://127.0.0.1:9/none"}
    app = create_app(game.container.settings.model_copy(update={**down, "allowed_origins": (PARTNER,)}))
    client = app.test_client()
    for path, origin in (("/boards", EVIL), ("/leaderboard/top", EVIL), ("/me", PARTNER)):
        token = {"Authorization": f"Bearer {game.token()}"} if path == "/me" else {}
        answer = client.get(API + path, headers={"Origin": origin, **token})
        assert answer.status_code == 503
        assert answer.headers["Access-Control-Allow-Origin"] == ("*" if origin == EVIL else PARTNER)
        assert "Retry-After" in _split(answer.headers["Access-Control-Expose-Headers"])
    app.extensions["fairboard"].close()


def test_pages_of_allowed_origins_may_call_the_rest_of_the_api_and_read_its_errors(game: GameServer) -> None:
    token = game.token()
    answers = {
        200: game.call("GET", "/me", key=token, Origin=PARTNER),
        201: game.call("POST", "/actions", {"action_type": "tap"}, key=token, Origin=PARTNER),
        401: game.call("GET", "/me", Origin=PARTNER),
        404: game.call("GET", "/nowhere", Origin=PARTNER),
        405: game.call("DELETE", "/me/appeal", Origin=PARTNER),
        422: game.call("POST", "/auth/login", {}, Origin=PARTNER),
        429: game.call("POST", "/auth/login", {}, Origin=PARTNER),
    }
    for status, answer in answers.items():
        assert answer.status == status
        assert answer.headers["Access-Control-Allow-Origin"] == PARTNER
        assert _split(answer.headers["Access-Control-Expose-Headers"]) == EXPOSED
        assert answer.headers["Vary"] == "Origin", "no cache gives this answer to a page of another origin"
    assert {"Location"} <= EXPOSED & set(answers[201].headers)
    assert {"Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"} <= set(answers[429].headers)
    app = game.call("GET", "/me", key=token, Origin="capacitor://localhost")
    assert app.headers["Access-Control-Allow-Origin"] == "capacitor://localhost"


def test_a_page_of_any_other_origin_can_not_read_what_is_not_public(game: GameServer) -> None:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    for origin in (
        None,
        "",
        "null",
        "*",
        EVIL,
        f"{PARTNER}/",
        f"{PARTNER}/page",
        f"{PARTNER}:443",
        f"{PARTNER}.evil.example",
        "http://partner.example",
        "HTTPS://PARTNER.EXAMPLE",
        f"{PARTNER}, {PARTNER}",
        f"{PARTNER},{EVIL}",
    ):
        headers = {} if origin is None else {"Origin": origin}
        for method, path, more in (
            ("GET", "/me", {}),
            ("GET", "/leaderboard/me", {}),
            ("GET", "/nowhere", {}),
            ("OPTIONS", "/actions", asks),
            ("OPTIONS", f"/players/{NOBODY}/tokens", asks),
        ):
            assert _cors(game.call(method, path, **headers, **more).headers) == {"Vary": "Origin"}, (origin, path)


def test_no_answer_allows_credentials(game: GameServer) -> None:
    asks = {"Origin": PARTNER, "Access-Control-Request-Method": "GET"}
    for method, path, headers in (
        ("GET", "/me", {"Origin": PARTNER}),
        ("GET", "/boards", {"Origin": PARTNER}),
        ("OPTIONS", "/me", asks),
        ("OPTIONS", "/boards", asks),
    ):
        answer = game.call(method, path, **headers)
        assert "Access-Control-Allow-Origin" in answer.headers
        assert "Access-Control-Allow-Credentials" not in answer.headers


def test_a_preflight_is_answered_whatever_the_call_would_find(game: GameServer) -> None:
    for origin, wanted, path, allowed in (
        (PARTNER, "POST", "/actions", PARTNER),
        (PARTNER, "PATCH", "/me", PARTNER),
        (PARTNER, "DELETE", f"/admin/keys/{NOBODY}", PARTNER),
        (PARTNER, "GET", "/nowhere", PARTNER),
        (PARTNER, "POST", "/boards", PARTNER),
        (EVIL, "GET", "/leaderboard/top?limit=3", "*"),
        (EVIL, "GET", "/players/no-id", "*"),
        (EVIL, "HEAD", "/boards", "*"),
        (EVIL, "POST", "/leaderboard/lookup", "*"),
        ("null", "GET", "/boards", "*"),
        (EVIL, "POST", "/boards", None),
        (EVIL, "PATCH", f"/players/{NOBODY}", None),
        (EVIL, "GET", "/leaderboard/lookup", None),
    ):
        asks = {"Access-Control-Request-Method": wanted, "Access-Control-Request-Headers": "authorization,x-request-id"}
        answer = game.call("OPTIONS", path, Origin=origin, **asks)
        assert answer.status == 204
        assert answer.headers["X-Request-ID"]
        assert answer.headers.get("Access-Control-Allow-Origin") == allowed, (origin, wanted, path)
        if allowed:
            assert wanted in _split(answer.headers["Access-Control-Allow-Methods"])
            assert _split(answer.headers["Access-Control-Allow-Headers"]) == CALL_HEADERS
            assert 0 < int(answer.headers["Access-Control-Max-Age"]) <= 7200


def test_a_preflight_costs_no_store_and_no_other_options_is_one(game: GameServer) -> None:
    app = create_app(Settings(app_env="development", redis_url="redis://127.0.0.1:9/0"))
    client = app.test_client()
    asks = {"Origin": EVIL, "Access-Control-Request-Method": "GET"}
    assert client.options(f"{API}/leaderboard/top", headers=asks).status_code == 204
    assert client.options(f"{API}/nowhere", headers={"Origin": EVIL}).status_code == 404
    assert client.options(f"{API}/boards", headers={"Origin": EVIL}).headers["Allow"]
    app.extensions["fairboard"].close()


def test_every_method_of_the_api_passes_a_preflight(game: GameServer) -> None:
    asks = {"Origin": PARTNER, "Access-Control-Request-Method": "GET"}
    allowed = _split(game.call("OPTIONS", "/me", **asks).headers["Access-Control-Allow-Methods"])
    assert _methods(game.app) - allowed == {"OPTIONS"}


def _methods(app: Flask) -> set[str]:
    return {method for rule in app.url_map.iter_rules() for method in rule.methods or ()}


def test_only_the_api_is_for_pages_of_other_origins(game: GameServer) -> None:
    asks = {"Origin": PARTNER, "Access-Control-Request-Method": "GET"}
    for path in ("/", "/embed", "/static/main.js", "/healthz", "/nowhere"):
        assert _cors(game.client.get(path, headers={"Origin": PARTNER}).headers) == {}, path
        assert _cors(game.client.options(path, headers=asks).headers) == {}, path
