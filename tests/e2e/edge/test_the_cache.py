"""The public top list from nginx's cache: it saves requests, and shows no list for longer than a second."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from email.utils import parsedate_to_datetime

import pytest

from tests.parts.client import API, Answer, Api
from tests.parts.edge import Edge
from tests.parts.raw import raw_answer
from tests.parts.waiting import eventually

TOP = "/leaderboard/top"


def _log_lines(edge: Edge, answers: Iterable[Answer]) -> list[dict[str, str]]:
    """Return the line of nginx's log for each answer."""
    own_ids = [answer.headers["X-Request-ID"] for answer in answers]

    def read() -> list[dict[str, str]]:
        lines = map(json.loads, edge.nginx.access_log.read_text(errors="replace").splitlines())
        lines_by_id = {line["request_id"]: line for line in lines}
        return [lines_by_id[own_id] for own_id in own_ids]

    return eventually(read)


def _fills(edge: Edge, answers: Iterable[Answer]) -> list[str]:
    """Return for each answer the id of the request that fetched its list."""
    return [line["server_request_id"] for line in _log_lines(edge, answers)]


def test_a_list_is_shown_in_one_second_of_the_clock_only(edge: Edge, api: Api) -> None:
    """Change the board all the time; a list that a slow worker has left as it was is fetched or confirmed anew."""
    player = api.register()
    answers: list[Answer] = []
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        player.score_once()
        for _ in range(5):
            answer = api.get(TOP)
            assert answer.status == 200
            answers.append(answer)
    seconds: list[set[datetime]] = []
    for line, answer in zip(_log_lines(edge, answers), answers, strict=True):
        if line["cache"] != "HIT":
            seconds.append(set())
        seconds[-1].add(parsedate_to_datetime(answer.headers["Date"]))
    assert len(seconds) > 1
    assert {len(dates) for dates in seconds} == {1}


def test_a_crowd_costs_the_servers_a_request_a_second(edge: Edge, api: Api) -> None:
    question, began = f"{TOP}?limit=97", time.time()
    answers = [api.get(question) for _ in range(300)]
    kinds = [answer.headers["X-Cache"] for answer in answers]
    ended = time.time()
    ids = set(_fills(edge, answers))
    assert set(kinds) <= {"HIT", "MISS"}
    assert len(ids) <= int(ended) - int(began) + 1
    assert len({answer.body["meta"]["request_id"] for answer in answers}) == 300, "each answer has an id of its own"


def test_many_who_ask_at_once_for_what_nobody_has_asked_yet_wait_for_one_answer(edge: Edge) -> None:
    def ask(_: int) -> Answer:
        api = Api(edge.url)
        try:
            return api.get(f"{TOP}?limit=96")
        finally:
            api.close()

    began = time.time()
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(ask, range(48)))
    ended = time.time()
    assert len(set(_fills(edge, answers))) <= int(ended) - int(began) + 1


def test_an_unchanged_list_is_revalidated_by_its_etag(edge: Edge, api: Api) -> None:
    """Expect the cached answer after its second has ended: the server only had to answer 304."""
    question = f"{TOP}?limit=95"
    first = api.get(question)

    def revalidated() -> bool:
        answer = api.get(question)
        assert _fills(edge, [answer]) == _fills(edge, [first])
        return parsedate_to_datetime(answer.headers["Date"]) > parsedate_to_datetime(first.headers["Date"])

    assert eventually(revalidated)


