"""The Python client's calls as values, without a server: requests, answers, parts of a batch, renewals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType

import pytest

from fairboard_client import batches
from fairboard_client.errors import FairboardError
from fairboard_client.player_calls import PlayerCalls
from fairboard_client.retries import Retries
from fairboard_client.server_calls import ServerCalls
from fairboard_client.steps import Acquire, Send
from fairboard_client.types import Score, TokenPair, User
from fairboard_client.wire import Lost, Reply, authorized, compact, draft, player_path, read

_USER: User = {"user_id": "u", "username": "Ada", "role": "player", "status": "active"}
_PAIR: TokenPair = {"access_token": "a1", "refresh_token": "r1", "expires_in": 100.0, "user": _USER}


def _reply(status: int, body: object, **headers: str) -> Reply:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, text)


def test_a_request_has_the_parameters_that_were_given() -> None:
    call = draft("GET", "/leaderboard/top", query={"board": "a b", "season": None, "segment": "country:JP"})
    request = authorized(call, "secret")
    assert request.path == "/api/v1/leaderboard/top?board=a+b&segment=country%3AJP"
    assert request.headers["Authorization"] == "Bearer secret"
    assert "secret" not in repr(request)
    assert "Authorization" not in authorized(draft("POST", "/auth/guest", is_anonymous=True), "secret").headers
    assert player_path("ext:a/ü%") == "ext:a%2F%C3%BC%25"


@pytest.mark.parametrize("key", ["match-17", ""])
def test_a_key_of_the_caller_is_sent_as_it_is(key: str) -> None:
    """Leave an empty key to the server, which refuses it: a new one would count a repeated score twice."""
    step = next(ServerCalls("k", Retries(), lambda: 0.0).submit_score("ext:u", "tap", 1, key=key))
    assert isinstance(step, Send)
    assert step.request.headers["Idempotency-Key"] == key


def test_a_body_is_json_or_an_error() -> None:
    assert compact({"a": MappingProxyType({"b": 1})}) == b'{"a":{"b":1}}'
    with pytest.raises(TypeError, match="no JSON value"):
        compact({"a": object()})
    with pytest.raises(ValueError, match="JSON"):
        compact({"a": float("nan")})


@pytest.mark.parametrize(
    ("outcome", "code", "status", "retry_after"),
    [
        (Lost("cut", was_sent=True), "network", 0, None),
        (_reply(200, b"<html>"), "unreadable", 200, None),
        (_reply(200, []), "unreadable", 200, None),
        (_reply(502, b"<html>"), "unavailable", 502, None),
        (_reply(301, b""), "http_error", 301, None),
        (_reply(429, {"error": {"code": "rate_limited", "message": "m"}}, retry_after="3"), "rate_limited", 429, 3.0),
        (_reply(503, {"error": {}}, retry_after="Fri, 27 Nov 2026 10:00:00 GMT"), "unavailable", 503, None),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else None,
)
def test_everything_but_an_answer_is_an_error(
    outcome: Reply | Lost, code: str, status: int, retry_after: float | None
) -> None:
    with pytest.raises(FairboardError) as caught:
        read(outcome)
    error = caught.value
    assert (error.code, error.status, error.retry_after) == (code, status, retry_after)


def test_an_answer_may_have_fields_that_the_client_does_not_know() -> None:
    body = {"meta": {"code": 200, "new": 1}, "data": {"x": 1, "y": 2}, "links": {"next": "/n"}, "more": True}
    answer = read(_reply(200, body, idempotency_replayed="true"))
    assert (answer.data, answer.links["next"], answer.is_replayed) == ({"x": 1, "y": 2}, "/n", True)
    assert read(_reply(204, b"")).data is None


def _scores(count: int, metadata: Mapping[str, str]) -> list[Score]:
    return [
        {"key": str(number), "player": "ext:a", "action_type": "t", "metadata": metadata} for number in range(count)
    ]


def test_a_batch_is_split_by_number_and_by_size() -> None:
    assert [len(part) for part in batches.parts(_scores(2001, {}))] == [1000, 1000, 1]
    parts = list(batches.parts(_scores(1000, {"m": "ü" * 500})))
    assert len(parts) > 1
    assert [score["key"] for part in parts for score in part] == [str(number) for number in range(1000)]
    assert all(len(json.dumps({"scores": part}, separators=(",", ":"))) <= 2**20 for part in parts)
    assert list(batches.parts([])) == []


def test_a_score_without_a_key_gets_one_of_its_own() -> None:
    score: Score = {"player": "ext:a", "action_type": "t"}
    keys = {batches.keyed(score)["key"] for _ in range(3)}
    assert len(keys) == 3
    assert batches.keyed({**score, "key": "mine"})["key"] == "mine"


class _Lock:
    """A lock that counts its releases."""

    releases = 0

    def release(self) -> None:
        self.releases += 1


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _player() -> tuple[PlayerCalls, _Lock, _Clock]:
    lock, clock = _Lock(), _Clock()
    calls = PlayerCalls(Retries(total=0), clock, lock, lambda pair: None)
    calls.use(_PAIR)
    return calls, lock, clock


def test_tokens_are_renewed_before_they_expire_and_no_sooner() -> None:
    calls, lock, clock = _player()
    clock.now = 79
    first = calls.me().send(None)
    assert isinstance(first, Send)
    assert first.request.headers["Authorization"] == "Bearer a1"
    clock.now = 81
    steps = calls.me()
    assert isinstance(steps.send(None), Acquire)
    renewal = steps.send(None)
    assert isinstance(renewal, Send)
    assert (renewal.request.path, renewal.request.headers["Authorization"]) == ("/api/v1/auth/refresh", "Bearer r1")
    data = {"access_token": "a2", "refresh_token": "r2", "expires_in": 100}
    second = steps.send(_reply(200, {"data": data}))
    assert isinstance(second, Send)
    assert second.request.headers["Authorization"] == "Bearer a2"
    assert lock.releases == 1


@pytest.mark.parametrize("end", ["lost", "cancelled"])
def test_after_a_doubtful_renewal_the_access_token_serves_to_its_end(end: str) -> None:
    calls, lock, clock = _player()
    clock.now = 81
    steps = calls.me()
    steps.send(None)
    steps.send(None)
    if end == "lost":
        after = steps.send(Lost("cut", was_sent=True))
        assert isinstance(after, Send)
        assert after.request.headers["Authorization"] == "Bearer a1"
    else:
        steps.close()
    assert lock.releases == 1
    clock.now = 99
    assert isinstance(calls.me().send(None), Send)
    clock.now = 101
    assert isinstance(calls.me().send(None), Acquire), "then the refresh token is tried once more"


def test_a_call_waits_for_the_renewal_of_another_one_and_sends_no_second() -> None:
    calls, _, clock = _player()
    clock.now = 81
    first, second = calls.me(), calls.me()
    assert isinstance(first.send(None), Acquire)
    assert isinstance(second.send(None), Acquire)
    first.send(None)
    first.send(Lost("cut", was_sent=True))
    after = second.send(None)
    assert isinstance(after, Send)
    assert after.request.path == "/api/v1/me"
