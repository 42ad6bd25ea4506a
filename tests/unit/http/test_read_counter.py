"""Reads counted in batches never pass the limit."""

from __future__ import annotations

import pytest
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from app.http.top_reads import ReadCounter


def counters(rate: str, count: int) -> list[ReadCounter]:
    """Return one counter per process, on one shared storage."""
    limiter = FixedWindowRateLimiter(MemoryStorage())
    return [ReadCounter(limiter, parse(rate), "limits", "reads") for _ in range(count)]


@pytest.mark.parametrize("amount", [1, 2, 5, 59, 60, 100, 600, 1000])
def test_one_process_lets_exactly_the_limit_through(amount: int) -> None:
    (counter,) = counters(f"{amount}/hour", 1)
    assert [counter.admit("a") for _ in range(amount + 5)] == [True] * amount + [False] * 5


@pytest.mark.parametrize("amount", [1, 5, 60, 600])
def test_several_processes_together_let_exactly_the_limit_through(amount: int) -> None:
    processes = counters(f"{amount}/hour", 3)
    assert sum(processes[turn % 3].admit("a") for turn in range(2 * amount)) == amount


def test_addresses_are_counted_apart() -> None:
    (counter,) = counters("2/hour", 1)
    assert [counter.admit(address) for address in "aabba"] == [True, True, True, True, False]


def test_far_from_the_limit_the_storage_is_asked_once_a_batch() -> None:
    storage = MemoryStorage()
    limiter = FixedWindowRateLimiter(storage)
    item = parse("6000/hour")
    counter = ReadCounter(limiter, item, "limits", "reads")
    for _ in range(10):
        assert counter.admit("a")
    assert storage.get(item.key_for("limits", "a", "reads")) < 10
