"""Heads that can't be read, and bodies that are broken, cut off, late, compressed or ambiguous; without nginx."""

from __future__ import annotations

import json
import re
import socket
import struct
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from tests.e2e.conftest import _addresses
from tests.parts.client import Answer, Api, Player, check_envelope
from tests.parts.product import Product
from tests.parts.raw import raw_answer
from tests.parts.waiting import eventually

ID = b"X-Request-ID: mine\r\n"
HOST = b"Host: x\r\n" + ID
END = b"Connection: close\r\n\r\n"
LOGIN = b"POST /api/v1/auth/login HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
CHUNKED = LOGIN + b"Transfer-Encoding: chunked\r\n"


def _address(product: Product) -> tuple[str, int]:
    parts = urlsplit(product.url)
    return parts.hostname or "", parts.port or 80


def _check(answer: Answer, status: int, code: str) -> None:
    assert answer.refusal == (status, code), answer.text
    check_envelope(answer)
    assert answer.headers["X-Request-ID"] == "mine"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Connection"] == "close"


@pytest.mark.parametrize(
    ("head", "status", "code"),
    [
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n" + HOST + END, 414, "uri_too_long"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X-Long: " + b"x" * 9000 + b"\r\n" + END, 431, "headers_too_large"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X-Many: x\r\n" * 150 + END, 431, "headers_too_large"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"Expect: tea\r\n" + END, 417, "expectation_failed"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"no colon\r\n" + END, 400, "bad_request"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X-Control: a\x01b\r\n" + END, 400, "bad_request"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X-Folded: a\r\n b\r\n" + END, 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nHost: y\r\n" + HOST + END, 400, "bad_request"),
        (b"GET / HTTP/3.0\r\n" + HOST + END, 505, "http_version_not_supported"),
        (b"GET /\xe9 HTTP/1.1\r\n" + HOST + END, 400, "bad_request"),
        (b"get / HTTP/1.1\r\n" + HOST + END, 400, "bad_request"),
        (b"X" * 30 + b" / HTTP/1.1\r\n" + HOST + END, 400, "bad_request"),
        (b"GET * HTTP/1.1\r\n" + HOST + END, 400, "bad_request"),
        (LOGIN + b"Content-Length: two\r\n" + END, 400, "bad_request"),
        (LOGIN + b"Content-Length: -2\r\n" + END, 400, "bad_request"),
        (LOGIN + b"Content-Length: " + b"9" * 5000 + b"\r\n" + END, 400, "bad_request"),
        (LOGIN + b"Content-Length: 2\r\nContent-Length: 3\r\n" + END, 400, "bad_request"),
        (CHUNKED + b"Content-Length: 2\r\n" + END + b"0\r\n\r\n", 400, "bad_request"),
        (LOGIN + b"Transfer-Encoding: tea\r\n" + END, 501, "not_implemented"),
        (LOGIN + b"Transfer-Encoding: gzip, chunked\r\n" + END + b"0\r\n\r\n", 501, "not_implemented"),
        (LOGIN + b"Transfer-Encoding: gzip\r\n" + END, 400, "bad_request"),
    ],
)
def test_a_head_that_can_not_be_read(product: Product, head: bytes, status: int, code: str) -> None:
    _check(raw_answer(_address(product), head), status, code)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"HEAD / HTTP/1.1\r\n" + HOST + b"Expect: tea\r\n" + END, 417),
        (b"HEAD /" + b"x" * 9000 + b" HTTP/1.1\r\n" + HOST + END, 414),
        (b"HEAD / HTTP/9\r\n" + HOST + END, 505),
    ],
)
def test_an_answer_to_an_unreadable_head_request_has_no_content(product: Product, head: bytes, status: int) -> None:
    answer = raw_answer(_address(product), head, method="HEAD")
    assert (answer.status, answer.text) == (status, "")


@pytest.mark.parametrize("given", [b"x" * 65, b"caf\xe9", b"a\x7fb", b" "])
def test_a_request_id_that_may_not_be_used_is_replaced_there_too(product: Product, given: bytes) -> None:
    answer = raw_answer(_address(product), b"GET / HTTP/1.1\r\nX-Request-ID: " + given + b"\r\nno colon\r\n\r\n")
    assert answer.status == 400
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-ID"])


