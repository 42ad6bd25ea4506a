"""Attacks on the cached public top list: after any request the next visitor gets the current list, whole."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

import pytest

from tests.parts.client import API, Api
from tests.parts.edge import Edge
from tests.parts.raw import raw_answer
from tests.parts.waiting import eventually

PATH = "/leaderboard/top"
# Each spelling is a key of the cache and is used once: an attack on a key that is not in the cache yet fills it.
_spellings = ("limit={}&board=main", "board=main&limit={}", "limit={}&board=mai%6e", "limit={}&board=%6dain")
QUESTIONS = (f"{PATH}?{spelling.format(limit)}" for spelling in _spellings for limit in range(10, 100))
IDS = ["", "0", "00", " 0", "0 ", "\t0", "false", "-", "x" * 64, "x" * 65, "x" * 3000, "0\xe9", '"', "mine"]
TAGS = ["{}", "x, {}", '"a,b", {}', "*", "0", ""]
OTHERS = {
    "If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT",
    "If-Unmodified-Since": "Fri, 01 Jan 2010 00:00:00 GMT",
    "If-Match": '"other"',
    "Range": "bytes=0-0",
    "If-Range": '"other"',
    "Accept-Encoding": "gzip, br",
    "Accept": "text/html",
    "Authorization": "Bearer nonsense",
    "Cookie": "board=nowhere",
    "Cache-Control": "no-cache, no-store, max-age=0",
    "Pragma": "no-cache",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Prefix": "/evil",
    "X-Original-URL": "/metrics",
    "X-Rewrite-URL": "/metrics",
    "X-HTTP-Method-Override": "DELETE",
    "X-Accel-Expires": "3600",
    "X-Cache": "HIT",
    "Connection": "close, X-Request-ID, If-None-Match",
    "Upgrade": "websocket",
    "Origin": "https://evil.example",
    "Host": "evil.example",
}
TWICE = [
    ("", "0"),
    ("0", ""),
    ("0", "mine"),
    ("mine", "0"),
]
PATHS = [
    "//api/v1/leaderboard/top",
    "/api//v1/leaderboard/top",
    "/api/v1/leaderboard/top/",
    "/api/v1/leaderboard/./top",
    "/api/v1/nowhere/../leaderboard/top",
    "/api/v1/leaderboard/%74op",
    "/api/v1/leaderboard/TOP",
    "http://evil.example/api/v1/leaderboard/top",
]


@pytest.fixture(scope="module")
def visitor(edge: Edge) -> Iterator[Api]:
    """Yield a client that sends no headers of its own; there are at least three players to list."""
    visitor = Api(edge.url, address="127.78.0.1")
    for _ in range(3):
        visitor.register().score_once()
    eventually(lambda: len(visitor.get(PATH).data) >= 3)
    yield visitor
    visitor.close()


def _tag(visitor: Api, question: str) -> str:
    """Return the tag of the list that the servers have; a request with an id of its own bypasses the cache."""
    return str(visitor.get(question, headers={"X-Request-ID": "past-the-cache"}).headers["ETag"])


def _check_current_list(visitor: Api, question: str) -> None:
    """Check the list that a visitor gets: it is not older than the servers' list was before they asked."""
    tag = _tag(visitor, question)
    answer = visitor.get(question)
    assert (answer.status, len(answer.text) > 200) == (200, True)
    assert len(answer.data) >= 3
    assert answer.body["meta"]["request_id"] not in [own_id.strip() for own_id in IDS], "the attack's own answer"
    assert answer.headers["ETag"] in (tag, _tag(visitor, question)), "an old list"


@pytest.mark.parametrize("given", IDS, ids=lambda request_id: repr(request_id[:4]))
def test_a_list_that_nobody_has_asked_for(edge: Edge, visitor: Api, given: str) -> None:
    for form in TAGS:
        question = next(QUESTIONS)
        tag = form.format(_tag(visitor, question))
        head = f"GET {API}{question} HTTP/1.1\r\nHost: x\r\nX-Request-ID: {given}\r\nIf-None-Match: {tag}\r\n"
        attack = raw_answer(edge.nginx.address, f"{head}Connection: close\r\n\r\n".encode("latin-1"))
        assert attack.status in (200, 304)
        _check_current_list(visitor, question)


