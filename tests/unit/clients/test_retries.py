"""Which failed calls of the Python client are sent again, and when."""

from __future__ import annotations

import pickle

import pytest

from fairboard_client.errors import FairboardError
from fairboard_client.retries import Retries, may_repeat


def _error(status: int, code: str = "", *, retry_after: float | None = None, was_sent: bool = True) -> FairboardError:
    return FairboardError(code, "", status, None, retry_after, None, was_sent)


@pytest.mark.parametrize(
    ("error", "if_repeatable", "if_not"),
    [
        (_error(0, "network"), True, False),
        (_error(0, "network", was_sent=False), True, True),
        (_error(502, "unavailable"), True, False),
        (_error(503, "unavailable"), True, False),
        (_error(504, "unavailable"), True, False),
        (_error(429, "rate_limited"), True, True),
        (_error(409, "too_soon"), True, True),
        (_error(409, "in_progress"), True, False),
        (_error(409, "conflict"), False, False),
        (_error(500, "internal_error"), False, False),
        (_error(401, "unauthorized"), False, False),
        (_error(403, "token_already_used"), False, False),
        (_error(422, "idempotency_key_reused"), False, False),
    ],
    ids=lambda value: value.code if isinstance(value, FairboardError) else None,
)
def test_only_safe_calls_are_repeated(error: FairboardError, *, if_repeatable: bool, if_not: bool) -> None:
    assert may_repeat(error, is_repeatable=True) == if_repeatable
    assert may_repeat(error, is_repeatable=False) == if_not


def _pauses(retries: Retries, error: FairboardError, count: int) -> list[float | None]:
    return [retries.pause(error, is_repeatable=True, failures=number, elapsed=0) for number in range(count)]


def test_pauses_double_up_to_the_longest_and_vary_by_half() -> None:
    longest = Retries(first_pause=1, longest_pause=5, jitter=lambda: 1.0)
    shortest = Retries(first_pause=1, longest_pause=5, jitter=lambda: 0.0)
    assert _pauses(longest, _error(503), 5) == [1, 2, 4, 5, 5]
    assert _pauses(shortest, _error(503), 5) == [0.5, 1, 2, 2.5, 2.5]
    assert longest.pause(_error(503), is_repeatable=True, failures=10_000, elapsed=0) == 5


def test_the_server_says_how_long_a_pause_is_at_least() -> None:
    retries = Retries(first_pause=1, jitter=lambda: 0.0)
    assert _pauses(retries, _error(429, retry_after=7), 2) == [7.5, 8]


def test_no_try_comes_after_the_total_time() -> None:
    retries = Retries(total=10, first_pause=1, jitter=lambda: 1.0)
    assert retries.pause(_error(503), is_repeatable=True, failures=0, elapsed=9) == 1
    assert retries.pause(_error(503), is_repeatable=True, failures=0, elapsed=9.5) is None
    assert retries.pause(_error(429, retry_after=60), is_repeatable=True, failures=0, elapsed=0) is None


def test_an_error_passes_from_process_to_process() -> None:
    error = FairboardError("rate_limited", "slowly", 429, {"a": 1}, 2.0, "r", was_sent=True)
    copy = pickle.loads(pickle.dumps(error))
    assert vars(copy) == vars(error)
    assert str(copy) == "429 rate_limited: slowly {'a': 1}"
