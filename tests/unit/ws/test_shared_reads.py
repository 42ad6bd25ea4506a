"""Reads of a board that subscribers share, with a store whose answers the test holds back."""

from __future__ import annotations

import gevent
import gevent.event
import pytest

from app.services.boards.standings import BoardSnapshot
from app.stores.boards.board_events import Subscription
from app.ws.feed import Feed
from app.ws.hub import Hub
from app.ws.shared_reads import SharedReads


class SlowStore:
    """A store whose reads take what is true at their beginning, and answer when the test says so."""

    def __init__(self) -> None:
        self.truth = 0
        self.reads = 0
        self.error: Exception | None = None
        self.may_answer = gevent.event.Event()

    def read(self, key: str) -> tuple[str, int]:
        self.reads += 1
        value = key, self.truth
        self.may_answer.wait()
        if self.error is not None:
            raise self.error
        return value


@pytest.fixture
def store() -> SlowStore:
    return SlowStore()


def test_a_crowd_that_comes_during_a_read_shares_the_next_one(store: SlowStore) -> None:
    reads = SharedReads(store.read)
    early = gevent.spawn(reads.get, "main")
    gevent.idle()
    store.truth = 1  # a change after the first read began: nobody who comes now may miss it
    crowd = [gevent.spawn(reads.get, "main") for _ in range(100)]
    gevent.idle()
    store.may_answer.set()
    gevent.joinall([early, *crowd], timeout=10)
    assert early.value == ("main", 0)
    assert {greenlet.value for greenlet in crowd} == {("main", 1)}
    assert store.reads == 2


def test_a_read_after_an_answer_is_a_new_one(store: SlowStore) -> None:
    store.may_answer.set()
    reads = SharedReads(store.read)
    assert reads.get("main") == ("main", 0)
    store.truth = 1
    assert reads.get("main") == ("main", 1)


def test_boards_do_not_wait_for_each_other(store: SlowStore) -> None:
    reads = SharedReads(store.read)
    waiting = gevent.spawn(reads.get, "main")
    gevent.idle()
    weekly = gevent.spawn(reads.get, "weekly")
    gevent.idle()
    assert store.reads == 2
    store.may_answer.set()
    gevent.joinall([waiting, weekly], timeout=10)
    assert weekly.value == ("weekly", 0)


def test_an_error_reaches_all_that_shared_the_read_and_nobody_after_them(store: SlowStore) -> None:
    reads = SharedReads(store.read)
    first = gevent.spawn(_error_of, reads)
    gevent.idle()
    crowd = [gevent.spawn(_error_of, reads) for _ in range(3)]
    gevent.idle()
    store.error = OSError("away")
    store.may_answer.set()
    gevent.joinall([first, *crowd], timeout=10)
    assert [greenlet.value for greenlet in (first, *crowd)] == ["away"] * 4
    store.error = None
    assert reads.get("main") == ("main", 0)


def test_a_caller_that_is_killed_in_the_line_leaves_it_open(store: SlowStore) -> None:
    reads = SharedReads(store.read)
    first = gevent.spawn(reads.get, "main")
    gevent.idle()
    second = gevent.spawn(reads.get, "main")
    gevent.idle()
    second.kill()
    third = gevent.spawn(reads.get, "main")
    gevent.idle()
    store.may_answer.set()
    gevent.joinall([first, third], timeout=10)
    assert third.value == ("main", 0)


def test_a_crowd_of_subscribers_reads_a_board_twice_at_most(store: SlowStore) -> None:
    def snapshot(board: str) -> BoardSnapshot:
        _, version = store.read(board)
        return {"board": board, "version": version, "data": []}

    feed = Feed(_no_messages, snapshot, Hub(merge_seconds=0.0), on_missed=lambda: None)
    crowd = [gevent.spawn(feed.read_settled, "main") for _ in range(100)]
    gevent.idle()
    store.may_answer.set()
    gevent.joinall(crowd, timeout=10)
    assert all(greenlet.value == {"board": "main", "version": 0, "data": []} for greenlet in crowd)
    assert store.reads <= 2


def _no_messages() -> Subscription:
    raise AssertionError("this test needs no messages")


def _error_of(reads: SharedReads[tuple[str, int]]) -> str:
    try:
        reads.get("main")
    except OSError as error:
        return str(error)
    return ""
