"""Every answer is an envelope (the client checks its shape on each one), and carries a request id."""

from __future__ import annotations

import re
import socket
from urllib.parse import urlsplit

import pytest

from tests.parts.client import Answer, Api, Player
from tests.parts.product import Product


def test_a_good_answer_has_data_and_a_bad_one_has_an_error(api: Api) -> None:
    assert "data" in api.get("/action-types").body
    assert "error" in api.get("/me").body


@pytest.mark.parametrize("path", ["/nothing-here", "/actions/", "/leaderboard", "/leaderboard/users/"])
def test_an_unknown_path_is_a_404_in_the_envelope(api: Api, path: str) -> None:
    answer = api.get(path)
    assert answer.status in (404, 405)
    assert answer.code


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "/me"), ("GET", "/auth/login"), ("POST", "/leaderboard/top"), ("PUT", "/actions"), ("DELETE", "/actions")],
)
def test_a_wrong_method_is_a_405_that_names_the_right_ones(api: Api, method: str, path: str) -> None:
    answer = api.call(method, path)
    assert answer.status == 405
    assert answer.headers["Allow"]


def test_a_head_is_answered_like_a_get_without_the_body(api: Api) -> None:
    answer = api.call("HEAD", "/leaderboard/top")
    assert (answer.status, answer.text) == (200, "")


@pytest.mark.parametrize("given", ["abc", "x" * 64, "a b", "~!@#$%^&*()", "0"])
def test_a_given_request_id_is_kept(api: Api, given: str) -> None:
    for path in ("/action-types", "/me", "/nothing-here"):
        answer = api.get(path, headers={"X-Request-ID": given})
        assert answer.headers["X-Request-ID"] == given
        assert answer.body["meta"]["request_id"] == given


@pytest.mark.parametrize("given", ["x" * 65, "tab\there", "caf\u00e9", "x" * 4000])
def test_a_request_id_that_is_too_long_or_not_printable_is_replaced(api: Api, given: str) -> None:
    answer = api.get("/action-types", headers={"X-Request-ID": given.encode("latin-1")})
    replacement = answer.headers["X-Request-ID"]
    assert replacement != given
    assert re.fullmatch(r"[\x20-\x7e]{1,64}", replacement)


def test_a_missing_request_id_is_made_and_never_the_same(api: Api) -> None:
    request_ids = {api.get("/action-types").headers["X-Request-ID"] for _ in range(5)}
    assert len(request_ids) == 5


def _login_with(api: Api, raw: bytes, content_type: str | None = "application/json") -> Answer:
    headers = {"Content-Type": content_type} if content_type is not None else {}
    return api.post("/auth/login", raw=raw, headers=headers)


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"nonsense", b'{"username": "x",}', b"\xff\xfe", b'{"a": NaN}', b'{"a": 1} trailing']
)
def test_a_body_that_is_not_json_is_a_400(api: Api, raw: bytes) -> None:
    assert _login_with(api, raw).refusal == (400, "malformed_json")


def test_json_nested_without_end_is_refused_and_harms_nobody(api: Api) -> None:
    answer = _login_with(api, b'{"username":' + b"[" * 8000)
    assert answer.refusal == (400, "malformed_json")


@pytest.mark.parametrize("raw", [b"[]", b"null", b"1", b'"text"', b"true"])
def test_json_that_is_no_object_is_a_422(api: Api, raw: bytes) -> None:
    assert _login_with(api, raw).refusal == (422, "invalid_request")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_another_media_type_is_a_415(api: Api, content_type: str) -> None:
    assert _login_with(api, b"{}", content_type).refusal == (415, "unsupported_media_type")


def test_a_media_type_with_a_charset_is_welcome(api: Api) -> None:
    answer = _login_with(api, b'{"username": "nobody", "password": "whatever1"}', "application/json; charset=utf-8")
    assert answer.refusal == (401, "invalid_credentials")


def test_a_body_of_16_kib_is_read_and_one_byte_more_is_a_413(api: Api) -> None:
    frame = b'{"username": "nobody", "password": "whatever1"%s}'
    fits = frame % (b" " * (16 * 1024 - len(frame) + 2))
    assert len(fits) == 16 * 1024
    assert _login_with(api, fits).refusal == (401, "invalid_credentials")
    assert _login_with(api, fits + b" ").refusal == (413, "too_large")


def test_a_huge_body_is_a_413_in_the_envelope(api: Api) -> None:
    assert _login_with(api, b"x" * 300_000).refusal == (413, "too_large")


def test_a_chunked_body_over_the_limit_is_a_413(product: Product) -> None:
    parts = urlsplit(product.url)
    with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=20) as sock:
        sock.sendall(
            b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        )
        sock.sendall((b"1000\r\n" + b"x" * 4096 + b"\r\n") * 5 + b"0\r\n\r\n")
        answer = b""
        while chunk := sock.recv(65536):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 413"), answer[:200]
    assert b'"too_large"' in answer


def test_every_bad_field_is_named(api: Api) -> None:
    answer = api.post("/auth/register", {"username": "x", "password": "short", "colour": "red", "role": "admin"})
    assert answer.refusal == (422, "invalid_request")
    assert answer.fields == {"username", "password", "colour", "role"}
    assert all(entry["message"] for entry in answer.details)


def test_every_missing_field_is_named(api: Api, anna: Player) -> None:
    assert api.post("/auth/register", {}).fields == {"username", "password"}
    assert api.post("/auth/login", {}).fields == {"username", "password"}
    assert anna.post("/actions", {}).fields == {"action_type"}
    action = anna.issue()
    assert anna.post(f"/actions/{action['action_id']}/complete", {}).fields == {"token"}


@pytest.mark.parametrize("value", [None, 1, True, ["a"], {"a": 1}])
def test_a_field_of_another_type_is_a_422(api: Api, anna: Player, value: object) -> None:
    assert api.post("/auth/register", {"username": value, "password": "long enough"}).fields == {"username"}
    assert anna.post("/actions", {"action_type": value}).fields == {"action_type"}


_DIVIDES_BY_ZERO = "CREATE VIEW action_types AS SELECT * FROM action_types_away WHERE 1 / (length(slug) * 0) = 1"


def test_a_500_would_be_in_the_envelope_too(product: Product) -> None:
    """Produce a 500 with a view that can't be computed for a moment; a table that is missing would be a 503."""
    api = Api(product.url)
    player = api.register()
    with product.database() as connection:
        connection.execute("ALTER TABLE action_types RENAME TO action_types_away")
        connection.execute(_DIVIDES_BY_ZERO)
        try:
            answers = [api.get("/action-types") for _ in range(3)]
            answers.append(player.post("/actions", {"action_type": "never-seen-before"}))
        finally:
            connection.execute("DROP VIEW action_types")
            connection.execute("ALTER TABLE action_types_away RENAME TO action_types")
    broken = [answer for answer in answers if answer.status == 500]
    assert broken, answers
    for answer in broken:
        assert answer.code
        assert "action_types" not in answer.text, "the outside learns nothing of the inside"
