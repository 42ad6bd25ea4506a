"""The number of connections from one address that a web process holds."""

from __future__ import annotations

import contextlib

from deploy.door import Door


def test_an_address_gets_in_up_to_its_limit_and_again_when_one_has_left() -> None:
    door = Door(2)
    with contextlib.ExitStack() as stay:
        with door.admit("203.0.113.9") as first:
            assert first
            assert stay.enter_context(door.admit("203.0.113.9"))
            assert not stay.enter_context(door.admit("203.0.113.9"))
            assert stay.enter_context(door.admit("203.0.113.10")), "others have their own"
        assert stay.enter_context(door.admit("203.0.113.9"))


def test_a_connection_that_ends_in_an_error_has_left_too() -> None:
    door = Door(1)
    for _ in range(3):
        with contextlib.suppress(OSError), door.admit("203.0.113.9") as may_stay:
            assert may_stay
            raise OSError("broken")


def test_behind_a_proxy_everybody_has_its_address_and_nobody_is_counted() -> None:
    door = Door.for_process(1, trusted_proxies=1)
    with contextlib.ExitStack() as stay:
        assert all(stay.enter_context(door.admit("10.0.0.1")) for _ in range(500))


def test_an_ipv6_client_counts_by_its_network() -> None:
    door = Door(1)
    with door.admit("2001:db8:1:2::1"), door.admit("2001:db8:1:2:3:4:5:6") as may_stay:
        assert not may_stay


def test_a_place_that_is_kept_for_a_socket_is_taken_until_it_is_given_up() -> None:
    door = Door(1)
    with door.admit("203.0.113.9") as place:
        assert place
        place.keep()
    assert door.kept == 1
    with door.admit("203.0.113.9") as another:
        assert not another
    place.give_up()
    assert door.kept == 0
    with door.admit("203.0.113.9") as another:
        assert another
