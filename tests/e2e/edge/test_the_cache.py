"""The public top list from nginx's cache: it saves requests, and shows no list for longer than a second."""

from __future__ import annotations

import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from email.utils import parsedate_to_datetime

import pytest

from tests.parts.client import Answer, Api
from tests.parts.edge import Edge
from tests.parts.waiting import eventually

TOP = "/leaderboard/top"


def test_a_list_is_shown_in_one_second_of_the_clock_only(edge: Edge, api: Api) -> None:
    """Change the board all the time, so that each answer of a server is a list of its own with an id of its own."""
    player = api.register()
    seconds: defaultdict[str, set[datetime]] = defaultdict(set)
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        player.score_once()
        for _ in range(5):
            answer = api.get(TOP)
            assert answer.status == 200
            seconds[answer.body["meta"]["request_id"]].add(parsedate_to_datetime(answer.headers["Date"]))
    assert len(seconds) > 1
    assert {len(dates) for dates in seconds.values()} == {1}


def test_a_crowd_costs_the_servers_a_request_a_second(edge: Edge, api: Api) -> None:
    question, began = f"{TOP}?limit=97", time.time()
    answers = [api.get(question) for _ in range(300)]
    kinds = [answer.headers["X-Cache"] for answer in answers]
    ids = {answer.body["meta"]["request_id"] for answer in answers}
    assert set(kinds) <= {"HIT", "MISS"}
    assert len(ids) <= int(time.time()) - int(began) + 1


def test_many_who_ask_at_once_for_what_nobody_has_asked_yet_wait_for_one_answer(edge: Edge) -> None:
    def ask(_: int) -> str:
        api = Api(edge.url)
        try:
            return str(api.get(f"{TOP}?limit=96").body["meta"]["request_id"])
        finally:
            api.close()

    began = time.time()
    with ThreadPoolExecutor(24) as pool:
        ids = set(pool.map(ask, range(48)))
    assert len(ids) <= int(time.time()) - int(began) + 1


def test_an_unchanged_list_is_revalidated_by_its_etag(edge: Edge, api: Api) -> None:
    """Expect the cached answer, id and all, after its second has ended: the server only had to answer 304."""
    question = f"{TOP}?limit=95"
    first = api.get(question)

    def revalidated() -> bool:
        answer = api.get(question)
        assert answer.body["meta"]["request_id"] == first.body["meta"]["request_id"]
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


def test_head_range_and_refusals_are_as_without_a_cache(api: Api) -> None:
    api.get(TOP)
    head = api.call("HEAD", TOP)
    assert (head.status, head.text, head.headers["X-Cache"]) == (200, "", "HIT")
    assert api.get(TOP, headers={"Range": "bytes=0-3"}).status == 200
    for query, status in (("limit=0", 422), ("board=nowhere", 404), ("colour=red", 422)):
        refused: list[Answer] = [api.get(f"{TOP}?{query}") for _ in range(2)]
        assert {answer.status for answer in refused} == {status}
        assert len({answer.body["meta"]["request_id"] for answer in refused}) == 2, "refusals are not kept"
    assert "X-Accel-Expires" not in api.get(TOP).headers
