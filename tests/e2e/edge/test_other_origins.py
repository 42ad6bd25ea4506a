"""Pages of other origins through nginx: its cache and its own refusals tell a browser what the app's answers do."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.edge.conftest import PARTNER
from tests.parts.client import Answer, Api
from tests.parts.edge import Edge
from tests.parts.raw import raw_answer
from tests.parts.waiting import eventually

EVIL = "https://evil.example"
TOP = "/leaderboard/top"


def _cors(answer: Answer) -> dict[str, Any]:
    names = ("Access-Control-Allow-Origin", "Vary", "Access-Control-Allow-Credentials")
    return {name: answer.headers[name] for name in names if name in answer.headers}


def test_the_cache_gives_every_page_the_same_list_and_the_same_header(api: Api) -> None:
    answers: list[Answer] = []

    def ask() -> bool:
        """Ask from several pages in turn until the cache has answered each of them."""
        origins: tuple[dict[str, str], ...] = ({"Origin": PARTNER}, {"Origin": EVIL}, {}, {"Origin": "null"})
        answers.extend(api.get(f"{TOP}?limit=94", headers=origin) for origin in origins)
        return [answer.headers["X-Cache"] for answer in answers[-4:]] == ["HIT"] * 4

    eventually(ask)
    assert all(_cors(answer) == {"Access-Control-Allow-Origin": "*"} for answer in answers)
    assert all("ETag" in answer.headers["Access-Control-Expose-Headers"] for answer in answers)


def test_an_unchanged_or_refused_list_and_one_past_the_cache_are_for_every_page_too(api: Api) -> None:
    etag = api.get(TOP).headers["ETag"]
    for headers in ({"If-None-Match": etag}, {"X-Request-ID": "mine"}, {"If-Match": "*"}, {"Authorization": "x"}):
        for query in ("", "?board=main", "?board=nowhere", "?limit=0"):
            answer = api.get(f"{TOP}{query}", headers={"Origin": EVIL, **headers})
            assert _cors(answer) == {"Access-Control-Allow-Origin": "*"}, (headers, query)


@pytest.mark.parametrize(
    ("origin", "wanted", "path", "allowed"),
    [
        (EVIL, "GET", TOP, "*"),
        (EVIL, "GET", f"{TOP}?limit=93", "*"),
        (EVIL, "POST", "/leaderboard/lookup", "*"),
        (PARTNER, "POST", "/actions", PARTNER),
        (PARTNER, "POST", "/scores/batch", PARTNER),
        (PARTNER, "PATCH", "/me", PARTNER),
        (EVIL, "POST", "/actions", None),
    ],
)
def test_preflights_pass(api: Api, origin: str, wanted: str, path: str, allowed: str | None) -> None:
    asks = {"Origin": origin, "Access-Control-Request-Method": wanted, "Access-Control-Request-Headers": "x-request-id"}
    answer = api.call("OPTIONS", path, headers=asks)
    assert answer.status == 204
    assert answer.headers.get("Access-Control-Allow-Origin") == allowed
    assert (answer.headers.get("Access-Control-Max-Age") == "7200") == bool(allowed)


def test_an_answer_for_one_origin_is_for_no_other(api: Api) -> None:
    for _ in range(2):
        for origin, expected in ((PARTNER, PARTNER), (EVIL, None), (PARTNER, PARTNER)):
            answer = api.get("/me", headers={"Origin": origin})
            assert answer.headers.get("Access-Control-Allow-Origin") == expected
            assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    "head",
    [
        b"GET /api/v1/leaderboard/top?" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x",
        b"GET /api/v1/leaderboard/users/%00 HTTP/1.1\r\nHost: x",
        b"GET /api/v1/boards HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 9000,
        b"POST /api/v1/actions HTTP/1.1\r\nHost: x\r\nContent-Length: 40000",
    ],
    ids=["address", "path", "header", "body"],
)
def test_what_a_server_refuses_ahead_of_the_app_can_be_read_by_a_page(edge: Edge, head: bytes) -> None:
    """Ask nginx, and a server of ours without it, which refuses the same but the body."""
    for address in (edge.nginx.address, *([edge.api[0].address] if head.startswith(b"GET") else [])):
        answer = raw_answer(address, head + b"\r\nOrigin: https://evil.example\r\nConnection: close\r\n\r\n")
        assert answer.status >= 400
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]


def test_a_page_learns_that_no_server_answers(edge: Edge) -> None:
    nginx = edge.another_nginx("nginx-without-servers")
    nginx.api = nginx.ws = [("127.0.0.1", 9)]
    nginx.start()
    alone = Api(nginx.url)
    try:
        for path in (TOP, "/boards", "/me"):
            answer = alone.get(path, headers={"Origin": PARTNER})
            assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (503, "*")
    finally:
        alone.close()
        nginx.stop()


def test_the_frame_of_a_board_has_no_contradicting_header(api: Api) -> None:
    embedded, page = api.get("//embed"), api.get("//")
    assert f"frame-ancestors {PARTNER};" in embedded.headers["Content-Security-Policy"] + ";"
    assert "X-Frame-Options" not in embedded.headers
    assert embedded.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("path", ["//openapi.json", "//asyncapi.json"])
def test_the_reference_documents_are_for_every_page_and_are_sent_once(api: Api, path: str) -> None:
    first = api.get(path, headers={"Origin": "https://stranger.example"})
    again = api.get(path, headers={"Origin": "https://stranger.example", "If-None-Match": first.headers["ETag"]})
    assert (first.status, again.status, again.text) == (200, 304, "")
    assert {answer.headers["Access-Control-Allow-Origin"] for answer in (first, again)} == {"*"}
    preflight = {"Origin": "https://stranger.example", "Access-Control-Request-Method": "GET"}
    assert api.call("OPTIONS", path, headers=preflight).headers["Access-Control-Allow-Headers"].count("If-None-Match")