@pytest.mark.parametrize(
    "body",
    [
        b"ZZ\r\n{}\r\n0\r\n\r\n",
        b"-2\r\n{}\r\n0\r\n\r\n",
        b"+2\r\n{}\r\n0\r\n\r\n",
        b"0x2\r\n{}\r\n0\r\n\r\n",
        b"\r\n{}\r\n0\r\n\r\n",
        b"2\r\n{}XX0\r\n\r\n",
        b"2\r\n{}0\r\n\r\n",
        b"2\n{}\n0\n\n",
        b"2\r\n{}\r\n0\r\nno colon\r\n\r\n",
        b"2\r\n{}\r\n0\r\nHost: y\r\n\r\n",
        b"2;x=\x01\r\n{}\r\n0\r\n\r\n",
        b"fffffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
        b"80000000\r\n{}\r\n0\r\n\r\n",
        b"1" * 9000,
    ],
)
def test_a_body_in_broken_chunks(product: Product, body: bytes) -> None:
    _check(raw_answer(_address(product), CHUNKED + b"\r\n" + body), 400, "bad_request")


def test_a_body_in_sound_chunks_is_read(product: Product) -> None:
    text = (
        b'2;name="value"\r\n{"\r\n10\r\nusername": "nobo\r\n17\r\ndy", "password": "abc"}\r\n0\r\nX-Trailer: y\r\n\r\n'
    )
    answer = raw_answer(_address(product), CHUNKED + END + text)
    assert answer.refusal == (401, "invalid_credentials")


def test_bad_chunks_after_the_answer_end_the_connection_without_a_word(product: Product) -> None:
    """Send them without a login, so that the server answers before it reads the body."""
    request = b"POST /api/v1/actions HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n"
    with socket.create_connection(_address(product), timeout=30) as sock:
        sock.sendall(request)
        received = b""
        while data := sock.recv(65_536):
            received += data
    assert received.startswith(b"HTTP/1.1 401")
    assert received.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("body", [b'Content-Length: 50\r\n\r\n{"a":', b"Transfer-Encoding: chunked\r\n\r\n9\r\n{"])
def test_a_client_that_says_no_more_in_mid_body(product: Product, body: bytes) -> None:
    answer = raw_answer(_address(product), LOGIN + body, half_closed=True)
    assert answer.refusal == (400, "bad_request")


def test_a_whole_object_in_a_body_that_was_cut_off_is_not_acted_on(product: Product, anna: Player) -> None:
    head = b"POST /api/v1/actions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    head += f"Authorization: Bearer {anna.access_token}\r\nContent-Length: 99\r\n\r\n".encode()
    assert raw_answer(_address(product), head + b'{"action_type": "tap"}', half_closed=True).refusal == (
        400,
        "bad_request",
    )
    assert product.redis().zcard(f"active:{{{anna.user_id}}}") == 0


@pytest.mark.parametrize("framing", [b"Content-Length: 50\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n9\r\n{"])
def test_a_client_that_vanishes_in_mid_body_is_no_error_of_ours(product: Product, api: Api, framing: bytes) -> None:
    name = f"vanished-{len(framing)}"
    log = product.stack.folder.log("web")
    before = len(log.read_text())
    with socket.create_connection(_address(product)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close() resets
        sock.sendall(LOGIN.replace(b"mine", name.encode()) + framing)
        assert api.get("/action-types").status == 200
    lines = eventually(lambda: [line for line in log.read_text()[before:].splitlines() if name in line])
    assert [" status=400" in line for line in lines] == [True]
    assert "Traceback" not in log.read_text()[before:]
    login = r'^fairboard_http_requests_total\{.*route="/api/v1/auth/login".*status="5'
    assert re.findall(login, api.get("//metrics").text, re.M) == []


def test_bodies_that_stall_are_dropped_and_keep_nobody_waiting(brisk: Product) -> None:
    """Send nothing more on most connections, a byte now and then on one: each has BODY_SECONDS for its body."""
    with ExitStack() as connections:
        clients = [
            connections.enter_context(
                socket.create_connection(_address(brisk), timeout=30, source_address=(address, 0))
            )
            for address, _ in zip(_addresses, range(20), strict=False)
        ]
        for number, client in enumerate(clients):
            client.sendall((LOGIN + b"Content-Length: 99\r\n\r\n{", CHUNKED + b"\r\n9\r\n{")[number % 2])
        clients[0].settimeout(0.2)
        received = b""
        while not received:
            clients[0].sendall(b" ")
            try:
                received = clients[0].recv(65_536)
            except TimeoutError:
                continue
        answers = [received, *(client.recv(65_536) for client in clients[1:])]
    for answer in answers:
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408"), answer
        assert b"\r\nConnection: close" in head
        assert b'"request_timeout"' in body
        assert b'"request_id":"mine"' in body


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "identity, gzip", "x"])
def test_a_compressed_body_is_a_415(api: Api, encoding: str) -> None:
    answer = api.post("/auth/login", {}, headers={"Content-Encoding": encoding})
    assert answer.refusal == (415, "unsupported_media_type")


