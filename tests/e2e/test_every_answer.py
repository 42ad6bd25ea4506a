"""Every answer to any request has a request id, and headers that keep it where it belongs."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests.e2e.test_routes import RULES, _path
from tests.parts.client import Answer, Api, Player, check_envelope
from tests.parts.product import Product
from tests.parts.raw import raw_answer

ROUTES = sorted({rule for _, rule in RULES})
METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"]
KEPT_BY_BROWSERS = {
    "/",
    "/embed",
    "/docs",
    "/docs/messages",
    "/openapi.json",
    "/asyncapi.json",
    "/static/<path:filename>",
    "/api/v1/leaderboard/top",
}
SPELLINGS = ["/{0}", "{0}/", "{0}//", "{0}%2F", "{0};x", "{0}%00", "{0}%0A", "{0}%20", "/.{0}", "/x/..{0}", "//x/..{0}"]


def _check(answer: Answer, *, may_be_kept: bool = False) -> None:
    assert answer.headers["X-Request-ID"] == "mine"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store" or (
        may_be_kept and answer.headers["Cache-Control"] == "no-cache"
    )


@pytest.mark.parametrize("rule", ROUTES)
def test_every_method_of_every_route(api: Api, anna: Player, rule: str) -> None:
    for method in METHODS:
        for token in (None, "nonsense", anna.access_token):
            answer = api.call(method, _path(rule), token=token, headers={"X-Request-ID": "mine"})
            _check(answer, may_be_kept=rule in KEPT_BY_BROWSERS)
            assert answer.status < 500
            assert "Location" not in answer.headers
            assert answer.status != 405 or answer.headers["Allow"]
            if method == "OPTIONS":
                assert answer.status == 204
                assert answer.headers["Allow"]
            if method == "HEAD":
                assert answer.text == ""
        if rule == "/api/v1/auth/logout":
            break


def test_an_answer_with_tokens_or_about_a_player_is_kept_by_nobody(api: Api, anna: Player) -> None:
    headers = {"X-Request-ID": "mine"}
    action = anna.issue()
    answers = [
        api.post("/auth/login", {"username": anna.username, "password": anna.password}, headers=headers),
        api.post("/auth/refresh", token=anna.refresh_token, headers=headers),
        anna.get("/me", headers=headers),
        anna.get("/leaderboard/me", headers=headers),
        anna.get(f"/actions/{action['action_id']}", headers=headers),
        anna.post("/actions", {"action_type": "tap"}, headers=headers),
        anna.post(f"/actions/{action['action_id']}/complete", {"token": action["token"]}, headers=headers),
        anna.post("/auth/logout", headers=headers),
    ]
    assert [answer.status for answer in answers] == [200, 200, 200, 200, 200, 201, 200, 204]
    for answer in answers:
        _check(answer)


@pytest.mark.parametrize("rule", ROUTES)
def test_a_path_has_one_spelling(product: Product, rule: str) -> None:
    parts = urlsplit(product.url)
    path = _path(rule)[1:]
    spellings = {form.format(path) for form in SPELLINGS} | {path.replace("/", "//"), path.replace("/", "/./")}
    for spelling in spellings - {path, path + "?", "/static/nothing-here"}:
        request = f"GET {spelling} HTTP/1.1\r\nHost: evil.example\r\nX-Request-ID: mine\r\nConnection: close\r\n\r\n"
        answer = raw_answer((parts.hostname or "", parts.port or 80), request.encode())
        assert answer.refusal == (404, "not_found"), spelling
        check_envelope(answer)
        _check(answer, may_be_kept=True)
        assert "evil.example" not in answer.text


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://evil.example", 200),
        ("http://evil.example/", 200),
        ("http://evil.example?x=1", 200),
        ("http://evil.example//", 404),
        ("//evil.example/..", 404),
        ("/%5Cevil.example", 404),
        ("/%2F%2Fevil.example/%2E%2E", 404),
    ],
)
def test_no_target_is_redirected(product: Product, target: str, status: int) -> None:
    parts = urlsplit(product.url)
    request = f"GET {target} HTTP/1.1\r\nHost: evil.example\r\nX-Request-ID: mine\r\nConnection: close\r\n\r\n"
    answer = raw_answer((parts.hostname or "", parts.port or 80), request.encode())
    assert answer.status == status
    assert "Location" not in answer.headers
    _check(answer, may_be_kept=True)


@pytest.mark.parametrize(
    ("connection", "further"),
    [
        (b"Upgrade", b"Sec-WebSocket-Protocol: \xff\r\n"),
        (b"Upgrade", "Sec-WebSocket-Protocol: é\r\n".encode()),
        (b"Upgrade, \xff", b""),
        (b"keep-alive, Upgrade", b"Sec-WebSocket-Extensions: \xff\r\nUser-Agent: \xff\r\nCookie: \xff\r\n"),
    ],
)
def test_a_handshake_with_bytes_beyond_ascii_opens_the_socket(
    product: Product, connection: bytes, further: bytes
) -> None:
    parts = urlsplit(product.url)
    handshake = (
        b"GET /api/v1/ws/leaderboard HTTP/1.1\r\nHost: localhost\r\nConnection: " + connection + b"\r\n"
        b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        + further
        + b"\r\n"
    )
    assert raw_answer((parts.hostname or "", parts.port or 80), handshake).status == 101


HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def test_a_handshake_has_the_request_id_in_its_answer(product: Product) -> None:
    parts = urlsplit(product.url)
    lines = [f"{name}: {value}\r\n" for name, value in {"Host": "x", "X-Request-ID": "mine", **HANDSHAKE}.items()]
    head = f"GET /api/v1/ws/leaderboard HTTP/1.1\r\n{''.join(lines)}\r\n"
    answer = raw_answer((parts.hostname or "", parts.port or 80), head.encode())
    assert (answer.status, answer.headers["X-Request-ID"]) == (101, "mine")


@pytest.mark.parametrize("path", ["/leaderboard/top", "/action-types", "/me", "/ws/nothing", "//", "//healthz"])
def test_an_upgrade_is_ignored_where_there_is_no_socket(api: Api, anna: Player, path: str) -> None:
    plain = anna.get(path)
    assert anna.get(path, headers=HANDSHAKE).status == plain.status


@pytest.mark.parametrize("path", ["//", "//static/board.js"])
@pytest.mark.parametrize(
    "headers",
    [
        {"If-Match": '"other"'},
        {"If-Match": "*"},
        {"If-Unmodified-Since": "Fri, 01 Jan 2010 00:00:00 GMT"},
        {"Range": "bytes=0-1,3-4"},
        {"Range": "bytes=99999999-"},
        {"Range": "bytes=0-1", "If-Range": '"other"'},
    ],
    ids=lambda headers: " ".join(headers.values()),
)
def test_a_page_and_its_files_come_whole_whatever_is_asked_of_them(
    api: Api, path: str, headers: dict[str, str]
) -> None:
    answer = api.get(path, headers={**headers, "X-Request-ID": "mine"})
    assert (answer.status, answer.text) == (200, api.get(path).text)
    _check(answer, may_be_kept=True)
