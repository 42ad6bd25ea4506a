"""The frames that one socket may send, by a clock that the test moves."""

from __future__ import annotations

import pytest

from app.settings import Settings
from app.ws.allowance import Allowance, Allowances, Bucket


class Clock:
    """A clock whose seconds pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_bucket_gives_what_it_holds_and_then_what_time_brings(clock: Clock) -> None:
    bucket = Bucket(rate=2.0, size=3.0, clock=clock)
    assert [bucket.take(1) for _ in range(4)] == [True, True, True, False]
    clock.now += 0.5
    assert [bucket.take(1) for _ in range(2)] == [True, False]
    clock.now += 3600
    assert [bucket.take(1) for _ in range(4)] == [True, True, True, False]


def test_a_debt_is_paid_by_time_and_never_longer_than_a_minute(clock: Clock) -> None:
    bucket = Bucket(rate=2.0, size=3.0, clock=clock)
    bucket.spend(2)
    assert bucket.debt == 0
    bucket.spend(5)
    assert bucket.debt == pytest.approx(2.0)
    clock.now += 2.0
    assert bucket.debt == 0
    bucket.spend(1_000_000)
    assert bucket.debt == pytest.approx(60.0)


def test_a_clock_that_stands_still_gives_nothing(clock: Clock) -> None:
    allowance = Allowance(Bucket(1.0, 5.0, clock), Bucket(50.0, 50.0, clock))
    assert [allowance.count_message() for _ in range(6)] == [True] * 5 + [False]


def test_an_expected_answer_costs_the_socket_nothing(clock: Clock) -> None:
    allowance = Allowance(Bucket(1.0, 5.0, clock), Bucket(50.0, 50.0, clock))
    for _ in range(100):
        assert allowance.count_message()
        allowance.refund()


def test_fragments_cost_less_than_messages_and_are_limited_too(clock: Clock) -> None:
    allowance = Allowance(Bucket(1.0, 30.0, clock), Bucket(50.0, 50.0, clock))
    passed = 0
    while allowance.count_fragment():
        passed += 1
    assert 700 < passed < 1000  # a subscribe may come in pieces of a byte, an endless message may not


def test_sockets_of_one_address_share_its_pause_and_other_addresses_have_none() -> None:
    allowances = Allowances(Settings())
    crowd = [allowances.for_address("203.0.113.9") for _ in range(200)]
    for allowance in crowd:
        for _ in range(30):
            allowance.count_message()
    late, other_address = allowances.for_address("203.0.113.9"), allowances.for_address("203.0.113.10")
    assert late.pause > 1
    assert late.count_message(), "a pause is no refusal: each socket has messages of its own"
    assert other_address.pause == 0


def test_an_address_may_answer_the_pings_of_all_the_sockets_it_may_open() -> None:
    settings = Settings()
    clock = Clock()
    work = settings.max_sockets_per_address * 2 / settings.ping_seconds  # a read and a message for each pong
    allowances = Allowances(settings, clock)
    allowance = allowances.for_address("203.0.113.9")
    for _ in range(600):
        clock.now += 1
        for _ in range(int(work / 2)):
            allowance.count_read()
            allowance.count_message()
    assert allowance.pause == 0
