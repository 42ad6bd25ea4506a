"""The check that clients can be told apart, from the players that signed in and their addresses."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from app.containers.container import Container
from app.services.accounts.sign_ins import SignIns
from app.services.operations.checks import clients
from app.stores.accounts.sign_ins import SignInStore
from tests.parts.kinds import ON_BOTH


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sign_ins(container: Container, clock: Clock) -> SignIns:
    return SignIns(SignInStore(container.redis), clock=clock)


@pytest.mark.parametrize(
    ("addresses", "players", "state"),
    [
        (["192.0.2.1"], 19, "ok"),
        (["192.0.2.1"], 20, "note"),
        (["2001:db8::1"], 30, "note"),
        (["192.0.2.1", "192.0.2.2"], 39, "ok"),
        (["192.0.2.1", "192.0.2.2"], 40, "note"),
        ([f"192.0.2.{number}" for number in range(4)], 200, "ok"),
        ([], 0, "ok"),
    ],
)
def test_many_players_from_few_addresses_are_worth_a_note(
    sign_ins: SignIns, addresses: list[str], players: int, state: str
) -> None:
    """Use the same players each time: with 40 random ones the estimate is 39 in one of twenty runs."""
    for number in range(players):
        sign_ins.note(addresses[number % len(addresses)], UUID(int=number), unread_forwarding=False)
    finding = clients(sign_ins.recent())
    assert finding.state == state
    assert (addresses[-1] in finding.message) == (state == "note") if addresses else True


def test_one_player_who_signs_in_again_and_again_is_one(sign_ins: SignIns) -> None:
    player = uuid4()
    for _ in range(50):
        sign_ins.note("192.0.2.1", player, unread_forwarding=False)
    assert clients(sign_ins.recent()).state == "ok"


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_a_crowd_on_this_machine_counts_only_if_it_came_through_a_proxy(sign_ins: SignIns, address: str) -> None:
    for _ in range(50):
        sign_ins.note(address, uuid4(), unread_forwarding=False)
    assert sign_ins.recent().players == 0
    for _ in range(50):
        sign_ins.note(address, uuid4(), unread_forwarding=True)
    assert clients(sign_ins.recent()).state == "note"


@ON_BOTH
def test_what_was_two_hours_ago_is_forgotten(sign_ins: SignIns, clock: Clock) -> None:
    for _ in range(30):
        sign_ins.note("192.0.2.1", uuid4(), unread_forwarding=False)
    clock.now += 3600
    assert clients(sign_ins.recent()).state == "note"
    clock.now += 3600
    assert sign_ins.recent().players == 0


def test_a_sign_in_does_not_depend_on_redis(sign_ins: SignIns, container: Container) -> None:
    container.redis.set("sign-ins:{players}:500000", "no HyperLogLog")
    sign_ins.note("192.0.2.1", uuid4(), unread_forwarding=False)
