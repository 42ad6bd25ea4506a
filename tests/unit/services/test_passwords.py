"""Hashing is bounded: so many at a time, so many waiting, and the rest is refused before any computation."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from app.errors import Unavailable
from app.services.accounts.password_hashing import PasswordHashing
from tests.parts.waiting import eventually


class Gate:
    """A gate that runs the functions it is given once it is opened, and counts the callers inside."""

    def __init__(self) -> None:
        self.inside = self.most = self.passed = 0
        self.opened = threading.Event()

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.opened.wait(30)
        self.inside -= 1
        self.passed += 1
        return "hash"


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


def test_so_many_hash_at_a_time_so_many_wait_and_the_rest_is_refused(gate: Gate) -> None:
    passwords = PasswordHashing(gate.run, at_once=2, most_waiting=3)
    with ThreadPoolExecutor(6) as pool:
        answers: list[Future[str]] = [pool.submit(passwords.hash, "correct horse") for _ in range(5)]
        eventually(lambda: passwords.present == 5)
        with pytest.raises(Unavailable):
            passwords.hash("correct horse")
        with pytest.raises(Unavailable):
            passwords.matches("correct horse", "a hash")
        gate.opened.set()
        assert [answer.result(30) for answer in answers] == ["hash"] * 5
    assert (gate.most, gate.passed, passwords.present) == (2, 5, 0)
    assert passwords.hash("correct horse") == "hash", "there is room again"


def test_a_queue_that_would_last_too_long_takes_no_more(gate: Gate) -> None:
    passwords = PasswordHashing(gate.run, longest_wait=0.0)
    gate.opened.set()
    assert passwords.hash("correct horse") == "hash", "without a queue there is no wait"
    gate.opened.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(passwords.hash, "correct horse")
        eventually(lambda: passwords.present == 1)
        with pytest.raises(Unavailable):
            passwords.hash("correct horse")
        gate.opened.set()
        assert first.result(30) == "hash"
