"""The waits between sign-in attempts, and the addresses that count as one."""

from __future__ import annotations

import pytest

from app.domain.guessing import OWN, STRANGERS, Waits
from app.domain.networks import network_of, wide_network_of


def test_waits_begin_after_the_free_failures_grow_and_end() -> None:
    assert [Waits(3, 10).seconds_after(failures) for failures in range(9)] == [0, 0, 0, 1, 2, 4, 8, 10, 10]
    assert Waits(3, 10).table() == (0, 0, 1, 2, 4, 8, 10)


@pytest.mark.parametrize("waits", [OWN, STRANGERS])
def test_no_wait_is_longer_than_a_quarter_of_an_hour(waits: Waits) -> None:
    assert waits.table()[-1] == waits.seconds_after(10**9) == waits.longest <= 900


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:51000", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:DB8:0:0:ffff::5", "2001:db8::/64"),
        ("[2001:db8::1]:443", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
    ],
)
def test_an_ipv6_address_counts_by_its_64_and_an_ipv4_address_by_itself(address: str, network: str) -> None:
    assert network_of(address) == network
    assert network_of(network) == network


def test_a_wide_network_is_what_one_customer_may_hold() -> None:
    assert wide_network_of("192.0.2.7") == wide_network_of("192.0.2.200") == "192.0.2.0/24"
    assert wide_network_of("2001:db8:1:2::1") == wide_network_of("2001:db8:1:ff::1") == "2001:db8:1::/48"