@pytest.mark.parametrize("encoding", ["", "identity", "Identity"])
def test_a_body_that_is_not_compressed_may_say_so(api: Api, encoding: str) -> None:
    assert api.post("/auth/login", {}, headers={"Content-Encoding": encoding}).status == 422


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json; charset=latin-1", 415),
        ("application/json; charset=utf-16", 415),
        ("application/json; charset=UTF-8", 422),
        ('application/json; charset="utf-8"', 422),
        ("Application/JSON", 422),
        ("application/json;", 422),
        ("application/json; version=1", 422),
        ("text/json", 415),
        ("application/jsonp", 415),
        ("", 415),
    ],
)
def test_json_is_utf_8(api: Api, content_type: str, status: int) -> None:
    assert api.post("/auth/login", raw=b"{}", headers={"Content-Type": content_type}).status == status


def test_a_field_that_is_there_twice_is_a_422_everywhere(api: Api, anna: Player) -> None:
    action = anna.issue()
    calls = {
        "/auth/register": b'{"username": "ua", "username": "ub"}',
        "/auth/login": b'{"username": "u", "password": "longenough", "username": "u"}',
        "/actions": b'{"action_type": "tap", "action_type": "tap"}',
        f"/actions/{action['action_id']}/complete": b'{"token": "x", "token": "y"}',
        "/me/appeal": b'{"text": "x", "text": "y"}',
    }
    for path, raw in calls.items():
        answer = anna.post(path, raw=raw)
        assert answer.refusal == (422, "invalid_request"), path
        assert answer.fields == {re.findall(rb'"(\w+)":', raw)[0].decode()}
    assert anna.state_of(action) == "active"
    assert anna.complete(action).status == 200


@pytest.mark.parametrize(
    "raw",
    [
        b'{"username": "\\ud800", "password": "longenough"}',
        b'{"\\ud800": 1}',
        b'{"\\ud800": 1, "\\ud800": 2}',
        b'{"username": "\\u0000bc", "password": "longenough"}',
        b'{"username": 1' + b"0" * 9_000 + b"}",
        b'{"username": 1e999, "password": -1e999}',
    ],
)
def test_what_json_can_say_and_no_field_can_have_is_a_422(api: Api, raw: bytes) -> None:
    assert api.post("/auth/register", raw=raw).refusal == (422, "invalid_request")


@pytest.mark.parametrize("field", ["username", "password"])
def test_half_a_surrogate_pair_in_a_value_is_told_of_the_value(api: Api, field: str) -> None:
    values = {"username": "abcc", "password": "xxxxxxxx"}
    raw = json.dumps({**values, field: "\udfffxxxxxxxx"}).encode()
    (detail,) = (item for item in api.post("/auth/login", raw=raw).details if item["field"] == field)
    assert detail["message"] == "has characters that can't be stored, such as NUL"


READS = ["/action-types", "/leaderboard/top", "/me", "//", "//static/board.js", "//healthz", "/nowhere"]


@pytest.mark.parametrize("path", READS)
def test_a_read_has_the_limit_of_a_body_too(anna: Player, path: str) -> None:
    """Read twice, since the second top list comes from the memory of the process."""
    plain = [anna.get(path).status for _ in range(2)][1]
    assert anna.get(path, raw=b"x" * 16_384).status == plain
    assert anna.get(path, raw=b"x" * 16_385).refusal == (413, "too_large")
    assert anna.api.call("HEAD", path, raw=b"x" * 16_385).status == 413


def test_a_body_that_a_call_has_no_use_for_has_the_limit_too(api: Api) -> None:
    player = api.register()
    for path, token in (("/auth/refresh", player.refresh_token), ("/auth/logout", player.access_token)):
        assert api.post(path, raw=b"x" * 16_385).refusal == (401, "unauthorized")
        assert api.post(path, raw=b"x" * 16_385, token=token).refusal == (413, "too_large")
    renewed = api.post("/auth/refresh", raw=b"x" * 16_384, token=player.refresh_token)
    assert renewed.status == 200, "the refusal did not use up the token"
    assert api.post("/auth/logout", token=renewed.data["access_token"]).status == 204


@pytest.mark.parametrize("path", ["/api/v1/action-types", "/api/v1/leaderboard/top"])
def test_a_body_in_broken_chunks_is_refused_where_none_is_read(product: Product, path: str) -> None:
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Request-ID: mine\r\nTransfer-Encoding: chunked\r\n\r\n"
    _check(raw_answer(_address(product), head.encode() + b"ZZ\r\n"), 400, "bad_request")