def test_a_list_that_has_changed_meanwhile(visitor: Api) -> None:
    """Attack while the cache has the old list: it must not read the servers' 304 as proof that its list is current."""
    attacks = [(next(QUESTIONS), request_id, form) for request_id in IDS for form in TAGS[:2]]
    old = {question: visitor.get(question).headers["ETag"] for question, _, _ in attacks}
    first = attacks[0][0]
    visitor.register().score_once()
    eventually(lambda: _tag(visitor, first) != old[first])
    for question, request_id, form in attacks:
        headers: dict[str, str | bytes] = {"If-None-Match": form.format(_tag(visitor, question))}
        headers["X-Request-ID"] = request_id.strip(" \t").encode("latin-1")
        assert visitor.get(question, headers=headers).status in (200, 304)
        _check_current_list(visitor, question)


@pytest.mark.parametrize("own_id", [{}, {"X-Request-ID": "0"}], ids=["no id", "an id"])
def test_any_other_header(visitor: Api, own_id: dict[str, str]) -> None:
    for name, value in OTHERS.items():
        question = next(QUESTIONS)
        headers = {name: value, "If-None-Match": _tag(visitor, question), **own_id}
        assert visitor.get(question, headers=headers).status in (200, 304), name
        _check_current_list(visitor, question)


def _is_over(second: int) -> bool:
    return time.time() > second + 1


@pytest.mark.parametrize("name", ["If-Match", "If-Unmodified-Since"])
def test_a_condition_that_is_there_and_empty_ends_no_worker_of_nginx(edge: Edge, visitor: Api, name: str) -> None:
    for _ in range(3):
        question = next(QUESTIONS)
        visitor.get(question)
        eventually(partial(_is_over, int(time.time())))  # nginx has to fetch the list again
        attack = f"GET {API}{question} HTTP/1.1\r\nHost: x\r\n{name}:\r\nConnection: close\r\n\r\n"
        refusal = raw_answer(edge.nginx.address, attack.encode())
        assert (refusal.status, refusal.code) == (412, "precondition_failed")
        assert refusal.headers["X-Request-ID"] == refusal.body["meta"]["request_id"]
        _check_current_list(visitor, question)
    assert b"exited on signal" not in edge.nginx.log.read_bytes()


@pytest.mark.parametrize("ids", TWICE)
def test_headers_that_are_there_twice(edge: Edge, visitor: Api, ids: tuple[str, str]) -> None:
    question = next(QUESTIONS)
    tag = _tag(visitor, question)
    lines = [f"X-Request-ID: {ids[0]}", f"If-None-Match: {tag}", f"x-request-id: {ids[1]}", "X_Request_ID: 0"]
    lines += [f"if-none-match: {tag}", "If-None-Match: *", "Connection: close"]
    head = f"GET {API}{question} HTTP/1.1\r\nHost: x\r\n" + "".join(f"{line}\r\n" for line in lines) + "\r\n"
    assert raw_answer(edge.nginx.address, head.encode()).status in (200, 304, 400)
    _check_current_list(visitor, question)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PROPFIND"])
def test_another_method(visitor: Api, method: str) -> None:
    question = next(QUESTIONS)
    visitor.call(method, question, headers={"If-None-Match": _tag(visitor, question), "X-Request-ID": "0"})
    _check_current_list(visitor, question)
    question = next(QUESTIONS)
    visitor.call(method, question, headers={"If-None-Match": _tag(visitor, question)})
    _check_current_list(visitor, question)


@pytest.mark.parametrize("path", PATHS)
def test_another_spelling_of_the_path(edge: Edge, visitor: Api, path: str) -> None:
    question = next(QUESTIONS)
    args = question.partition("?")[2]
    for head in (f"GET {path}?{args}", f"GET {path}?{args}#top"):
        request = f"{head} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        assert raw_answer(edge.nginx.address, request).status in (200, 404)
        _check_current_list(visitor, question)


def test_a_body_is_no_part_of_the_question(edge: Edge, visitor: Api) -> None:
    for framing in (b"Content-Length: 2\r\n\r\n{}", b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n"):
        question = next(QUESTIONS)
        request = f"GET {API}{question} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n".encode() + framing
        assert raw_answer(edge.nginx.address, request).status in (200, 400)
        _check_current_list(visitor, question)
