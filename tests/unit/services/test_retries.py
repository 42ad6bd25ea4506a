"""Retries of calls that a server did not answer: bounded, and of no other calls."""

from __future__ import annotations

import pytest
import redis.exceptions

from app.services.operations.retries import Retries
from app.stores.unavailability import RedisRefuses


def _failing(times: int, error: Exception) -> list[Exception | str]:
    return [error] * times + ["answer"]


def _call(script: list[Exception | str]) -> str:
    step = script.pop(0)
    if isinstance(step, Exception):
        raise step
    return step


def test_it_calls_again_until_there_is_an_answer() -> None:
    patience, script = Retries(), _failing(3, redis.exceptions.TimeoutError("slow"))
    assert patience(lambda: _call(script)) == "answer"
    assert patience.repeats == 3


def test_it_gives_up_with_the_last_error() -> None:
    script = _failing(100, redis.exceptions.TimeoutError("slow"))
    with pytest.raises(redis.exceptions.TimeoutError, match="slow"):
        Retries(at_first=0.2)(lambda: _call(script))
    assert 90 < len(script) < 100


def test_it_is_shorter_before_anything_has_answered() -> None:
    patience = Retries(seconds=10, at_first=0.0)
    with pytest.raises(redis.exceptions.ConnectionError):
        patience(lambda: _call(_failing(1, redis.exceptions.ConnectionError("away"))))
    assert patience(lambda: "answer") == "answer"
    script = _failing(2, redis.exceptions.ConnectionError("away"))
    assert patience(lambda: _call(script)) == "answer"


def test_what_is_no_server_that_is_away_is_raised_at_once() -> None:
    patience, script = Retries(), _failing(1, redis.exceptions.ResponseError("WRONGTYPE"))
    with pytest.raises(redis.exceptions.ResponseError):
        patience(lambda: _call(script))
    assert patience.repeats == 0


def test_a_server_that_refuses_is_not_waited_for_as_long_as_one_that_is_slow() -> None:
    patience = Retries(seconds=60, at_first=0.0)
    assert patience(lambda: "answer") == "answer"
    with pytest.raises(RedisRefuses):
        patience(lambda: _call(_failing(1, RedisRefuses("OOM"))))
