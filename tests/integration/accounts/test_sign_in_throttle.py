"""Failed sign-ins slow the next ones down, but never lock out a player who has signed in from that address before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.containers.container import Container
from app.errors import InvalidCredentials, RateLimited
from app.services.accounts.sign_in_throttle import SignInThrottle
from app.stores.accounts.failed_sign_ins import FailedSignInStore
from app.stores.redis.client import Scripts, connect
from tests.parts.kinds import ON_BOTH
from tests.parts.waiting import eventually

NAME, PASSWORD = "anna", "correct horse"
HOME, CAFE = "192.0.2.7", "203.0.113.9"


class Clock:
    """A clock that moves only when a test sets it."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guessing(redis_url: str, clock: Clock) -> Iterator[SignInThrottle]:
    """Yield the throttle on an empty Redis, for an account that knows HOME."""
    client = connect(redis_url, 5)
    eventually(client.flushdb)
    throttle = SignInThrottle(FailedSignInStore(Scripts(client), clock))
    throttle.remember(NAME, HOME)
    yield throttle
    client.close()


def guess(guessing: SignInThrottle, address: str, *, right: bool = False, name: str = NAME) -> int | None:
    """Try to sign in. Return the seconds to wait, 0 for a wrong password, `None` for a success."""
    try:
        with guessing.attempt(name, address):
            if not right:
                raise InvalidCredentials()
    except InvalidCredentials:
        return 0
    except RateLimited as refusal:
        return refusal.retry_after
    return None


def exhaust(guessing: SignInThrottle, address: str) -> None:
    """Guess until there is a wait."""
    assert any(guess(guessing, address) for _ in range(100))


@ON_BOTH
def test_after_a_few_failures_each_further_one_waits_longer_and_even_the_right_password_waits(
    guessing: SignInThrottle, clock: Clock
) -> None:
    assert [guess(guessing, HOME) for _ in range(6)] == [0, 0, 0, 0, 0, 1]
    waits = []
    for _ in range(6):
        waits.append(guess(guessing, HOME, right=True) or 0)
        clock.now += waits[-1]
        assert guess(guessing, HOME) == 0
    assert waits == [1, 2, 4, 8, 16, 32]


def test_a_name_that_nobody_has_waits_just_the_same(guessing: SignInThrottle) -> None:
    waits = [guess(guessing, CAFE) for _ in range(8)]
    unknown_waits = [guess(guessing, CAFE, name="nobody here") for _ in range(8)]
    assert waits == unknown_waits


def test_a_success_clears_the_count_and_time_does(guessing: SignInThrottle, clock: Clock) -> None:
    for _ in range(4):
        guess(guessing, HOME)
    assert guess(guessing, HOME, right=True) is None
    assert [guess(guessing, HOME) for _ in range(6)] == [0, 0, 0, 0, 0, 1]
    clock.now += 5 * 3600
    assert [guess(guessing, HOME) for _ in range(6)] == [0, 0, 0, 0, 0, 1]


def test_strangers_do_not_lock_out_a_network_that_the_account_knows(guessing: SignInThrottle) -> None:
    for host in range(60):
        exhaust(guessing, f"198.51.{host}.1")
    assert guess(guessing, HOME, right=True) is None


def test_guesses_from_many_networks_get_slow_together(guessing: SignInThrottle) -> None:
    guesses = sum(guess(guessing, f"198.51.{host}.1") == 0 for host in range(200))
    assert guesses <= 20


def test_one_customers_many_ipv6_networks_do_not_help(guessing: SignInThrottle) -> None:
    guesses = sum(guess(guessing, f"2001:db8::{host:x}") == 0 for host in range(50))
    guesses += sum(guess(guessing, f"2001:db8:0:{host:x}::1") == 0 for host in range(1, 300))
    assert guesses <= 20


def test_the_owner_in_a_new_place_waits_a_bounded_time_whatever_strangers_do(
    guessing: SignInThrottle, clock: Clock
) -> None:
    def strangers() -> None:
        for host in range(30):
            guess(guessing, f"198.51.{host}.1")

    for _ in range(12):
        strangers()
        clock.now += 300
    strangers()
    wait = guess(guessing, CAFE, right=True)
    assert wait is not None
    assert 0 < wait <= 300
    for _ in range(10):
        clock.now += wait / 10
        strangers()
    assert guess(guessing, CAFE, right=True) is None
    assert guess(guessing, CAFE, right=True) is None, "it is known now"


def test_a_clock_that_steps_back_makes_no_wait_longer(guessing: SignInThrottle, clock: Clock) -> None:
    exhaust(guessing, HOME)
    clock.now -= 7200
    wait = guess(guessing, HOME, right=True) or 0
    assert 0 < wait <= 900
    clock.now += wait
    assert guess(guessing, HOME, right=True) is None, "the wait that was told is all of it"


def run_concurrently(count: int, call: Callable[[], int | None]) -> list[int | None]:
    with ThreadPoolExecutor(count) as pool:
        return [answer.result() for answer in [pool.submit(call) for _ in range(count)]]


@pytest.mark.parametrize(("right", "answer", "times"), [(False, 0, 5), (True, None, 20)])
def test_wrong_guesses_at_the_same_moment_are_counted_and_right_ones_all_sign_in(
    guessing: SignInThrottle, right: bool, answer: int | None, times: int
) -> None:
    assert run_concurrently(20, lambda: guess(guessing, HOME, right=right)).count(answer) == times


def test_through_the_accounts_no_spelling_of_the_name_helps_and_no_key_tells_it(container: Container) -> None:
    container.accounts.register("Anna", PASSWORD, HOME)
    for spelling in ("anna", "ANNA", "anna\ufe0f", "a\u200bnna", "\uff41nna"):
        with pytest.raises(InvalidCredentials):
            container.accounts.login(spelling, "wrong horse", HOME)
    with pytest.raises(RateLimited):
        container.accounts.login("Anna", PASSWORD, HOME)
    keys = container.redis.keys("guesses:*")
    assert keys
    assert not any("anna" in key for key in keys)