def test_an_etag_is_answered_with_304_by_the_cache_and_past_it(api: Api) -> None:
    """Ask until the list rests: scores of the tests before may still be on their way to the board."""

    def ask() -> bool:
        etag = api.get(TOP).headers["ETag"]
        for headers in ({}, {"X-Request-ID": "mine"}):
            unchanged = api.get(TOP, headers={"If-None-Match": etag, **headers})
            assert (unchanged.status, unchanged.text) == (304, "")
            assert unchanged.headers["ETag"] == etag
            assert unchanged.headers["X-Request-ID"] == headers.get("X-Request-ID", unchanged.headers["X-Request-ID"])
            assert api.get(TOP, headers={"If-None-Match": '"other"', **headers}).status == 200
        return True

    eventually(ask)


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ("{quoted}", 304),
        ("W/{quoted}", 304),
        ('"other", W/{quoted}', 304),
        ('"a,b",{quoted},', 304),
        ("*", 304),
        ("{tag}", 200),
        ("W/{tag}", 200),
        ("w/{quoted}", 200),
        ("{quoted}x", 200),
        ('*, "other"', 200),
        ('"other"', 200),
        ('"', 200),
    ],
)
def test_a_tag_is_known_or_not_wherever_the_answer_comes_from(edge: Edge, api: Api, form: str, status: int) -> None:
    """Ask nginx's cache, ask past it, and ask a server, which answers from its view or its memory."""
    server = Api(edge.api[0].url)

    def ask() -> bool:
        tag = api.get(TOP).headers["ETag"].removeprefix("W/").strip('"')
        headers = {"If-None-Match": form.format(tag=tag, quoted=f'"{tag}"')}
        answers = [api.get(TOP, headers=headers), api.get(TOP, headers={**headers, "X-Request-ID": "mine"})]
        answers += [server.get(f"{TOP}?limit=10&board=main", headers=headers), server.get(TOP, headers=headers)]
        answers += [server.call("HEAD", TOP, headers=headers)]
        assert [answer.status for answer in answers] == [status] * 5
        return True

    eventually(ask)
    server.close()


def test_a_request_with_an_id_of_its_own_gets_it_back_and_the_same_list(api: Api) -> None:
    api.get(TOP)
    mine = api.get(TOP, headers={"X-Request-ID": "mine"})
    assert mine.body["meta"]["request_id"] == mine.headers["X-Request-ID"] == "mine"
    assert api.get(TOP).body["meta"]["request_id"] != "mine", "it was not kept for others"


@pytest.mark.parametrize("own_id", [{}, {"X-Request-ID": "mine"}], ids=["no id", "an id"])
@pytest.mark.parametrize(
    "condition",
    [{"If-Match": '"other"'}, {"If-Match": "*"}, {"If-Unmodified-Since": "Fri, 01 Jan 2010 00:00:00 GMT"}],
    ids=["a tag", "any tag", "a date"],
)
def test_a_condition_that_no_read_heeds_changes_no_answer(
    edge: Edge, api: Api, condition: dict[str, str], own_id: dict[str, str]
) -> None:
    server = Api(edge.api[0].url)
    for client in (api, server):
        answer = client.get(TOP, headers={**condition, **own_id})
        assert answer.status == 200
        assert answer.headers["X-Cache"] in ("HIT", "MISS")
        assert answer.headers["X-Request-ID"] == own_id.get("X-Request-ID", answer.headers["X-Request-ID"])
        assert client is server or "X-Accel-Expires" not in answer.headers
    server.close()


def test_a_body_is_refused_at_the_same_size_as_without_a_cache(edge: Edge, api: Api) -> None:
    server = Api(edge.api[0].url)
    for client in (api, server):
        client.get(TOP)
        assert client.get(TOP, raw=b"x" * 16_384).status == 200
        assert client.get(TOP, raw=b"x" * 16_385).refusal == (413, "too_large")
    server.close()


def test_head_range_and_refusals_are_as_without_a_cache(edge: Edge, api: Api) -> None:
    api.get(TOP)
    head = api.call("HEAD", TOP)
    assert (head.status, head.text, head.headers["X-Cache"]) == (200, "", "HIT")
    assert api.get(TOP, headers={"Range": "bytes=0-3"}).status == 200
    for query, status in (("limit=0", 422), ("board=nowhere", 404), ("colour=red", 422)):
        refused: list[Answer] = [api.get(f"{TOP}?{query}") for _ in range(2)]
        assert {answer.status for answer in refused} == {status}
        assert len({answer.body["meta"]["request_id"] for answer in refused}) == 2
        assert len(set(_fills(edge, refused))) == 2, "refusals are not kept"
    assert "X-Accel-Expires" not in api.get(TOP).headers


@pytest.mark.parametrize("request_line", ["GET /api/v1/leaderboard/users/%00", f"GET {API}{TOP}"])
def test_nginx_refuses_what_it_cannot_read_in_the_envelope(edge: Edge, request_line: str) -> None:
    """It reads neither a path with a NUL nor two lines of If-None-Match; no configuration changes that."""
    lines = 'If-None-Match: "a"\r\nIf-None-Match: "b"' if TOP in request_line else "Accept: */*"
    request = f"{request_line} HTTP/1.1\r\nHost: x\r\n{lines}\r\nConnection: close\r\n\r\n"
    assert raw_answer(edge.nginx.address, request.encode()).refusal == (400, "bad_request")
